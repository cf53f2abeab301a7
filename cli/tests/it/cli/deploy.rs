//! `capy deploy`, `deploy list`, `deploy revoke`.

use std::fs;
use std::process::Stdio;

use crate::sandbox::{CANARY, Sandbox};
use crate::stand_in::Fault;

pub(crate) const PRINT: [&str; 4] = ["deploy", "--platform", "other", "--print"];

pub(crate) fn with_secrets() -> Sandbox {
    let sandbox = Sandbox::project();
    sandbox.capy_with(&["set", "A"], "canary.A.x9").succeeds();
    sandbox.write(".env", &format!("{}B='canary.B.x9'\n", sandbox.read(".env")));
    sandbox
}

#[test]
fn lines_go_to_stdout_and_steps_to_stderr() {
    let sandbox = with_secrets();
    for platform in ["vercel", "docker"] {
        let outcome = sandbox.capy(&["deploy", "--platform", platform, "--print"]).succeeds();
        insta::assert_snapshot!(format!("deploy_{platform}"), outcome.shown());
    }
    let json = sandbox.capy(&["deploy", "--platform", "vercel", "--json", "--label", "preview"]).succeeds();
    insta::assert_snapshot!("deploy_json", json.shown());
}

#[test]
fn no_value_and_no_key_reaches_the_service() {
    let sandbox = with_secrets();
    let lines = sandbox.capy(&PRINT).succeeds().stdout;
    let key = lines.lines().find_map(|line| line.strip_prefix("PROJECT_KEY=")).unwrap();
    let sent = format!("{:?}", sandbox.service.seen());
    assert!(sent.contains("inner_blob"));
    assert!(!sent.contains(key) && !sent.contains(CANARY));
}

#[test]
fn each_credential_and_format_opens_on_the_platform() {
    for extra in [
        &[][..],
        &["--credential", "deploy-key"],
        &["--format", "v0"],
        &["--format", "v0", "--credential", "deploy-key"],
    ] {
        let mut sandbox = with_secrets();
        let lines = sandbox.capy(&[&PRINT, extra].concat()).succeeds().stdout;
        assert_eq!(lines.contains("_CAPY_DEPLOY_KEY="), extra.contains(&"deploy-key"), "{lines}");
        sandbox.become_platform(&lines);
        let run = sandbox.capy(&["run", "--", "sh", "-c", "echo $A $B"]).succeeds();
        assert_eq!(run.stdout, "canary.A.x9 canary.B.x9\n", "{extra:?}");
    }
}

#[test]
fn only_the_named_variables_are_deployed() {
    let mut sandbox = with_secrets();
    sandbox.capy(&[&PRINT[..], &["--only", "A,NOPE"]].concat()).fails(1, "NAME_NOT_FOUND");
    assert!(sandbox.service.deploys().is_empty());
    let lines = sandbox.capy(&[&PRINT[..], &["--only", "B"]].concat()).succeeds().stdout;
    sandbox.become_platform(&lines);
    let run = sandbox.capy(&["run", "--", "sh", "-c", "echo ${A-unset} $B"]).succeeds();
    assert_eq!(run.stdout, "unset canary.B.x9\n");
}

#[test]
fn what_does_not_fit_the_platform_is_refused_before_the_service_is_asked() {
    let sandbox = with_secrets();
    sandbox.capy_with(&["set", "LONG"], &"x".repeat(5000)).succeeds();
    let pages = ["deploy", "--platform", "cloudflare-pages", "--print"];
    let refused = sandbox.capy(&pages).fails(1, "DEPLOYMENT_TOO_LARGE");
    assert!(refused.stderr.contains("5120 are allowed in one variable"), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("--only") && refused.stderr.contains("--blob-file"),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains("--split"), "{}", refused.stderr);
    // All variables together are too long there: more of them are no way out.
    let lambda = sandbox.capy(&["deploy", "--platform", "aws-lambda-image", "--json"]);
    let lambda = lambda.fails(1, "DEPLOYMENT_TOO_LARGE");
    assert!(!lambda.stderr.contains("--split") && lambda.stderr.contains("--blob-file"), "{}", lambda.stderr);
    assert!(!format!("{:?}", sandbox.service.seen()).contains("POST"), "nothing was registered");
    sandbox.capy(&[&pages[..], &["--only", "A,B"]].concat()).succeeds();
    let edge = sandbox.capy(&["deploy", "--platform", "vercel", "--print"]).succeeds();
    assert!(edge.stderr.contains("warning: SECRETS_BLOB has"), "{}", edge.stderr);
}

