//! `capy login` and `capy logout`.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::Stdio;

use capy_test_support::needs;

use crate::cli::terminal::Terminal;
use crate::sandbox::{Sandbox, contains, mode};
use crate::stand_in::{ADMIN_TOKEN, Fault, StandIn};

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
    sandbox.env.insert("CAPY_SERVICE_URL".into(), sandbox.service.url());
    sandbox.capy(&["deploy", "list"]).succeeds();
}

#[test]
fn a_token_in_the_environment_goes_to_no_service_that_only_a_file_names() {
    let mut sandbox = Sandbox::project();
    let before = sandbox.service.seen().len();
    sandbox.env.insert("CAPY_TOKEN".into(), "canary".into());
    sandbox.capy(&["deploy", "list"]).fails(10, "TOKEN_WITHOUT_SERVICE_URL");
    sandbox.env.insert("CAPY_SERVICE_URL".into(), sandbox.service.url());
    sandbox.env.insert("CAPY_TOKEN".into(), "canary two".into());
    sandbox.capy(&["deploy", "list"]).fails(2, "TOKEN_MALFORMED");
    assert_eq!(sandbox.service.seen().len(), before);
}

/// A repository that was pulled, whose `capy.toml` names a service of its author's.
fn pulled() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("capy.toml", &project_file(&sandbox.service.url()));
    sandbox.write("below/deeper/.keep", "");
    sandbox
}

fn project_file(url: &str) -> String {
    format!("project_id = \"prj_pulled\"\nservice_url = \"{url}\"\n")
}

#[test]
fn a_piped_token_goes_to_no_service_that_only_a_pulled_repository_names() {
    let mut sandbox = pulled();
    for folder in ["", "below", "below/deeper"] {
        let mut login = sandbox.command(&["login"]);
        login.current_dir(sandbox.path(folder));
        let refused = sandbox.finish(login, "canary-token\n").fails(10, "SERVICE_URL_UNCONFIRMED");
        let hint = format!(
            "hint: if the token is for that service, run `capy login --url {}`",
            sandbox.service.url()
        );
        assert!(refused.stderr.contains(&hint), "{}", refused.stderr);
    }
    // A login that is known is no leave either: which of several services is meant, the repository must not say.
    let other = StandIn::start();
    sandbox.capy_with(&["login", "--url", &other.url()], ADMIN_TOKEN).succeeds();
    sandbox.write("capy.toml", &project_file(&other.url()));
    sandbox.capy_with(&["login"], "canary-token\n").fails(10, "SERVICE_URL_UNCONFIRMED");
    assert!(sandbox.service.seen().is_empty() && other.seen().len() == 1);
    sandbox.env.insert("CAPY_SERVICE_URL".into(), sandbox.service.url());
    sandbox.capy_with(&["login"], ADMIN_TOKEN).succeeds();
    assert_eq!(other.seen().len(), 1);
}

#[test]
fn at_a_terminal_an_unknown_service_of_a_repository_is_shown_and_confirmed() {
    let sandbox = pulled();
    let url = sandbox.service.url();
    for (answer, code) in [("n\n", Some(10)), ("\n", Some(10)), ("y\n", Some(0))] {
        let mut terminal = Terminal::start(&sandbox, &["login"]);
        terminal.wait_for(&format!("names the key service {url}, to which nobody logged in on this machine"));
        terminal.wait_for("[y/N] ");
        assert!(sandbox.service.seen().is_empty());
        terminal.type_keys(answer);
        if code == Some(0) {
            terminal.wait_for(&format!("API token for {url}: "));
            terminal.type_keys(&format!("{ADMIN_TOKEN}\n"));
        }
        let (ended, shown) = terminal.end();
        assert_eq!(ended, code, "{shown}");
    }
    assert_eq!(sandbox.service.seen().len(), 1);
    // Known from now on.
    let mut terminal = Terminal::start(&sandbox, &["login"]);
    terminal.wait_for(&format!("API token for {url}: "));
    terminal.type_keys(&format!("{ADMIN_TOKEN}\n"));
    let (code, shown) = terminal.end();
    assert!(code == Some(0) && !shown.contains("[y/N]"), "{shown}");
}

