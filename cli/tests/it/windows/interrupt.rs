//! Ctrl-C: the command gets it, and its exit code is kept.

use std::fs;
use std::process::Stdio;

use crate::windows::desk::{Desk, Running, ended, wait_for};

/// Ends by Ctrl-C with a code of its own, after a while.
const WAIT: &str = "const fs = require('fs');
process.on('SIGINT', () => setTimeout(() => { fs.writeFileSync('ended', ''); process.exit(5); }, 300));
setInterval(() => {}, 1000);
fs.writeFileSync('started', '');";

#[test]
fn the_command_gets_ctrl_c_and_its_exit_code_is_kept() {
    let Some(desk) = Desk::new() else { return };
    desk.write(".env", "A=1\r\n");
    desk.write("wait.js", WAIT);
    let mut command = desk.command("capy.exe", &["run", "--", "node", "wait.js"]);
    let mut running = Running(command.stdout(Stdio::null()).spawn().unwrap());
    wait_for("the command starts", || desk.path("started").exists());
    running.interrupt();
    assert_eq!(ended(&mut running.0), 5);
    assert!(desk.path("ended").exists(), "it was waited for");
}

#[test]
fn a_command_ends_with_capy_when_that_is_killed() {
    let Some(desk) = Desk::new() else { return };
    desk.write(".env", "A=1\r\n");
    desk.write("tick.js", "setInterval(() => require('fs').writeFileSync('tick', String(Date.now())), 50);");
    let capy = crate::windows::wine::named(&desk.wine.programs.join("capy.exe"));
    // As another program of Windows ends it, such as Node's `child.kill()`.
    let kill = format!(
        "const child = require('child_process').spawn({capy:?}, ['run', '--', 'node', 'tick.js']);
        const seen = setInterval(() => {{
            if (!require('fs').existsSync('tick')) return;
            clearInterval(seen);
            child.on('exit', () => process.exit(0));
            child.kill('SIGKILL');
        }}, 50);"
    );
    desk.write("kill.js", &kill);
    let mut node = desk.command_of(desk.wine.node.join("node.exe").as_ref(), &["kill.js"]);
    let mut running = Running(node.spawn().unwrap());
    assert_eq!(ended(&mut running.0), 0);
    let tick = || fs::read_to_string(desk.path("tick")).unwrap();
    wait_for("the command ends, too", || {
        let before = tick();
        std::thread::sleep(std::time::Duration::from_millis(1000));
        before == tick()
    });
}
