//! Files on Windows: whose they are, and that they are replaced whole.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::windows::desk::{Desk, mode};

#[test]
fn what_holds_a_secret_is_the_users_alone_and_is_not_read_when_it_is_not() {
    let Some(desk) = Desk::with_project() else { return };
    let toml = desk.read("capy.toml");
    let id = toml.lines().next().unwrap().split('"').nth(1).unwrap();
    let key = desk.settings("keys").join(id);
    for path in [&key, &desk.settings("keys"), &desk.settings("credentials.toml")] {
        assert_eq!(mode(path) & 0o007, 0, "{}", path.display());
    }
    desk.capy_with(&["set", "A"], "canary.A.x9").succeeds();
    assert_eq!(mode(&desk.path(".env")) & 0o007, 0);
    // Who shares a key is told, as on Unix.
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    desk.capy(&["run", "--", "node", "-e", "0"]).fails(11, "LOCAL_KEY_EXPOSED");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    desk.capy(&["run", "--", "node", "-e", "0"]).succeeds();
}

#[test]
fn an_edit_replaces_the_whole_file_and_keeps_its_line_ends() {
    let Some(desk) = Desk::with_project() else { return };
    desk.write(".env", "# mine\r\nA=1\r\nB=2\r\n");
    desk.capy_with(&["set", "A"], "canary.A.x9").succeeds();
    let edited = desk.read(".env");
    let lines: Vec<_> = edited.split("\r\n").collect();
    assert_eq!((lines.len(), lines[0], lines[2], lines[3]), (4, "# mine", "B=2", ""), "{edited:?}");
    assert!(lines[1].starts_with("A=") && !edited.contains("canary"), "{edited:?}");
    desk.capy(&["unset", "A"]).succeeds();
    assert_eq!(desk.read(".env"), "# mine\r\nB=2\r\n");
    let names = fs::read_dir(desk.path("")).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = names.filter(|name| name.to_string_lossy().starts_with(".env")).collect();
    assert_eq!(left, [".env"], "nothing is left beside it");
}

#[test]
fn a_file_that_another_program_reads_is_replaced_or_named_and_stays_whole() {
    let Some(desk) = Desk::with_project() else { return };
    desk.write(".env", "A=1\r\n");
    // As an editor opens it that lets others read, write and delete.
    let capy = crate::windows::wine::named(&desk.wine.programs.join("capy.exe"));
    let hold = format!(
        "const fs = require('fs'); const file = fs.openSync('.env', 'r');
        const set = require('child_process').spawnSync({capy:?}, ['set', 'B'], {{ input: '2' }});
        process.stderr.write(set.stderr); process.exit(set.status);"
    );
    desk.write("hold.js", &hold);
    let node = desk.command_of(desk.wine.node.join("node.exe").as_ref(), &["hold.js"]);
    let outcome = desk.finish(node, "");
    let text = desk.read(".env");
    match outcome.code {
        0 => assert!(text.starts_with("A=1\r\nB="), "{text:?}"),
        _ => {
            assert!(outcome.stderr.contains("error[FILE_ERROR]: "), "{}", outcome.stderr);
            assert_eq!(text, "A=1\r\n");
        }
    }
}