#[test]
fn plain_http_to_another_machine_is_refused() {
    let sandbox = Sandbox::new();
    sandbox
        .capy_with(&["login", "--url", "http://keys.example.com"], ADMIN_TOKEN)
        .fails(2, "SERVICE_URL_MALFORMED");
}

#[test]
fn what_others_could_read_is_taken_from_them_or_refused() {
    let sandbox = Sandbox::project();
    let loosen =
        |path: &std::path::Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let logins = sandbox.config("credentials.toml");
    loosen(&logins, 0o644);
    loosen(&sandbox.config(""), 0o755);
    let url = sandbox.service.url();
    sandbox.capy_with(&["login", "--url", &url], ADMIN_TOKEN).succeeds();
    assert_eq!((mode(&logins), mode(&sandbox.config(""))), (0o600, 0o700));

    sandbox.capy_with(&["set", "A"], "1").succeeds();
    let key = fs::read_dir(sandbox.config("keys")).unwrap().next().unwrap().unwrap().path();
    loosen(&key, 0o640);
    let refused = sandbox.capy(&["run", "--", "true"]).fails(11, "LOCAL_KEY_EXPOSED");
    assert!(refused.stderr.contains(&format!("hint: chmod 600 {}", key.display())), "{}", refused.stderr);
    loosen(&key, 0o600);
    sandbox.capy(&["run", "--", "true"]).succeeds();
}

#[test]
fn logins_at_once_lose_none() {
    let sandbox = Sandbox::new();
    let services: Vec<_> = (0..8).map(|_| StandIn::start()).collect();
    std::thread::scope(|scope| {
        for service in &services {
            let mut command = sandbox.command(&["login", "--url", &service.url()]);
            scope.spawn(move || {
                let mut child = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
                child.stdin.take().unwrap().write_all(ADMIN_TOKEN.as_bytes()).unwrap();
                assert!(child.wait().unwrap().success());
            });
        }
    });
    let kept = fs::read_to_string(sandbox.config("credentials.toml")).unwrap();
    assert!(services.iter().all(|service| kept.contains(&service.url())), "{}", kept.len());
}

#[test]
fn another_users_env_file_above_is_refused() {
    if !needs(rustix::process::geteuid().is_root(), "root, who can give a file away") {
        return;
    }
    let sandbox = Sandbox::project();
    sandbox.write(".env", "A=canary\n");
    sandbox.write("below/.keep", "");
    let list = || {
        let mut command = sandbox.command(&["list"]);
        command.current_dir(sandbox.path("below"));
        sandbox.finish(command, "")
    };
    list().succeeds();
    chown(sandbox.path(".env"), Some(65534), None).unwrap();
    list().fails(10, "FILE_OF_ANOTHER_USER");
    sandbox.capy(&["list"]).succeeds();
}

#[test]
fn a_project_file_of_somebody_else_steers_neither_terminal_nor_shell() {
    let sandbox = Sandbox::project();
    let project = sandbox.read("capy.toml");
    sandbox.write("capy.toml", &format!("{project}\"\\u001b]0;x\\u0007\" = 1\n"));
    let refused = sandbox.capy(&["deploy", "list"]).fails(10, "PROJECT_FILE_MALFORMED");
    assert!(!refused.stderr.contains(['\u{1b}', '\u{7}']), "{:?}", refused.stderr);
    let url = "https://keys.example.com/;$(id)";
    sandbox.write("capy.toml", &project.replace(&sandbox.service.url(), url));
    let refused = sandbox.capy(&["deploy", "list"]).fails(10, "NOT_LOGGED_IN");
    assert!(refused.stderr.contains(&format!("--url '{url}'`")), "{}", refused.stderr);
}
