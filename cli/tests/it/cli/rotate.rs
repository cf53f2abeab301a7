//! `capy deploy rotate`.

use std::fs;
use std::process::Stdio;

use crate::sandbox::Sandbox;

fn with_deployment(extra: &[&str]) -> (Sandbox, String) {
    let sandbox = Sandbox::project();
    sandbox.capy_with(&["set", "A"], "canary.A.x9").succeeds();
    let deploy = ["deploy", "--platform", "docker", "--json", "--label", "for main"];
    let json = sandbox.capy(&[&deploy[..], extra].concat()).succeeds().stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    (sandbox, json["deploy_id"].as_str().unwrap().to_owned())
}

#[test]
fn a_successor_has_the_same_terms_and_the_old_one_ends() {
    let terms = ["--expires", "90d", "--max-uses", "5", "--cidr", "10.0.0.0/8", "--credential", "deploy-key"];
    let (mut sandbox, old) = with_deployment(&terms);
    let lines = sandbox.capy(&["deploy", "rotate", &old[..8], "--yes"]).succeeds();
    assert!(lines.stderr.contains("is revoked; the new one replaces it"), "{}", lines.stderr);
    let deploys = sandbox.service.deploys();
    let (was, is): (Vec<_>, Vec<_>) = deploys.iter().partition(|deploy| deploy.deploy_id.to_string() == old);
    assert!(was[0].revoked_at.is_some() && is[0].revoked_at.is_none());
    assert_eq!((&was[0].label, &was[0].platform), (&is[0].label, &is[0].platform));
    assert_eq!(was[0].credential, is[0].credential);
    assert_eq!((was[0].max_uses, &was[0].cidrs), (is[0].max_uses, &is[0].cidrs));
    let sent: Vec<_> = sandbox.service.seen().into_iter().filter(|seen| seen.path == "/deploy").collect();
    assert!(sent[1].body.contains("\"expires_in\":"), "{}", sent[1].body);
    let seconds =
        |body: &str| serde_json::from_str::<serde_json::Value>(body).unwrap()["expires_in"].as_u64();
    // The stand-in's times of making and of expiry come from two clocks.
    assert!(seconds(&sent[1].body) >= seconds(&sent[0].body));
    sandbox.become_platform(&lines.stdout);
    assert_eq!(sandbox.capy(&["run", "--", "sh", "-c", "echo $A"]).succeeds().stdout, "canary.A.x9\n");
}

#[test]
fn nothing_is_made_when_nobody_can_be_asked() {
    let (sandbox, old) = with_deployment(&[]);
    sandbox.capy(&["deploy", "rotate", &old]).fails(1, "NOT_CONFIRMED");
    assert_eq!(sandbox.service.deploys().len(), 1);
}

#[test]
fn the_old_one_stays_when_the_successor_could_not_be_handed_over() {
    let (sandbox, old) = with_deployment(&[]);
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = sandbox.command(&["deploy", "rotate", &old, "--yes"]);
    let status = command.stdout(full).stderr(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(1));
    for deploy in sandbox.service.deploys() {
        let is_old = deploy.deploy_id.to_string() == old;
        assert_eq!(deploy.revoked_at.is_none(), is_old, "the old one lives, its successor does not");
    }
}

#[test]
fn what_is_not_live_has_no_successor() {
    let (sandbox, old) = with_deployment(&[]);
    sandbox.capy(&["deploy", "revoke", &old]).succeeds();
    sandbox.capy(&["deploy", "rotate", &old, "--yes"]).fails(44, "DEPLOY_REVOKED");
    let other = if old.starts_with("ffff") { "0000" } else { "ffff" };
    sandbox.capy(&["deploy", "rotate", other, "--yes"]).fails(43, "PREFIX_UNKNOWN");
    assert_eq!(sandbox.service.deploys().len(), 1);
}

/// The names inside the newest deployment, by opening it as its platform would.
fn opened(sandbox: &mut Sandbox, lines: &str) -> String {
    sandbox.become_platform(lines);
    sandbox.capy(&["run", "--", "sh", "-c", "echo ${A-unset} ${B-unset} ${C-unset}"]).succeeds().stdout
}

fn with_three_variables() -> Sandbox {
    let sandbox = Sandbox::project();
    for name in ["A", "B", "C"] {
        sandbox.capy_with(&["set", name], name).succeeds();
    }
    sandbox
}

fn only_deployment(sandbox: &Sandbox) -> String {
    sandbox.service.deploys()[0].deploy_id.to_string()
}

#[test]
fn a_successor_keeps_the_environment_the_variables_and_the_place_of_the_blob() {
    let mut sandbox = with_three_variables();
    let deploy = ["deploy", "--platform", "vercel", "--environment", "preview", "--print", "--only", "B"];
    sandbox.capy(&[&deploy[..], &["--blob-file", "capy.blob", "--label", "x"]].concat()).succeeds();
    let old = only_deployment(&sandbox);
    let before = sandbox.read("capy.blob");
    let rotated = sandbox.capy(&["deploy", "rotate", &old, "--yes"]).succeeds();
    assert!(rotated.stderr.contains("vercel env add PROJECT_KEY preview"), "{}", rotated.stderr);
    assert!(rotated.stdout.contains("SECRETS_BLOB_FILE=capy.blob\n"), "{}", rotated.stdout);
    assert_ne!(sandbox.read("capy.blob"), before);
    assert_eq!(opened(&mut sandbox, &rotated.stdout), "unset B unset\n");
}

#[test]
fn what_came_since_goes_along_only_where_all_were_meant_and_is_told() {
    let mut sandbox = with_three_variables();
    sandbox.capy(&["unset", "C"]).succeeds();
    sandbox.capy(&["deploy", "--platform", "docker", "--print"]).succeeds();
    let old = only_deployment(&sandbox);
    sandbox.capy_with(&["set", "C"], "C").succeeds();
    let rotated = sandbox.capy(&["deploy", "rotate", &old, "--yes"]).succeeds();
    assert!(rotated.stderr.contains(", and deployed, too: C\n"), "{}", rotated.stderr);
    assert_eq!(opened(&mut sandbox, &rotated.stdout), "A B C\n");
}

#[test]
fn what_another_machine_made_is_not_guessed() {
    let mut sandbox = with_three_variables();
    sandbox.capy(&["deploy", "--platform", "vercel", "--print", "--only", "A"]).succeeds();
    let old = only_deployment(&sandbox);
    fs::remove_dir_all(sandbox.config("deployments")).unwrap();
    let rotate = ["deploy", "rotate", &old, "--yes"];
    let unknown = sandbox.capy(&rotate).fails(2, "SUCCESSOR_UNKNOWN");
    assert!(unknown.stderr.contains("--environment NAME"), "{}", unknown.stderr);
    sandbox.capy(&[&rotate[..], &["--all"]].concat()).fails(2, "SUCCESSOR_UNKNOWN");
    assert_eq!(sandbox.service.deploys().len(), 1);
    let whole = [&rotate[..], &["--environment", "preview", "--only", "A,C"]].concat();
    let lines = sandbox.capy(&whole).succeeds().stdout;
    assert_eq!(opened(&mut sandbox, &lines), "A unset C\n");
}
