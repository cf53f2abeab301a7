//! `capy deploy --check`.

use std::fs;

use crate::cli::deploy::{PRINT, with_secrets};
use crate::sandbox::Sandbox;

const CHECK: [&str; 4] = ["deploy", "--check", "--held", "held.env"];

/// A project of which a platform holds a deployment.
fn with_deployment(extra: &[&str]) -> Sandbox {
    let sandbox = with_secrets();
    let lines = sandbox.capy(&[&PRINT[..], extra].concat()).succeeds().stdout;
    sandbox.write("held.env", &lines);
    sandbox
}

#[test]
fn what_a_platform_holds_is_checked_against_the_local_file_by_name() {
    let sandbox = with_deployment(&[]);
    let lines = sandbox.read("held.env");
    let good = sandbox.capy(&CHECK).succeeds();
    assert!(good.stderr.contains("is good") && good.stderr.contains("2 variables"), "{}", good.stderr);
    assert!(sandbox.capy_with(&["deploy", "--check", "--held", "-"], &lines).code == 0);

    sandbox.capy_with(&["set", "A"], "canary.other.x9").succeeds();
    sandbox.capy_with(&["set", "C"], "canary.C.x9").succeeds();
    sandbox.capy(&["unset", "B"]).succeeds();
    let stale = sandbox.capy(&CHECK).fails(1, "DEPLOYMENT_STALE");
    assert!(stale.stderr.contains("changed: A; missing there: C; only there: B"), "{}", stale.stderr);
    assert!(stale.stderr.contains("hint: make a new deployment"), "{}", stale.stderr);
    let nothing = sandbox.capy(&["deploy", "--check"]).fails(10, "NOTHING_HELD");
    assert!(nothing.stderr.contains("and pass --held FILE"), "{}", nothing.stderr);

    let list = sandbox.capy(&["deploy", "list", "--json"]).succeeds().stdout;
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    sandbox.capy(&["deploy", "revoke", list["deploys"][0]["deploy_id"].as_str().unwrap()]).succeeds();
    sandbox.capy(&CHECK).fails(44, "DEPLOY_REVOKED");
    sandbox.write("held.env", "SECRETS_BLOB=x\n");
    sandbox.capy(&CHECK).fails(30, "CREDENTIALS_INCOMPLETE");
}

#[test]
fn a_check_is_no_use_and_asks_from_where_it_may_not_be_opened() {
    for credential in ["project-key", "deploy-key"] {
        let terms = ["--max-uses", "1", "--cidr", "192.0.2.0/24", "--credential", credential];
        let mut sandbox = with_deployment(&terms);
        for _ in 0..2 {
            sandbox.capy(&CHECK).succeeds();
        }
        let deploy = &sandbox.service.deploys()[0];
        assert_eq!((deploy.uses, deploy.last_used_at), (0, None));
        assert!(!sandbox.service.seen().iter().any(|seen| seen.path.ends_with("/decrypt")));
        let lines = sandbox.read("held.env");
        let platform = sandbox.env.clone();
        for line in lines.lines() {
            let (name, value) = line.split_once('=').unwrap();
            sandbox.env.insert(name.into(), value.into());
        }
        sandbox.capy(&["run", "--", "true"]).succeeds();
        sandbox.env = platform;
        sandbox.capy(&CHECK).fails(47, "DEPLOY_USED_UP");
    }
}

#[test]
fn another_deployments_key_and_an_altered_blob_are_told_apart() {
    let sandbox = with_deployment(&[]);
    let mine = sandbox.read("held.env");
    let other = sandbox.capy(&PRINT).succeeds().stdout;
    let line =
        |lines: &str, name: &str| lines.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    let url = line(&mine, "CAPY_SERVICE_URL");
    let blob = line(&mine, "SECRETS_BLOB");
    sandbox.write("held.env", &format!("{url}\n{blob}\n{}\n", line(&other, "PROJECT_KEY")));
    sandbox.capy(&CHECK).fails(40, "WRONG_PROJECT_KEY");
    // A digit of what is sealed, far behind the id.
    let (head, tail) = blob.split_at(blob.len() - 20);
    let altered = if tail.starts_with('A') { "B" } else { "A" };
    let altered = format!("{url}\n{head}{altered}{}\n{}\n", &tail[1..], line(&mine, "PROJECT_KEY"));
    sandbox.write("held.env", &altered);
    sandbox.capy(&CHECK).fails(41, "BLOB_TAMPERED");
    let elsewhere = mine.replace(&sandbox.service.url(), "https://keys.example.com");
    sandbox.write("held.env", &elsewhere);
    sandbox.capy(&CHECK).fails(1, "OTHER_SERVICE");
}

#[test]
fn what_another_machine_made_is_opened_only_when_that_is_asked_for() {
    let sandbox = with_deployment(&[]);
    fs::remove_dir_all(sandbox.config("deployments")).unwrap();
    let unknown = sandbox.capy(&CHECK).fails(1, "CONTENTS_UNKNOWN");
    assert!(unknown.stderr.contains("--open"), "{}", unknown.stderr);
    assert_eq!(sandbox.service.deploys()[0].uses, 0);
    let open = [&CHECK[..], &["--open"]].concat();
    sandbox.capy(&open).succeeds();
    assert_eq!(sandbox.service.deploys()[0].uses, 1);
    sandbox.capy(&["unset", "B"]).succeeds();
    let stale = sandbox.capy(&open).fails(1, "DEPLOYMENT_STALE");
    assert!(stale.stderr.contains("only there: B"), "{}", stale.stderr);
}

#[test]
fn a_deployment_of_chosen_variables_is_checked_for_those() {
    let sandbox = with_deployment(&["--only", "B"]);
    sandbox.capy(&CHECK).succeeds();
    let more = sandbox.capy(&[&CHECK[..], &["--only", "A,B"]].concat()).fails(1, "DEPLOYMENT_STALE");
    assert!(more.stderr.contains("missing there: A"), "{}", more.stderr);
}

#[test]
fn a_relative_blob_file_is_found_beside_the_project_and_one_of_the_platforms_can_be_named() {
    let sandbox = with_deployment(&["--blob-file", "capy.blob"]);
    fs::create_dir(sandbox.path("below")).unwrap();
    let from_below = |more: &[&str]| {
        let arguments = [&["deploy", "--check", "--held", "../held.env"], more].concat();
        let mut command = sandbox.command(&arguments);
        command.current_dir(sandbox.path("below"));
        sandbox.finish(command, "")
    };
    from_below(&[]).succeeds();
    let held = sandbox.read("held.env").replace("=capy.blob", "=/srv/app/capy.blob");
    sandbox.write("held.env", &held);
    from_below(&[]).fails(32, "BLOB_FILE_UNREADABLE");
    from_below(&["--blob-file", "../capy.blob"]).succeeds();
}
