//! Where a deployment's blob goes: a file beside the code, or several short variables.

use std::fs;

use crate::cli::deploy::{PRINT, print_to_nobody, with_secrets};
use crate::sandbox::{CANARY, mode};

const TO_FILE: [&str; 6] = ["deploy", "--platform", "other", "--print", "--blob-file", "capy.blob"];

#[test]
fn a_blob_in_a_file_beside_the_code_opens_on_the_platform() {
    for extra in [&[][..], &["--credential", "deploy-key"]] {
        let mut sandbox = with_secrets();
        sandbox.capy_with(&["set", "LONG"], &"x".repeat(90_000)).succeeds();
        let pages = ["deploy", "--platform", "cloudflare-pages", "--blob-file", "capy.blob", "--print"];
        let lines = sandbox.capy(&[&pages[..], extra].concat()).succeeds().stdout;
        assert!(lines.contains("SECRETS_BLOB_FILE=capy.blob\n") && lines.len() < 300, "{lines}");
        assert!(!sandbox.read("capy.blob").contains(CANARY));
        assert_eq!(mode(&sandbox.path("capy.blob")), 0o644, "the user of a container reads it");
        sandbox.become_platform(&lines);
        let script = "echo $A ${#LONG} ${SECRETS_BLOB_FILE-unset}";
        let run = sandbox.capy(&["run", "--", "sh", "-c", script]).succeeds();
        assert_eq!(run.stdout, "canary.A.x9 90000 unset\n");
        fs::remove_file(sandbox.path("capy.blob")).unwrap();
        sandbox.capy(&["run", "--", "true"]).fails(32, "BLOB_FILE_UNREADABLE");
    }
}

#[test]
fn a_live_deployments_blob_is_replaced_only_on_a_yes() {
    let sandbox = with_secrets();
    sandbox.capy(&TO_FILE).succeeds();
    let old = sandbox.read("capy.blob");
    let refused = sandbox.capy(&TO_FILE).fails(1, "BLOB_FILE_IN_USE");
    assert!(refused.stderr.contains("pass --yes"), "{}", refused.stderr);
    assert_eq!((sandbox.service.deploys().len(), sandbox.read("capy.blob")), (1, old.clone()));
    sandbox.capy(&[&TO_FILE[..], &["--yes"]].concat()).succeeds();
    assert_ne!(sandbox.read("capy.blob"), old);

    sandbox.capy(&["deploy", "revoke", "--all", "--yes"]).succeeds();
    sandbox.capy(&TO_FILE).succeeds();
    sandbox.write("capy.blob", "my notes\n");
    sandbox.capy(&[&TO_FILE[..], &["--yes"]].concat()).fails(1, "BLOB_FILE_TAKEN");
    assert_eq!(sandbox.read("capy.blob"), "my notes\n");
}

#[test]
fn what_a_blob_file_held_comes_back_when_the_new_deployment_came_to_nothing() {
    let sandbox = with_secrets();
    sandbox.capy(&TO_FILE).succeeds();
    let old = sandbox.read("capy.blob");
    print_to_nobody(&sandbox, &[&TO_FILE[..], &["--yes"]].concat());
    assert_eq!(sandbox.read("capy.blob"), old);
    print_to_nobody(&sandbox, &[&PRINT[..], &["--blob-file", "new.blob"]].concat());
    assert!(!sandbox.path("new.blob").exists());
    // The service says no to the registration: the file was not touched at all.
    sandbox.service.fail_next([crate::stand_in::Fault::Refuse(403, "FORBIDDEN")]);
    sandbox.capy(&[&PRINT[..], &["--blob-file", "new.blob"]].concat()).fails(23, "FORBIDDEN");
    assert!(!sandbox.path("new.blob").exists());
    let made = sandbox.service.deploys().len();
    sandbox.capy(&[&PRINT[..], &["--blob-file", "no/such/folder/capy.blob"]].concat()).fails(1, "FILE_ERROR");
    assert_eq!(sandbox.service.deploys().len(), made, "a folder that takes no file is known in time");
}

#[test]
fn a_blob_that_is_split_over_short_variables_opens_when_all_of_them_are_there() {
    for (extra, blob) in [(&[][..], "SECRETS_BLOB"), (&["--credential", "deploy-key"], "_CAPY_SECRETS_BLOB")]
    {
        let mut sandbox = with_secrets();
        sandbox.capy_with(&["set", "LONG"], &"x".repeat(9000)).succeeds();
        let pages = ["deploy", "--platform", "cloudflare-pages", "--split", "--print"];
        let lines = sandbox.capy(&[&pages[..], extra].concat()).succeeds().stdout;
        let parts = lines.lines().filter(|line| line.trim_start_matches('_').contains("SECRETS_BLOB"));
        assert_eq!(parts.count(), 3, "{lines}");
        assert!(lines.lines().all(|line| line.split_once('=').unwrap().1.len() <= 5120), "{lines}");
        sandbox.become_platform(&lines);
        let script = format!("echo $A ${{#LONG}} ${{{blob}_2-unset}}");
        let run = sandbox.capy(&["run", "--", "sh", "-c", &script]).succeeds();
        assert_eq!(run.stdout, "canary.A.x9 9000 unset\n");
        let second = sandbox.env.remove(&format!("{blob}_2")).unwrap();
        let missing = sandbox.capy(&["run", "--", "true"]).fails(30, "CREDENTIALS_INCOMPLETE");
        assert!(
            missing.stderr.contains(&format!("{blob}_3 is set but {blob}_2 is not")),
            "{}",
            missing.stderr
        );
        let third = sandbox.env.insert(format!("{blob}_3"), second).unwrap();
        sandbox.env.insert(format!("{blob}_2"), third);
        assert_ne!(sandbox.capy(&["run", "--", "true"]).code, 0, "parts in another order");
        let whole = with_secrets().capy(&[&PRINT[..], extra].concat()).succeeds().stdout;
        sandbox.become_platform(&whole);
        let left_over = sandbox.capy(&["run", "--", "true"]).fails(32, "BLOB_MALFORMED");
        assert!(
            left_over.stderr.contains("joined with its numbered parts, is damaged"),
            "{}",
            left_over.stderr
        );
    }
    let sandbox = with_secrets();
    sandbox.capy_with(&["set", "LONG"], &"x".repeat(90_000)).succeeds();
    let pages = ["deploy", "--platform", "cloudflare-pages", "--split", "--print"];
    let refused = sandbox.capy(&pages).fails(1, "DEPLOYMENT_TOO_LARGE");
    assert!(refused.stderr.contains("SECRETS_BLOB_16 has"), "{}", refused.stderr);
}
