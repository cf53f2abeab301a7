//! What is seen first of the two commands of the README: what they are about to do, before anything is looked for,
//! compiled or fetched.

use std::path::Path;
use std::process::Command;

/// Runs `cargo xtask COMMAND` where no other program can be found, and returns what it printed.
fn without_any_program(command: &[&str]) -> String {
    let home = tempfile::tempdir().unwrap();
    let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
    xtask.args(command).env_clear().env("PATH", "").env("HOME", home.path()).env("CI", "true");
    let output = xtask.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{stderr}");
    assert!(output.stdout.is_empty(), "{stderr}");
    stderr
}

#[test]
fn demo_and_test_say_what_they_do_before_they_need_a_program() {
    let demo = "The main job of Capy";
    for (command, first, missing) in [
        (["demo"].as_slice(), demo, "rustc: cannot start"),
        (["demo", "--installed"].as_slice(), demo, "node is not on PATH"),
        (["test"].as_slice(), "The tests of the workspace", "rustc: cannot start"),
    ] {
        let printed = without_any_program(command);
        assert!(printed.starts_with(first), "{command:?}: {printed}");
        assert!(printed.contains(missing), "{command:?}: {printed}");
    }
}

#[test]
fn cargo_shows_what_it_compiles_before_the_first_command() {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cargo/config.toml");
    let text = std::fs::read_to_string(config).unwrap();
    let alias = text.lines().find(|line| line.starts_with("xtask = ")).unwrap();
    assert!(alias.contains("run ") && !alias.contains("-q") && !alias.contains("--quiet"), "{alias}");
}
