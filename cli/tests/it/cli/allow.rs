//! Folders that nobody has read: what their `.env` may set, and that no local key opens anything for them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::cli::terminal::Terminal;
use crate::sandbox::{Outcome, Sandbox, mode};

fn run_in(sandbox: &Sandbox, folder: &Path, arguments: &[&str]) -> Outcome {
    let mut command = sandbox.command(arguments);
    command.current_dir(folder);
    sandbox.finish(command, "canary")
}

fn only_record(sandbox: &Sandbox) -> std::path::PathBuf {
    let records: Vec<_> = fs::read_dir(sandbox.config("allowed")).unwrap().collect();
    assert_eq!(records.len(), 1);
    records[0].as_ref().unwrap().path()
}

#[test]
fn a_plain_env_file_with_plain_names_needs_no_leave() {
    let sandbox = Sandbox::new();
    sandbox.write(".env", "A=1\nNODE_ENV=test\nPORT=3000\nPYTHONUNBUFFERED=1\n");
    let run = sandbox.capy(&["run", "--", "sh", "-c", "echo $A $PORT"]).succeeds();
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("1 3000\n", ""));
    assert!(!sandbox.config("").exists());
}

#[test]
fn names_that_run_code_are_refused_in_a_folder_that_nobody_allowed() {
    let mut sandbox = Sandbox::new();
    for name in
        ["LD_PRELOAD", "NODE_OPTIONS", "BASH_ENV", "ENV", "GIT_SSH_COMMAND", "npm_config_script_shell"]
    {
        sandbox.write(".env", &format!("A=1\n{name}=./canary\n"));
        let run = ["run", "--", "sh", "-c", "echo $A"];
        let refused = sandbox.capy(&run).fails(12, "FOLDER_NOT_ALLOWED");
        let folder = sandbox.path("").canonicalize().unwrap();
        assert!(refused.stderr.contains(&format!("its .env sets {name} (")), "{}", refused.stderr);
        assert!(refused.stderr.contains(&format!("capy allow {}", folder.display())), "{}", refused.stderr);
        assert!(refused.stderr.contains("or pass --allow-loader for one run"), "{}", refused.stderr);
        sandbox.capy(&[&["run", "--inline"], &run[1..]].concat()).fails(12, "FOLDER_NOT_ALLOWED");
    }
    let echo = ["--", "sh", "-c", "echo $NODE_OPTIONS"];
    sandbox.write(".env", "NODE_OPTIONS=--no-deprecation\n");
    let once = sandbox.capy(&[&["run", "--allow-loader"], &echo[..]].concat()).succeeds();
    assert_eq!(once.stdout, "--no-deprecation\n");
    sandbox.capy(&[&["run"], &echo[..]].concat()).fails(12, "FOLDER_NOT_ALLOWED");

    let allowed = sandbox.capy(&["allow"]).succeeds();
    assert!(allowed.stderr.contains("its .env sets NODE_OPTIONS ("), "{}", allowed.stderr);
    let record = only_record(&sandbox);
    assert_eq!((mode(&record), mode(record.parent().unwrap())), (0o600, 0o700));
    assert_eq!(sandbox.capy(&[&["run"], &echo[..]].concat()).succeeds().stdout, "--no-deprecation\n");
    sandbox.capy(&["deny"]).succeeds();
    sandbox.capy(&[&["run"], &echo[..]].concat()).fails(12, "FOLDER_NOT_ALLOWED");
    sandbox.capy(&["deny"]).succeeds();

    // What is set already wins over `.env`, but for --override: then nothing of `.env` takes effect.
    sandbox.env.insert("NODE_OPTIONS".into(), "--trace-exit".into());
    assert_eq!(sandbox.capy(&[&["run"], &echo[..]].concat()).succeeds().stdout, "--trace-exit\n");
    sandbox.capy(&[&["run", "--override"], &echo[..]].concat()).fails(12, "FOLDER_NOT_ALLOWED");
    sandbox.write(".env", "PATH=./canary\n");
    sandbox.capy(&["run", "--", "true"]).succeeds();
    sandbox.capy(&["run", "--override", "--", "true"]).fails(12, "FOLDER_NOT_ALLOWED");
}

