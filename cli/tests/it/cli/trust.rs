//! CI identities: trusted by an admin, used by a job that has no API token.

use crate::sandbox::{Sandbox, contains};
use crate::stand_in::Fault;
use crate::stand_in::trusts::{RUNNER_PATH, RUNNER_TOKEN};

/// As a job of GitHub Actions, without a login.
fn job() -> Sandbox {
    let mut sandbox = Sandbox::project();
    std::fs::remove_file(sandbox.config("credentials.toml")).unwrap();
    let url = format!("{}{RUNNER_PATH}", sandbox.service.url());
    sandbox.env.insert("ACTIONS_ID_TOKEN_REQUEST_URL".into(), url);
    sandbox.env.insert("ACTIONS_ID_TOKEN_REQUEST_TOKEN".into(), RUNNER_TOKEN.into());
    sandbox
}

#[test]
fn a_trust_names_a_repository_and_is_listed_until_it_is_removed() {
    let sandbox = Sandbox::project();
    let nothing = sandbox.capy(&["token", "trust", "list"]).succeeds();
    assert_eq!(nothing.stderr, "no CI identity is trusted yet\n");
    let add = ["token", "trust", "add", "--repository", "o/r", "--scope"];
    let added = sandbox.capy(&[&add[..], &["deploy", "--ref", "refs/tags/v*"]].concat()).succeeds();
    let sent: serde_json::Value = serde_json::from_str(&sandbox.service.seen().pop().unwrap().body).unwrap();
    assert_eq!(sent["issuer"], "https://token.actions.githubusercontent.com");
    assert_eq!(sent["audience"], sandbox.service.url());
    sandbox.capy(&[&add[..], &["read:prj_b"]].concat()).succeeds();
    insta::assert_snapshot!("trust_list", sandbox.capy(&["token", "trust", "list"]).succeeds().shown());
    let id = added.stderr.split_once(':').unwrap().0;
    sandbox.capy(&["token", "trust", "remove", id]).succeeds();
    let left = sandbox.capy(&["token", "trust", "list", "--json"]).succeeds();
    assert!(!left.stdout.contains(id) && left.stdout.contains("read:prj_b"), "{}", left.stdout);
    sandbox.capy(&["token", "trust", "remove", "tru_1"]).fails(2, "TRUST_ID_MALFORMED");
    sandbox.capy(&[&add[..], &["everything"]].concat()).fails(2, "SCOPE_MALFORMED");
}

#[test]
fn a_star_inside_of_a_word_is_warned_of_when_it_is_added_and_listed() {
    let sandbox = Sandbox::project();
    let add = ["token", "trust", "add", "--repository", "o/r", "--scope", "read:prj_b"];
    for (option, value, warned) in [
        ("--ref", "refs/heads/main*", true),
        ("--ref", "*", true),
        ("--environment", "prod*", true),
        ("--workflow", ".github/workflows/a.yml@*", true),
        ("--ref", "refs/heads/main", false),
        ("--ref", "refs/heads/*", false),
        ("--workflow", ".github/workflows/a.yml@refs/tags/*", false),
    ] {
        let arguments = [&add[..], &[option, value]].concat();
        let added = sandbox.capy(&arguments).succeeds();
        assert_eq!(added.stderr.contains("warning: "), warned, "{option} {value}: {}", added.stderr);
        let json = sandbox.capy(&[&arguments[..], &["--json"]].concat()).succeeds().stdout;
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["warnings"].as_array().unwrap().len(), usize::from(warned), "{json}");
        assert!(json["trust_id"].as_str().unwrap().starts_with("tru_"), "{json}");
    }
    let listed = sandbox.capy(&["token", "trust", "list", "--json"]).succeeds();
    let warning = "warning: ref refs/heads/main* also matches names such as refs/heads/main-x\n";
    assert!(listed.stderr.contains(warning), "{}", listed.stderr);
    assert_eq!(listed.stderr.matches("warning: ").count(), 8, "{}", listed.stderr);
}

#[test]
fn a_job_shows_an_identity_that_is_made_for_the_service_and_keeps_nothing() {
    let sandbox = job();
    let listed = sandbox.capy(&["deploy", "list"]).succeeds();
    let asked = sandbox.service.seen();
    let asked: Vec<_> = asked.iter().rev().take(2).map(|seen| seen.path.as_str()).collect();
    let audience = sandbox.service.url().replace(':', "%3A").replace('/', "%2F");
    assert_eq!(asked[1], format!("{RUNNER_PATH}&audience={audience}"));
    assert!(asked[0].ends_with("/deploys"));
    for secret in [RUNNER_TOKEN, "canary.IDENTITY.x9"] {
        assert!(!listed.shown().contains(secret));
        assert!(sandbox.files().iter().all(|(_, content)| !contains(content, secret)));
    }
}

#[test]
fn a_job_whose_identity_is_refused_or_not_given_is_told_why() {
    let mut sandbox = job();
    sandbox.service.fail_next([Fault::Refuse(401, "UNAUTHORIZED")]);
    sandbox.capy(&["deploy", "list"]).fails(22, "IDENTITY_UNAVAILABLE");
    sandbox.capy(&["token", "list"]).fails(23, "FORBIDDEN");
    sandbox.env.insert("ACTIONS_ID_TOKEN_REQUEST_URL".into(), "http://runner.example/x".into());
    sandbox.capy(&["deploy", "list"]).fails(22, "IDENTITY_UNAVAILABLE");
    sandbox.env.remove("ACTIONS_ID_TOKEN_REQUEST_TOKEN");
    sandbox.capy(&["deploy", "list"]).fails(10, "NOT_LOGGED_IN");
}