#[test]
fn what_the_platform_sets_itself_is_told_with_whose_value_counts() {
    let mut sandbox = with_secrets();
    for (name, value) in [("PORT", "4000"), ("NODE_ENV", "staging")] {
        sandbox.capy_with(&["set", name], value).succeeds();
    }
    let note = |platform: &str, only: &str| {
        let told = sandbox.capy(&["deploy", "--platform", platform, "--print", "--only", only]).succeeds();
        let notes: Vec<_> = told.stderr.lines().filter(|line| line.contains(" itself")).collect();
        notes.join("\n")
    };
    let heroku = note("heroku", "A,PORT");
    assert!(heroku.starts_with("note: Heroku sets PORT itself (https://devcenter.heroku.com/"), "{heroku}");
    assert!(heroku.ends_with("gives the program your value, but the platform uses its own"), "{heroku}");
    let vercel = note("vercel", "A,NODE_ENV,PORT");
    assert!(vercel.starts_with("note: the system there sets NODE_ENV itself: the build gets"), "{vercel}");
    assert_eq!((note("heroku", "A"), note("vercel", "A,PORT")), (String::new(), String::new()));

    // It is as the note says: what is set on the platform gives way to the deployment.
    let lines = sandbox.capy(&["deploy", "--platform", "heroku", "--print"]).succeeds().stdout;
    sandbox.become_platform(&lines);
    sandbox.env.insert("PORT".into(), "5000".into());
    assert_eq!(sandbox.capy(&["run", "--", "sh", "-c", "echo $PORT"]).succeeds().stdout, "4000\n");
}

#[test]
fn what_cannot_be_deployed_registers_nothing() {
    let sandbox = Sandbox::project();
    sandbox.capy(&PRINT).fails(10, "NO_ENV_FILE");
    sandbox.write(".env", "# nothing\n");
    sandbox.capy(&PRINT).fails(1, "NOTHING_TO_DEPLOY");
    for ambiguous in ["A=can#ary\n", "A=canary\nline two\n"] {
        sandbox.write(".env", ambiguous);
        sandbox.capy(&PRINT).fails(1, "ENV_FILE_AMBIGUOUS");
    }
    sandbox.write(".env", "A=1\n");
    sandbox.capy(&["deploy", "--platform", "other"]).fails(2, "NO_OUTPUT");
    sandbox.capy(&["deploy", "--platform", "nope", "--print"]).fails(2, "PLATFORM_UNKNOWN");
    let environment = ["deploy", "--platform", "vercel", "--environment", "nope", "--print"];
    sandbox.capy(&environment).fails(2, "ENVIRONMENT_UNKNOWN");
    sandbox.capy(&["deploy", "--platform", "other", "--only", ",", "--print"]).fails(1, "NAME_NOT_FOUND");
    assert!(sandbox.service.deploys().is_empty());
}

#[test]
fn a_deployment_that_could_not_be_printed_is_revoked_again() {
    let sandbox = with_secrets();
    print_to_nobody(&sandbox, &PRINT);
    let deploys = sandbox.service.deploys();
    assert!(deploys.len() == 1 && deploys[0].revoked_at.is_some());
}

/// With a full disk where the output goes.
pub(crate) fn print_to_nobody(sandbox: &Sandbox, arguments: &[&str]) {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let status = sandbox.command(arguments).stdout(full).stderr(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(1));
}

#[test]
fn a_deployment_is_noted_as_nobodys_before_the_service_may_have_it() {
    let sandbox = with_secrets();
    let noted = || fs::read_dir(sandbox.config("unclaimed")).map_or(0, Iterator::count);
    sandbox.service.fail_next([Fault::Refuse(401, "UNAUTHORIZED")]);
    sandbox.capy(&PRINT).fails(22, "UNAUTHORIZED");
    assert_eq!(noted(), 0, "a refusal makes nothing");
    // It is registered, and no answer ever comes.
    sandbox.service.fail_always(Fault::LoseAnswer);
    sandbox.capy(&PRINT).fails(20, "SERVICE_UNREACHABLE");
    sandbox.service.recover();
    assert_eq!((sandbox.service.deploys().len(), noted()), (1, 1));
    let list = sandbox.capy(&["deploy", "list", "--json"]).succeeds().stdout;
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list["deploys"][0]["unclaimed"], true);
    assert!(sandbox.capy(&["deploy", "list"]).succeeds().stdout.contains("live, unclaimed"));
    let lines = sandbox.capy(&PRINT).succeeds();
    assert!(!lines.stdout.is_empty());
    assert_eq!(noted(), 1, "what was printed is somebody's");
}

#[test]
fn a_registration_whose_answer_got_lost_is_revoked_and_made_anew() {
    let mut sandbox = with_secrets();
    sandbox.service.fail_next([Fault::LoseAnswer]);
    let lines = sandbox.capy(&PRINT).succeeds().stdout;
    let deploys = sandbox.service.deploys();
    assert_eq!(deploys.len(), 2);
    assert_eq!(deploys.iter().filter(|deploy| deploy.revoked_at.is_some()).count(), 1);
    sandbox.become_platform(&lines);
    sandbox.capy(&["run", "--", "true"]).succeeds();
}

