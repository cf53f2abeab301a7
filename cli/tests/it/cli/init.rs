//! `capy init`, with and without `--recover`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::sandbox::{Sandbox, contains, mode};

/// The words without their numbers.
fn words(stdout: &str) -> Vec<&str> {
    stdout.split_whitespace().filter(|word| !word.ends_with('.')).collect()
}

#[test]
fn a_new_project_shows_24_words_once_and_keeps_its_key_private() {
    let sandbox = Sandbox::logged_in();
    let outcome = sandbox.capy(&["init"]).succeeds();
    let words = words(&outcome.stdout);
    assert_eq!(words.len(), 24);
    assert_eq!(outcome.stdout.lines().count(), 6, "{}", outcome.stdout);
    insta::assert_snapshot!("init_stderr", outcome.shown().split("-- stderr\n").nth(1).unwrap());
    assert_eq!(sandbox.read(".gitignore"), ".env\n.env.*\ncapy.env\n!.env.example\n");

    let toml = sandbox.read("capy.toml");
    let id = toml.lines().next().unwrap().split('"').nth(1).unwrap();
    let url = sandbox.service.url();
    assert_eq!(toml, format!("project_id = \"{id}\"\nservice_url = \"{url}\"\n"));
    let key = sandbox.config("keys").join(id);
    assert_eq!((mode(&key), mode(&sandbox.config("keys"))), (0o600, 0o700));
    let phrase = words.join(" ");
    assert!(sandbox.files().iter().all(|(_, content)| !contains(content, &phrase)));
}

#[test]
fn a_config_folder_that_others_can_read_is_made_private() {
    let sandbox = Sandbox::logged_in();
    fs::set_permissions(sandbox.config(""), fs::Permissions::from_mode(0o755)).unwrap();
    sandbox.capy(&["init"]).succeeds();
    assert_eq!(mode(&sandbox.config("")), 0o700);
}

#[test]
fn nothing_is_overwritten() {
    let sandbox = Sandbox::project();
    let before = sandbox.files();
    sandbox.capy(&["init", "--url", "https://keys.example.com"]).fails(1, "ALREADY_INITIALISED");
    let again = sandbox.capy(&["init"]).succeeds();
    assert!(again.stderr.contains("has nothing left to do") && again.stdout.is_empty(), "{}", again.stderr);
    assert_eq!(sandbox.files(), before);
}

#[test]
fn words_that_could_not_be_shown_leave_no_project() {
    let sandbox = Sandbox::logged_in();
    let mut command = sandbox.command(&["init"]);
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let status = command.stdout(full).stderr(std::process::Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(1));
    assert!(!sandbox.path("capy.toml").exists() && !sandbox.config("keys").exists());
}

#[test]
fn without_a_login_the_url_must_be_named() {
    let sandbox = Sandbox::new();
    sandbox.capy(&["init"]).fails(10, "SERVICE_URL_MISSING");
    sandbox.capy(&["init", "--url", "https://keys.example.com"]).succeeds();
    assert!(sandbox.read("capy.toml").contains("https://keys.example.com"));
}

#[test]
fn the_words_bring_the_key_to_another_machine() {
    let sandbox = Sandbox::logged_in();
    let shown = sandbox.capy(&["init"]).succeeds().stdout;
    sandbox.capy_with(&["set", "A"], "canary.A.x9").succeeds();
    fs::remove_dir_all(sandbox.config("keys")).unwrap();
    sandbox.capy(&["run", "--", "true"]).fails(11, "LOCAL_KEY_MISSING");

    sandbox.capy_with(&["init", "--recover"], "abandon abandon").fails(11, "PHRASE_MALFORMED");
    let others = format!("{}art", "abandon ".repeat(23));
    sandbox.capy_with(&["init", "--recover"], &others).fails(11, "PHRASE_WRONG");
    assert!(!sandbox.config("keys").exists());

    // As it was printed, numbers included.
    let outcome = sandbox.capy_with(&["init", "--recover"], &shown).succeeds();
    assert!(!outcome.stderr.contains("no sealed value"), "{}", outcome.stderr);
    let run = sandbox.capy(&["run", "--", "sh", "-c", "echo $A"]).succeeds();
    assert_eq!(run.stdout, "canary.A.x9\n");
    sandbox.capy_with(&["init", "--recover"], &words(&shown).join("\n")).succeeds();
}

#[test]
fn recovery_never_replaces_another_key() {
    let sandbox = Sandbox::project();
    let others = format!("{}art", "abandon ".repeat(23));
    let before = sandbox.files();
    sandbox.capy_with(&["init", "--recover"], &others).fails(11, "LOCAL_KEY_DIFFERS");
    assert_eq!(sandbox.files(), before);
}

#[test]
fn an_env_file_that_git_tracks_or_would_take_up_is_pointed_out() {
    let sandbox = Sandbox::logged_in();
    sandbox.write(".env", "A=1\n");
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        let done =
            command.args(arguments).current_dir(sandbox.path("")).env("HOME", sandbox.path("")).output();
        assert!(done.unwrap().status.success());
    };
    git(&["init", "-q"]);
    sandbox.write(".gitignore", ".env\n.env.*\ncapy.env\n!.env.example\n!.env\n");
    let exposed = sandbox.capy(&["init"]).succeeds();
    assert!(exposed.stderr.contains("includes .env again"), "{}", exposed.stderr);
    fs::remove_file(sandbox.path("capy.toml")).unwrap();
    git(&["add", ".env"]);
    let outcome = sandbox.capy(&["init"]).succeeds();
    assert!(outcome.stderr.contains("git tracks .env"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("hint: run `git rm --cached .env`"), "{}", outcome.stderr);
    let again = sandbox.capy(&["init"]).succeeds();
    assert!(again.stderr.contains("git tracks .env"), "{}", again.stderr);
}

#[test]
fn a_gitignore_that_cannot_be_kept_right_leaves_no_project() {
    let sandbox = Sandbox::logged_in();
    fs::create_dir(sandbox.path(".gitignore")).unwrap();
    sandbox.capy(&["init"]).fails(1, "FILE_ERROR");
    assert!(!sandbox.path("capy.toml").exists() && !sandbox.config("keys").exists());
}

#[test]
fn a_key_file_that_holds_no_key_is_replaced_by_the_words() {
    let sandbox = Sandbox::logged_in();
    let shown = sandbox.capy(&["init"]).succeeds().stdout;
    sandbox.capy_with(&["set", "A"], "canary.A.x9").succeeds();
    let key = fs::read_dir(sandbox.config("keys")).unwrap().next().unwrap().unwrap().path();
    for broken in [&b"canary"[..], b"\xff"] {
        fs::write(&key, broken).unwrap();
        sandbox.capy(&["run", "--", "true"]).fails(11, "LOCAL_KEY_MALFORMED");
        sandbox.capy_with(&["init", "--recover"], &shown).succeeds();
        assert_eq!(sandbox.capy(&["run", "--", "sh", "-c", "echo $A"]).succeeds().stdout, "canary.A.x9\n");
    }
}