#[test]
fn a_folder_where_init_ran_passes_everything() {
    let sandbox = Sandbox::project();
    sandbox.write(".env", "NODE_OPTIONS=x\n");
    sandbox.capy_with(&["set", "A"], "1").succeeds();
    sandbox.write("below/deeper/.keep", "");
    let run =
        run_in(&sandbox, &sandbox.path("below/deeper"), &["run", "--", "sh", "-c", "echo $A $NODE_OPTIONS"]);
    assert_eq!(run.succeeds().stdout, "1 x\n");
    sandbox.write("below/other.env", "NODE_OPTIONS=y\n");
    sandbox.capy(&["run", "--env-file", "below/other.env", "--", "true"]).succeeds();
}

/// A project of mine, and beside it a folder of somebody else's that names it.
fn foreign() -> Sandbox {
    let sandbox = Sandbox::project();
    sandbox.capy_with(&["set", "A"], "canary.A.x9").succeeds();
    sandbox.write("foreign/capy.toml", &sandbox.read("capy.toml"));
    sandbox.write("foreign/.env", &sandbox.read(".env"));
    sandbox
}

#[test]
fn a_local_key_opens_nothing_for_a_folder_that_nobody_allowed() {
    let sandbox = foreign();
    let folder = sandbox.path("foreign");
    let before = sandbox.read("foreign/.env");
    let ran = sandbox.path("ran").display().to_string();
    let held = sandbox.path("held").display().to_string();
    sandbox.write("held", "SECRETS_BLOB=x\nPROJECT_KEY=y\n");
    let commands: [&[&str]; 8] = [
        &["run", "--", "touch", &ran],
        &["run", "--allow-loader", "--", "touch", &ran],
        &["run", "--inline", "--", "touch", &ran],
        &["set", "B"],
        &["encrypt"],
        &["deploy", "--platform", "other", "--print"],
        &["deploy", "--check", "--held", &held],
        &["store", "project", "create", "x", "--from", ".env"],
    ];
    for command in commands {
        let refused = run_in(&sandbox, &folder, command).fails(12, "FOLDER_NOT_ALLOWED");
        assert!(
            refused.stderr.contains("its capy.toml asks for the key of project prj_"),
            "{}",
            refused.stderr
        );
        assert!(!refused.stderr.contains("--allow-loader"), "{}", refused.stderr);
    }
    assert!(!sandbox.path("ran").exists() && sandbox.service.deploys().is_empty());
    assert_eq!(sandbox.read("foreign/.env"), before);
    // A plain file with plain names is run there as dotenv would, and a key that is not here opens nothing anyway.
    sandbox.write("foreign/.env", "A=1\n");
    run_in(&sandbox, &folder, &["run", "--", "true"]).succeeds();
    sandbox.write("foreign/.env", &before);
    sandbox.capy(&["allow", "foreign"]).succeeds();
    let run = run_in(&sandbox, &folder, &["run", "--", "sh", "-c", "echo $A"]).succeeds();
    assert_eq!(run.stdout, "canary.A.x9\n");
}

#[test]
fn a_leave_ends_when_the_folder_moves_or_names_another_project() {
    let sandbox = foreign();
    let run = ["run", "--", "true"];
    let folder = sandbox.path("foreign");
    sandbox.capy(&["allow", "foreign"]).succeeds();
    run_in(&sandbox, &folder, &run).succeeds();
    // By another way to the same folder.
    symlink("foreign", sandbox.path("link")).unwrap();
    run_in(&sandbox, &sandbox.path("link"), &run).succeeds();
    let moved = sandbox.path("moved");
    fs::rename(&folder, &moved).unwrap();
    run_in(&sandbox, &moved, &run).fails(12, "FOLDER_NOT_ALLOWED");
    fs::rename(&moved, &folder).unwrap();
    run_in(&sandbox, &folder, &run).succeeds();

    // A pull puts another project of mine there.
    sandbox.write("second/.keep", "");
    run_in(&sandbox, &sandbox.path("second"), &["init"]).succeeds();
    run_in(&sandbox, &sandbox.path("second"), &["set", "A"]).succeeds();
    for file in ["capy.toml", ".env"] {
        sandbox.write(&format!("foreign/{file}"), &sandbox.read(&format!("second/{file}")));
    }
    run_in(&sandbox, &folder, &run).fails(12, "FOLDER_NOT_ALLOWED");
    // A link in a folder of somebody else's to one that is allowed is that of the former.
    sandbox.write("third/.keep", "");
    symlink("../second/capy.toml", sandbox.path("third/capy.toml")).unwrap();
    symlink("../second/.env", sandbox.path("third/.env")).unwrap();
    run_in(&sandbox, &sandbox.path("third"), &run).fails(12, "FOLDER_NOT_ALLOWED");
}

