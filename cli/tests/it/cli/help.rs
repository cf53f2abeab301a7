//! What a stranger reads first.

use crate::sandbox::{Sandbox, mode};

#[test]
fn help_texts() {
    let sandbox = Sandbox::new();
    insta::assert_snapshot!("help", sandbox.capy(&["--help"]).succeeds().shown());
    insta::assert_snapshot!("help_run", sandbox.capy(&["help", "run"]).succeeds().shown());
    insta::assert_snapshot!("help_deploy", sandbox.capy(&["help", "deploy"]).succeeds().shown());
    insta::assert_snapshot!("exit_codes", sandbox.capy(&["exit-codes"]).succeeds().shown());
    let help = sandbox.capy(&["help", "exit-codes"]).succeeds();
    assert!(help.stdout.contains("DEPLOY_REVOKED"));
}

#[test]
fn the_code_of_an_error_is_explained_and_a_mistyped_one_suggests_others() {
    let sandbox = Sandbox::new();
    let known = sandbox.capy(&["help", "deploy_revoked"]).succeeds();
    assert!(known.stdout.starts_with("DEPLOY_REVOKED\nExit code 44.\n\n"), "{}", known.stdout);
    let mistyped = sandbox.capy(&["help", "DEPLOY_REVOKD"]).fails(2, "HELP_TOPIC_UNKNOWN");
    assert!(mistyped.stderr.contains("hint: use one of: DEPLOY_REVOKED"), "{}", mistyped.stderr);
    assert!(mistyped.stderr.ends_with("help: capy help HELP_TOPIC_UNKNOWN\n"), "{}", mistyped.stderr);
}

#[test]
fn version_tells_version_commit_and_target() {
    let version = Sandbox::new().capy(&["--version"]).succeeds();
    assert_eq!(version.stdout, format!("capy {}\n", capy_client::VERSION));
    let (number, built) = capy_client::VERSION.split_once(" (").unwrap();
    assert_eq!(number, env!("CARGO_PKG_VERSION"));
    let (from, target) = built.strip_suffix(')').unwrap().split_once(", ").unwrap();
    let commit = from.rsplit(' ').next().unwrap();
    let is_id = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(from.contains("commit ") && (is_id || commit == "unknown"), "{from}");
    assert!(target.contains(std::env::consts::ARCH) && target.contains(std::env::consts::OS), "{target}");
}

#[test]
fn a_command_line_that_is_not_understood_ends_with_2() {
    let sandbox = Sandbox::new();
    for arguments in
        [&[][..], &["frobnicate"], &["run"], &["deploy"], &["set"], &["set", "A", "value"], &["run", "true"]]
    {
        let outcome = sandbox.capy(arguments);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""), "{arguments:?}");
    }
}

#[test]
fn keygen_prints_a_root_or_key_that_the_service_reads_and_nothing_else() {
    let sandbox = Sandbox::new();
    let one = sandbox.capy(&["service", "keygen"]).succeeds();
    let two = sandbox.capy(&["service", "keygen"]).succeeds();
    assert_eq!(one.stderr, "");
    assert_ne!(one.stdout, two.stdout);
    assert!(capy_protocol::wrap::WrapRoots::parse(&one.stdout).is_ok());
    let key = sandbox.capy(&["service", "keygen", "--encryption-key"]).succeeds();
    assert_eq!((key.stdout.len(), key.stderr.as_str()), (65, ""));
    assert!(capy_protocol::store_keys::StoreKeys::parse(&key.stdout).is_ok());
    let token = sandbox.capy(&["service", "keygen", "--admin-token"]).succeeds();
    assert!(capy_protocol::token::Token::parse(token.stdout.trim_end()).is_ok());
}

#[test]
fn keygen_writes_what_a_new_service_needs_to_a_private_file_and_never_over_one() {
    let sandbox = Sandbox::new();
    let keygen = ["service", "keygen", "--secrets-file", "service.secrets"];
    let made = sandbox.capy(&keygen).succeeds();
    assert_eq!(mode(&sandbox.path("service.secrets")), 0o600);
    let text = sandbox.read("service.secrets");
    let (token, roots) = text.strip_prefix("ADMIN_TOKEN=").unwrap().split_once("\nWRAP_ROOTS=").unwrap();
    assert!(capy_protocol::token::Token::parse(token).is_ok());
    assert!(capy_protocol::wrap::WrapRoots::parse(roots.trim_end()).is_ok());
    assert_eq!(made.stdout, "");
    assert!(!made.stderr.contains(token) && !made.stderr.contains(roots.trim_end()), "{}", made.stderr);
    let again = sandbox.capy(&keygen);
    assert!(again.code == 1 && again.stderr.contains("service.secrets"), "{}", again.stderr);
    assert_eq!(sandbox.read("service.secrets"), text);
}
