//! Arguments for a script of cmd: each arrives as it is, or is refused; none becomes a command ("BatBadBut",
//! CVE-2024-24576).

use crate::windows::desk::Desk;

/// Prints its arguments as JSON.
const ECHO: &str = "console.log(JSON.stringify(process.argv.slice(2)));";

fn arrive(desk: &Desk, program: &str, arguments: &[&str]) {
    let outcome = desk.capy(&[&["run", "--", program], arguments].concat()).succeeds();
    let arrived: Vec<String> = serde_json::from_str(outcome.stdout.trim())
        .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", outcome.stdout));
    assert_eq!(arrived, arguments);
}

#[test]
fn plain_ones_arrive_as_they_are() {
    let Some(desk) = Desk::new() else { return };
    desk.write(".env", "A=1\r\n");
    desk.write_program("echoes", ECHO);
    arrive(&desk, "echoes", &["build", "--port", "3000", "--name=a b", "", "ä→", "C:\\a\\", "a/b", "x=y,z;"]);
}

#[test]
fn none_becomes_a_command() {
    let Some(mut desk) = Desk::new() else { return };
    desk.write(".env", "A=1\r\n");
    desk.write_program("echoes", ECHO);
    desk.env.insert("PLANTED".into(), "canary.PLANTED.x9".into());
    // Not `%PLANTED%`: Wine's cmd reads the quoting of `%` otherwise than that of Windows.
    for hostile in [
        "\"&echo planted>planted.txt",
        "&echo planted>planted.txt",
        "a\" & echo planted>planted.txt & \"b",
        "|echo planted>planted.txt",
        "%COMSPEC:~0,0%&echo planted>planted.txt",
        "%CMDCMDLINE:~-1%&echo planted>planted.txt",
        "^&echo planted>planted.txt",
        "\\\"&echo planted>planted.txt",
        "!PLANTED!",
    ] {
        let outcome = desk.capy(&["run", "--", "echoes", hostile]);
        assert!(!desk.path("planted.txt").exists(), "{hostile:?} became a command: {}", outcome.stdout);
        assert!(!outcome.stdout.contains("canary.PLANTED"), "{hostile:?} was expanded: {}", outcome.stdout);
    }
}

#[test]
fn a_line_break_is_refused() {
    let Some(desk) = Desk::new() else { return };
    desk.write(".env", "A=1\r\n");
    desk.write_program("echoes", ECHO);
    let refused = desk.capy(&["run", "--", "echoes", "a\r\necho planted"]);
    let refused = refused.fails(126, "SCRIPT_ARGUMENT");
    assert!(refused.stderr.contains("echoes.cmd"), "{}", refused.stderr);
    // A program of its own takes it.
    let script = ["run", "--", "node", "-e", "console.log(process.argv[1].length)", "a\nb"];
    assert_eq!(desk.capy(&script).succeeds().stdout.trim(), "3");
}