#[test]
fn a_file_of_another_folder_is_asked_for_that_folder() {
    let sandbox = Sandbox::project();
    let other = tempfile::tempdir().unwrap();
    let file = other.path().join(".env");
    fs::write(&file, "NODE_OPTIONS=canary\n").unwrap();
    let run = ["run", "--env-file", file.to_str().unwrap(), "--", "true"];
    let refused = sandbox.capy(&run).fails(12, "FOLDER_NOT_ALLOWED");
    let other_path = other.path().canonicalize().unwrap();
    assert!(
        refused.stderr.contains(&format!("{} was not allowed", other_path.display())),
        "{}",
        refused.stderr
    );
    sandbox.capy(&["allow", other.path().to_str().unwrap()]).succeeds();
    sandbox.capy(&run).succeeds();
    // What a command that somebody typed pipes is no folder's.
    let piped = ["run", "--env-file", "/dev/stdin", "--", "sh", "-c", "echo $NODE_OPTIONS"];
    let run = sandbox.capy_with(&piped, "NODE_OPTIONS=x\n").succeeds();
    assert_eq!(run.stdout, "x\n");
}

#[test]
fn a_deployments_values_need_no_leave() {
    let mut sandbox = Sandbox::project();
    sandbox.capy_with(&["set", "NODE_OPTIONS"], "--no-deprecation").succeeds();
    let lines = sandbox.capy(&["deploy", "--platform", "other", "--print"]).succeeds().stdout;
    sandbox.become_platform(&lines);
    let run = sandbox.capy(&["run", "--", "sh", "-c", "echo $NODE_OPTIONS"]).succeeds();
    assert_eq!(run.stdout, "--no-deprecation\n");
}

#[test]
fn the_words_typed_in_a_folder_allow_it() {
    let sandbox = Sandbox::logged_in();
    let words = sandbox.capy(&["init"]).succeeds().stdout;
    sandbox.capy_with(&["set", "A"], "1").succeeds();
    sandbox.capy(&["deny"]).succeeds();
    sandbox.capy(&["run", "--", "true"]).fails(12, "FOLDER_NOT_ALLOWED");
    for forgotten in ["allowed", "keys"] {
        fs::remove_dir_all(sandbox.config(forgotten)).unwrap();
    }
    sandbox.capy_with(&["init", "--recover"], &words).succeeds();
    sandbox.capy(&["run", "--", "true"]).succeeds();
}

#[test]
fn a_record_that_was_altered_allows_nothing() {
    let sandbox = Sandbox::project();
    sandbox.capy_with(&["set", "A"], "1").succeeds();
    let record = only_record(&sandbox);
    let text = fs::read_to_string(&record).unwrap();
    for altered in
        [String::new(), "canary".into(), text.replace("prj_", "prj_x"), format!("{text}more = 1\n")]
    {
        fs::write(&record, &altered).unwrap();
        let run = sandbox.capy(&["run", "--", "true"]);
        let is_same = altered.starts_with(&text);
        assert_eq!(run.code, if is_same { 0 } else { 12 }, "{altered}: {}", run.stderr);
    }
}

#[test]
fn at_a_terminal_the_folder_is_asked_about_once() {
    let sandbox = foreign();
    sandbox.capy(&["deny"]).succeeds();
    let run = ["run", "--", "sh", "-c", "echo done:${#A}"];
    for (answer, code) in [("n\n", Some(12)), ("\n", Some(12)), ("y\n", Some(0))] {
        let mut terminal = Terminal::start(&sandbox, &run);
        terminal.wait_for("asks for the key of project prj_");
        terminal.wait_for("Allow it? Read those files first. [y/N] ");
        terminal.type_keys(answer);
        let (ended, shown) = terminal.end();
        assert_eq!((ended, shown.contains("done:11")), (code, code == Some(0)), "{shown}");
    }
    let (code, shown) = Terminal::start(&sandbox, &run).end();
    assert!(code == Some(0) && !shown.contains("[y/N]"), "{shown}");
}

#[test]
fn what_is_asked_tells_no_value_and_steers_no_terminal() {
    let sandbox = Sandbox::new();
    sandbox.write("\u{1b}[2Jx/.env", "NODE_OPTIONS=canary\n");
    let folder = sandbox.path("\u{1b}[2Jx");
    let refused = run_in(&sandbox, &folder, &["run", "--", "true"]).fails(12, "FOLDER_NOT_ALLOWED");
    assert!(!refused.stderr.contains('\u{1b}'), "{:?}", refused.stderr);
}
