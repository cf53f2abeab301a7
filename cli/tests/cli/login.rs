//! `capy login` and `capy logout`.

use crate::sandbox::{Sandbox, contains, mode};
use crate::stand_in::{ADMIN_TOKEN, Fault};

#[test]
fn a_login_is_checked_and_kept_for_this_user_alone() {
    let sandbox = Sandbox::new();
    let url = sandbox.service.url();
    let outcome = sandbox.capy_with(&["login", "--url", &url], &format!("{ADMIN_TOKEN}\n")).succeeds();
    insta::assert_snapshot!("login", outcome.shown());
    assert!(!outcome.stderr.contains(ADMIN_TOKEN));
    assert_eq!(mode(&sandbox.config("credentials.toml")), 0o600);
    assert_eq!(mode(&sandbox.config("")), 0o700);
    sandbox.capy(&["logout", "--url", &url]).succeeds();
    assert!(sandbox.files().iter().all(|(_, content)| !contains(content, ADMIN_TOKEN)));
    sandbox.capy(&["logout", "--url", &url]).fails(10, "NOT_LOGGED_IN");
}

#[test]
fn a_wrong_token_is_not_kept() {
    let sandbox = Sandbox::new();
    let url = sandbox.service.url();
    sandbox.capy_with(&["login", "--url", &url], "canary-token").fails(22, "UNAUTHORIZED");
    sandbox.capy_with(&["login", "--url", &url], "").fails(2, "NOTHING_TYPED");
    sandbox.service.fail_always(Fault::Status(503));
    sandbox.capy_with(&["login", "--url", &url], ADMIN_TOKEN).fails(20, "SERVICE_UNREACHABLE");
    assert!(!sandbox.config("credentials.toml").exists());
}

#[test]
fn a_damaged_login_file_is_refused_without_showing_it() {
    let sandbox = Sandbox::project();
    std::fs::write(sandbox.config("credentials.toml"), "token = canary").unwrap();
    sandbox.capy(&["deploy", "list"]).fails(10, "LOGINS_MALFORMED");
}

#[test]
fn a_token_in_the_environment_needs_no_login() {
    let mut sandbox = Sandbox::project();
    std::fs::remove_file(sandbox.config("credentials.toml")).unwrap();
    sandbox.capy(&["deploy", "list"]).fails(10, "NOT_LOGGED_IN");
    sandbox.env.insert("CAPY_TOKEN".into(), ADMIN_TOKEN.into());
    sandbox.capy(&["deploy", "list"]).succeeds();
}

#[test]
fn plain_http_to_another_machine_is_refused() {
    let sandbox = Sandbox::new();
    sandbox
        .capy_with(&["login", "--url", "http://keys.example.com"], ADMIN_TOKEN)
        .fails(2, "SERVICE_URL_MALFORMED");
}
