//! A `capy run` inside of another one: whose values it uses.

use crate::sandbox::Sandbox;

/// A folder whose npm runs `script`, which package.json says to be a `capy run`.
fn nested(sandbox: &mut Sandbox, script: &str) {
    let capy = sandbox.command(&[]).get_program().to_string_lossy().into_owned();
    sandbox.write_program("capy", &format!("#!/bin/sh\nexec {capy} \"$@\"\n"));
    sandbox.write_program("npm", &format!("#!/bin/sh\n{script}\n"));
    sandbox.write("package.json", r#"{"scripts":{"show":"capy run -- printenv A"}}"#);
}

const OUTER: [&str; 5] = ["run", "--", "npm", "run", "show"];

#[test]
fn an_env_file_of_another_folder_counts_over_the_values_of_the_outer_run() {
    let mut sandbox = Sandbox::new();
    sandbox.write(".env", "A=canary.outer.x9\nB=canary.B.x9\n");
    nested(&mut sandbox, "cd web && exec capy run -- printenv A");
    sandbox.write("web/index.html", "");
    assert_eq!(sandbox.capy(&OUTER).succeeds().stdout, "canary.outer.x9\n");
    sandbox.write("web/.env", "A=canary.inner.x9\n");
    let shown = sandbox.capy(&OUTER).succeeds();
    assert_eq!(shown.stdout, "canary.inner.x9\n");
    assert!(
        shown.stderr.contains("replace those of the `capy run` around this one: A\n"),
        "{}",
        shown.stderr
    );
    // A variable that somebody set wins, as without an outer run.
    sandbox.env.insert("A".into(), "canary.set.x9".into());
    assert_eq!(sandbox.capy(&OUTER).succeeds().stdout, "canary.set.x9\n");
}

#[test]
fn an_env_file_that_changed_since_or_is_named_is_opened_again() {
    let mut sandbox = Sandbox::new();
    sandbox.write(".env", "A=canary.outer.x9\n");
    sandbox.write("other.env", "A=canary.other.x9\n");
    nested(&mut sandbox, "exec capy run --env-file other.env -- printenv A");
    assert_eq!(sandbox.capy(&OUTER).succeeds().stdout, "canary.other.x9\n");
    nested(&mut sandbox, "echo A=canary.new.x9 > .env; exec capy run -- printenv A");
    assert_eq!(sandbox.capy(&OUTER).succeeds().stdout, "canary.new.x9\n");
}

#[test]
fn a_deployments_values_count_whatever_the_inner_run_says_of_env_files() {
    let mut sandbox = Sandbox::project();
    sandbox.capy_with(&["set", "A"], "canary.deployment.x9").succeeds();
    let lines = sandbox.capy(&["deploy", "--platform", "other", "--print"]).succeeds().stdout;
    sandbox.become_platform(&lines);
    sandbox.write(".env", "A=canary.file.x9\n");
    for inner in ["capy run", "capy run --override", "capy run --env-file .env"] {
        nested(&mut sandbox, &format!("exec {inner} -- printenv A"));
        assert_eq!(sandbox.capy(&OUTER).succeeds().stdout, "canary.deployment.x9\n", "{inner}");
    }
}

#[test]
fn a_variable_that_is_gone_is_named() {
    let mut sandbox = Sandbox::new();
    sandbox.write(".env", "A=canary.A.x9\nB=canary.B.x9\n");
    nested(&mut sandbox, "unset B; exec capy run -- printenv A");
    let shown = sandbox.capy(&OUTER).succeeds();
    assert!(shown.stderr.contains("not inlined: B\n"), "{}", shown.stderr);
}

#[test]
fn what_no_outer_run_wrote_is_ignored() {
    let mut sandbox = Sandbox::new();
    sandbox.write(".env", "A=canary.A.x9\n");
    for told in
        ["env-file B", "{}", r#"{"names":["B"],"opened":[],"env_file":{"path":"/x/.env","modified":1}}"#]
    {
        sandbox.env.insert("_CAPY_OUTER_RUN".into(), told.into());
        assert_eq!(
            sandbox.capy(&["run", "--", "printenv", "A"]).succeeds().stdout,
            "canary.A.x9\n",
            "{told}"
        );
    }
}