#[test]
fn deployments_are_listed_and_revoked_by_a_prefix() {
    let sandbox = with_secrets();
    assert_eq!(sandbox.capy(&["deploy", "list"]).succeeds().stdout, "");
    let json =
        sandbox.capy(&["deploy", "--platform", "vercel", "--json", "--label", "for main"]).succeeds().stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let id = json["deploy_id"].as_str().unwrap();
    insta::assert_snapshot!("deploy_list", sandbox.capy(&["deploy", "list"]).succeeds().shown());

    sandbox.capy(&["deploy", "revoke", &id[..3]]).fails(2, "PREFIX_MALFORMED");
    sandbox.capy(&["deploy", "revoke", "../.."]).fails(2, "PREFIX_MALFORMED");
    let other = if id.starts_with("ffff") { "0000" } else { "ffff" };
    sandbox.capy(&["deploy", "revoke", other]).fails(43, "PREFIX_UNKNOWN");
    insta::assert_snapshot!(
        "deploy_revoke",
        sandbox.capy(&["deploy", "revoke", &id[..12]]).succeeds().shown()
    );
    sandbox.capy(&["deploy", "revoke", id]).succeeds();
    let listed = sandbox.capy(&["deploy", "list"]).succeeds().stdout;
    assert!(listed.contains("revoked 2023-11-14T22:16:40Z"), "{listed}");
    let json = sandbox.capy(&["deploy", "list", "--json"]).succeeds().stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["deploys"][0]["deploy_id"], id);
}

#[test]
fn the_terms_of_a_deployment_reach_the_service_and_its_list() {
    let mut sandbox = with_secrets();
    let terms = ["--expires", "90d", "--max-uses", "1", "--cidr", "10.0.0.0/8", "--cidr", "2001:db8::7"];
    let lines = sandbox.capy(&[&PRINT[..], &terms].concat()).succeeds().stdout;
    let deploys = sandbox.service.deploys();
    assert_eq!(deploys[0].max_uses, Some(1));
    let sent = sandbox.service.seen().into_iter().find(|seen| seen.path == "/deploy").unwrap().body;
    assert!(
        sent.contains(r#""expires_in":7776000,"max_uses":1,"cidrs":["10.0.0.0/8","2001:db8::7"]"#),
        "{sent}"
    );
    let listed = sandbox.capy(&["deploy", "list"]).succeeds().stdout;
    assert!(listed.contains("0 of 1") && listed.contains("live until 20"), "{listed}");
    assert!(listed.contains(" from 10.0.0.0/8, …"), "{listed}");
    sandbox.become_platform(&lines);
    sandbox.capy(&["run", "--", "true"]).succeeds();
    sandbox.capy(&["run", "--", "true"]).fails(47, "DEPLOY_USED_UP");
    for (status, code, exit) in
        [(410, "DEPLOY_EXPIRED", 46), (403, "ADDRESS_NOT_ALLOWED", 48), (422, "WRAP_ROOT_GONE", 49)]
    {
        sandbox.service.fail_next([Fault::Refuse(status, code)]);
        let refused = sandbox.capy(&["run", "--", "true"]).fails(exit, code);
        assert!(refused.stderr.contains("\nhint: "), "{}", refused.stderr);
    }
}

#[test]
fn terms_that_mean_nothing_are_refused_before_anything_is_asked() {
    let sandbox = with_secrets();
    for terms in [
        ["--expires", "soon"],
        ["--expires", "10ms"],
        ["--max-uses", "0"],
        ["--cidr", "10.0.0.1/8"],
        ["--cidr", "example.com"],
    ] {
        let refused = sandbox.capy(&[&PRINT[..], &terms].concat());
        assert_eq!(refused.code, 2, "{terms:?}");
    }
    assert!(sandbox.service.deploys().is_empty());
}

#[test]
fn all_deployments_are_revoked_after_a_question() {
    let sandbox = with_secrets();
    sandbox.capy(&PRINT).succeeds();
    sandbox.capy(&PRINT).succeeds();
    sandbox.capy(&["deploy", "revoke", "--all"]).fails(1, "NOT_CONFIRMED");
    assert!(sandbox.service.deploys().iter().all(|deploy| deploy.revoked_at.is_none()));
    assert_eq!(sandbox.capy(&["deploy", "revoke", "--all", "abcd"]).code, 2);
    let done = sandbox.capy(&["deploy", "revoke", "--all", "--yes"]).succeeds();
    assert!(done.stderr.contains("2 deployments are revoked"), "{}", done.stderr);
    assert!(sandbox.service.deploys().iter().all(|deploy| deploy.revoked_at.is_some()));
}

#[test]
fn a_wrong_login_cannot_deploy() {
    let sandbox = with_secrets();
    let login = sandbox.config("credentials.toml");
    let text = fs::read_to_string(&login).unwrap().replace("admin", "other");
    fs::write(&login, text).unwrap();
    sandbox.capy(&PRINT).fails(22, "UNAUTHORIZED");
}
