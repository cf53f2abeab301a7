//! `capy-inline` as a program: exit codes, and what goes to which stream. Opening a blob is the journeys' part.
#![cfg(feature = "bin")]

use std::process::{Command, Output};

fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_capy-inline"));
    command.args(arguments).env_clear().envs(variables.iter().copied());
    command.output().unwrap()
}

#[track_caller]
fn assert_fails(out: &Output, code: i32, words: &str) {
    let text = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(code), "{text}");
    assert!(text.contains(words), "{text}");
    assert!(out.stdout.is_empty());
}

#[test]
fn without_credentials_it_says_which_ones_it_wants() {
    let out = run(&[], &[]);
    assert_fails(&out, 2, "error[CREDENTIALS_MISSING]");
    assert_fails(&out, 2, "hint: set SECRETS_BLOB and PROJECT_KEY");
}

#[test]
fn half_a_pair_names_what_was_found_and_prints_no_value() {
    let out = run(&[], &[("PROJECT_KEY", "canary.PROJECT_KEY.x9")]);
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!out.status.success() && text.contains("PROJECT_KEY"), "{text}");
    assert!(text.contains("error[CREDENTIALS_INCOMPLETE]"), "{text}");
    assert!(!text.contains("canary."), "{text}");
}

#[test]
fn a_report_for_scripts_names_the_error_that_ended_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    for (arguments, expected) in [
        (&["--report", "json"][..], "CREDENTIALS_MISSING"),
        (&["--explain", "--report", "json", folder], "UNKNOWN_LAYOUT"),
    ] {
        let out = run(arguments, &[]);
        assert!(!out.status.success());
        let printed: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!(printed["error"]["code"], expected);
        assert!(!printed["error"]["message"].as_str().unwrap().is_empty());
        assert!(String::from_utf8_lossy(&out.stderr).contains(expected));
    }
}

#[test]
fn an_unknown_flag_is_wrong_use() {
    assert_fails(&run(&["--no-such-flag"], &[]), 2, "--no-such-flag");
}
