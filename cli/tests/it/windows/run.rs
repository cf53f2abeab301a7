//! `capy run` on Windows: what is found, what it gets, and how it ends.

use crate::windows::desk::{CANARY, Desk};

/// Prints a variable's value for each argument.
const SHOW: &str = "for (const name of process.argv.slice(2)) console.log(name + '=' + process.env[name]);";

#[test]
fn a_script_of_npms_is_found_by_its_name_and_gets_the_secrets() {
    let Some(desk) = Desk::new() else { return };
    desk.write_program("show", SHOW);
    desk.write(".env", "API_KEY=canary.API_KEY.x9\r\nEMPTY=\r\n# a comment\r\nQUOTED=\"a b\"\r\n");
    let run = desk.capy(&["run", "--", "show", "API_KEY", "EMPTY", "QUOTED"]).succeeds();
    assert_eq!(run.stdout.replace('\r', ""), "API_KEY=canary.API_KEY.x9\nEMPTY=\nQUOTED=a b\n");
    assert!(!run.stderr.contains(CANARY), "{}", run.stderr);
    // A program, and one that a path names.
    let node = ["run", "--", "node", "-e", "console.log(process.env.API_KEY.length)"];
    assert_eq!(desk.capy(&node).succeeds().stdout.trim(), "17");
    let named = desk.capy(&["run", "--", r"bin\show", "QUOTED"]).succeeds();
    assert_eq!(named.stdout.trim(), "QUOTED=a b");
    let whole = desk.capy(&["run", "--", r".\bin\show.cmd", "QUOTED"]).succeeds();
    assert_eq!(whole.stdout.trim(), "QUOTED=a b");
}

#[test]
fn a_program_in_the_folder_itself_is_not_run_unasked() {
    let Some(desk) = Desk::new() else { return };
    desk.write(".env", "A=1\r\n");
    desk.write("show.cmd", "@echo off\r\necho planted\r\n");
    desk.capy(&["run", "--", "show"]).fails(127, "COMMAND_NOT_FOUND");
    assert_eq!(desk.capy(&["run", "--", r".\show"]).succeeds().stdout.trim(), "planted");
}

#[test]
fn every_exit_code_is_the_commands() {
    let Some(desk) = Desk::new() else { return };
    desk.write(".env", "A=1\r\n");
    desk.write_program("leave", "process.exit(Number(process.argv[2]));");
    for code in [0, 7, 255] {
        desk.capy(&["run", "--", "leave", &code.to_string()]).ends(code);
    }
    // All 32 bits, which only a program of Windows sees.
    let capy = crate::windows::wine::named(&desk.wine.programs.join("capy.exe"));
    desk.write(
        "wide.cmd",
        &format!(
            "@echo off\r\n{capy} run -- node -e \"process.exit(70000)\"\r\necho %ERRORLEVEL%\r\nexit /b 0\r\n"
        ),
    );
    let shell = desk.command_of("cmd".as_ref(), &["/c", "wide.cmd"]);
    assert_eq!(desk.finish(shell, "").succeeds().stdout.trim(), "70000");
}

#[test]
fn names_of_variables_have_no_case() {
    let Some(mut desk) = Desk::new() else { return };
    desk.write(".env", "api_key=canary.FILE.x9\r\nOTHER=canary.OTHER.x9\r\n");
    desk.env.insert("API_KEY".into(), "set".into());
    desk.env.insert("Capy_Secret_Setting".into(), "canary.SETTING.x9".into());
    desk.write_program("show", SHOW);
    // What is set already wins over `.env`, and what is capy's own is not handed on, in whatever case.
    let run = desk.capy(&["run", "--", "show", "API_KEY", "OTHER", "CAPY_SECRET_SETTING"]).succeeds();
    let lines = run.stdout.replace('\r', "");
    assert_eq!(lines, "API_KEY=set\nOTHER=canary.OTHER.x9\nCAPY_SECRET_SETTING=undefined\n");
    // A name that makes Node run code asks first, in whatever case.
    desk.write(".env", "Node_Options=--require=./evil.js\r\n");
    let refused = desk.capy(&["run", "--", "node", "-e", "0"]).fails(12, "FOLDER_NOT_ALLOWED");
    assert!(refused.stderr.contains("Node_Options"), "{}", refused.stderr);
}

#[test]
fn a_value_too_long_for_windows_is_named_and_nothing_is_started() {
    let Some(desk) = Desk::new() else { return };
    desk.write(".env", &format!("LONG={}\r\n", "canary.".repeat(5000)));
    let refused = desk.capy(&["run", "--", "node", "-e", "console.log('started')"]);
    let refused = refused.fails(126, "VARIABLE_TOO_LARGE");
    assert!(refused.stderr.contains("LONG"), "{}", refused.stderr);
}

#[test]
fn builds_in_containers_are_refused_with_the_way_out() {
    let Some(desk) = Desk::new() else { return };
    for arguments in [&["build", "shop"][..], &["build", "list"], &["build", "--source", "."]] {
        let refused = desk.capy(arguments).fails(65, "BUILD_NOT_ON_WINDOWS");
        assert!(refused.stderr.contains("WSL"), "{}", refused.stderr);
    }
}

#[test]
fn two_names_that_differ_in_case_alone_are_told() {
    let Some(desk) = Desk::new() else { return };
    desk.write(".env", "api_key=canary.FIRST.x9\r\nAPI_KEY=canary.SECOND.x9\r\n");
    desk.write_program("show", SHOW);
    let run = desk.capy(&["run", "--", "show", "API_KEY"]).succeeds();
    assert!(
        run.stderr.contains("are one variable on Windows") && !run.stderr.contains(CANARY),
        "{}",
        run.stderr
    );
    let told = if run.stderr.contains("; API_KEY counts") { "SECOND" } else { "FIRST" };
    assert_eq!(run.stdout.trim(), format!("API_KEY=canary.{told}.x9"));
}
