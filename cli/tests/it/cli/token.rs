//! `capy token`: made once, shown once, listed and revoked.

use capy_protocol::token::Token;

use crate::sandbox::{Sandbox, contains};
use crate::stand_in::Fault;

/// The token that `capy token create` prints, and its id.
fn create(sandbox: &Sandbox, arguments: &[&str]) -> (String, String) {
    let created = sandbox.capy(&[&["token", "create"], arguments].concat()).succeeds();
    let token = created.stdout.strip_suffix('\n').unwrap().to_owned();
    assert!(Token::parse(&token).is_ok(), "stdout holds the token and nothing else");
    assert!(!created.stderr.contains(&token));
    let id = created.stderr.rsplit_once(' ').unwrap().1.trim_end().to_owned();
    (token, id)
}

#[test]
fn a_token_is_printed_once_and_kept_nowhere_on_this_machine() {
    let sandbox = Sandbox::project();
    let (token, id) = create(&sandbox, &["--scope", "deploy", "--label", "ci", "--expires", "90d"]);
    assert!(sandbox.files().iter().all(|(_, content)| !contains(content, &token)));
    let sent = sandbox.service.seen().pop().unwrap();
    let project = sandbox.read("capy.toml").split('"').nth(1).unwrap().to_owned();
    let body: serde_json::Value = serde_json::from_str(&sent.body).unwrap();
    assert_eq!(body["scopes"][0], format!("deploy:{project}"), "the project here is meant");
    assert_eq!(body["expires_in"], 90 * 86_400);
    let listed = sandbox.capy(&["token", "list"]).succeeds();
    assert!(listed.stdout.contains(&id) && !listed.stdout.contains(&token), "{}", listed.stdout);
}

#[test]
fn the_list_shows_scopes_use_and_state() {
    let sandbox = Sandbox::project();
    let nothing = sandbox.capy(&["token", "list"]).succeeds();
    assert_eq!((nothing.stdout.as_str(), nothing.stderr.as_str()), ("", "no API tokens yet\n"));
    create(&sandbox, &["--scope", "read:prj_b", "--scope", "deploy:prj_b", "--label", "a b"]);
    let (_, id) = create(&sandbox, &["--scope", "admin"]);
    let revoked = sandbox.capy(&["token", "revoke", &id]).succeeds();
    assert_eq!(revoked.stderr, format!("token {id} is revoked: the service refuses it from now on\n"));
    let listed = sandbox.capy(&["token", "list"]).succeeds();
    insta::assert_snapshot!("token_list", listed.shown());
    let json: serde_json::Value =
        serde_json::from_str(&sandbox.capy(&["token", "list", "--json"]).succeeds().stdout).unwrap();
    assert_eq!(json["tokens"][0]["token_id"], id);
}

#[test]
fn a_token_logs_in_until_it_is_revoked_and_does_no_more_than_its_scopes() {
    let sandbox = Sandbox::project();
    let (token, id) = create(&sandbox, &["--scope", "read"]);
    let url = sandbox.service.url();
    let other = Sandbox::new();
    let login = other.capy_with(&["login", "--url", &url], &token).succeeds();
    assert!(login.stderr.starts_with(&format!("logged in to {url} as {id} (read:prj_")), "{}", login.stderr);
    other.capy(&["token", "list", "--url", &url]).fails(23, "FORBIDDEN");
    sandbox.capy(&["token", "revoke", &id]).succeeds();
    other.capy(&["token", "list", "--url", &url]).fails(22, "TOKEN_REVOKED");
    sandbox.service.fail_next([Fault::Refuse(401, "TOKEN_EXPIRED")]);
    other.capy(&["token", "list", "--url", &url]).fails(22, "TOKEN_EXPIRED");
}

#[test]
fn a_mistyped_token_is_not_sent() {
    let mut sandbox = Sandbox::project();
    let (token, _) = create(&sandbox, &["--scope", "admin"]);
    let before = sandbox.service.seen().len();
    let url = sandbox.service.url();
    sandbox.capy_with(&["login", "--url", &url], &token[..53]).fails(2, "TOKEN_MISTYPED");
    sandbox.env.insert("CAPY_TOKEN".into(), format!("{token}x"));
    sandbox.env.insert("CAPY_SERVICE_URL".into(), url);
    sandbox.capy(&["token", "list"]).fails(2, "TOKEN_MISTYPED");
    assert_eq!(sandbox.service.seen().len(), before);
}

#[test]
fn what_is_no_scope_id_or_time_is_refused_before_anything_is_sent() {
    let sandbox = Sandbox::project();
    let before = sandbox.service.seen().len();
    sandbox.capy(&["token", "create", "--scope", "root"]).fails(2, "SCOPE_MALFORMED");
    sandbox.capy(&["token", "revoke", "tok_1"]).fails(2, "TOKEN_ID_MALFORMED");
    for arguments in [&["token", "create"][..], &["token", "create", "--scope", "admin", "--expires", "soon"]]
    {
        assert_eq!(sandbox.capy(arguments).code, 2, "{arguments:?}");
    }
    assert_eq!(sandbox.service.seen().len(), before);
}

#[test]
fn a_token_that_could_not_be_handed_over_is_revoked_again() {
    let sandbox = Sandbox::project();
    let mut command = sandbox.command(&["token", "create", "--scope", "admin"]);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let status = command.stdout(full).stderr(std::process::Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(1));
    let listed = sandbox.capy(&["token", "list"]).succeeds();
    assert!(listed.stdout.contains("revoked "), "{}", listed.stdout);
}
