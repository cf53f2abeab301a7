//! Builds: run beside this process, then inlined. The build here is a script that writes what Next would.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::sandbox::{CANARY, DEFAULT_SIGNALS, Sandbox, ended};

const BUILD: &str = r#"#!/bin/sh
[ "$1" = build ] || exit 9
mkdir -p .next/server .next/static
echo '{"version":1,"config":{"distDir":".next"},"appDir":"","files":[]}' > .next/required-server-files.json
echo 'module.exports=()=>process.env.A;' > .next/server/page.js
echo "console.log('public')" > .next/static/client.js
"#;

fn sandbox(script: &str) -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.write(".env", "A=canary.A.x9\n");
    sandbox.write_program("next", script);
    sandbox
}

fn page(sandbox: &Sandbox) -> String {
    sandbox.read(".next/server/page.js")
}

#[test]
fn a_build_is_followed_by_inlining() {
    let sandbox = sandbox(BUILD);
    let outcome = sandbox.capy(&["run", "--", "next", "build"]).succeeds();
    assert_eq!(outcome.stdout, "");
    assert!(!outcome.stderr.contains(CANARY), "{}", outcome.stderr);
    assert!(outcome.stderr.contains('A'), "{}", outcome.stderr);
    assert!(page(&sandbox).contains("canary.A.x9"), "{}", page(&sandbox));
}

#[test]
fn what_was_set_for_the_build_is_what_is_inlined() {
    let mut sandbox = sandbox(BUILD);
    sandbox.env.insert("A".into(), "canary.set.x9".into());
    sandbox.capy(&["run", "--", "next", "build"]).succeeds();
    assert!(page(&sandbox).contains("canary.set.x9"), "{}", page(&sandbox));
}

#[test]
fn inlining_can_be_left_out_and_asked_for() {
    let sandbox = sandbox(BUILD);
    sandbox.capy(&["run", "--no-inline", "--", "next", "build"]).succeeds();
    assert!(!page(&sandbox).contains(CANARY));
    sandbox
        .capy(&["run", "--inline", "--", "sh", "-c", "true; touch .next/required-server-files.json"])
        .succeeds();
    assert!(page(&sandbox).contains(CANARY));
}

#[test]
fn a_check_on_inlining_asks_for_it_whatever_the_command_is() {
    for check in [&["--dynamic=error"][..], &["--allow-leak", "B"], &["--allow-mention", "B"]] {
        let sandbox = sandbox(BUILD);
        let script = ["--", "sh", "-c", "./bin/next \"$0\"", "build"];
        sandbox.capy(&[&["run"], check, &script].concat()).succeeds();
        assert!(page(&sandbox).contains(CANARY), "{check:?}");
        std::fs::remove_dir_all(sandbox.path(".next")).unwrap();
        sandbox.capy(&[&["run"], check, &["--", "true"]].concat()).fails(1, "NOTHING_TO_INLINE");
    }
}

#[test]
fn a_failed_build_is_not_inlined_and_its_exit_code_is_kept() {
    let sandbox = sandbox(&format!("{BUILD}exit 3\n"));
    assert_eq!(sandbox.capy(&["run", "--", "next", "build"]).code, 3);
    assert!(!page(&sandbox).contains(CANARY));
    sandbox.write("bin/next", "#!/bin/sh\nkill -KILL $$\n");
    assert_eq!(sandbox.capy(&["run", "--", "next", "build"]).code, 137);
}

#[test]
fn only_what_this_build_wrote_is_touched() {
    let sandbox = sandbox(BUILD);
    sandbox.capy(&["run", "--no-inline", "--", "next", "build"]).succeeds();
    let old = std::time::SystemTime::now() - Duration::from_secs(60);
    let manifest =
        std::fs::File::options().write(true).open(sandbox.path(".next/required-server-files.json"));
    manifest.unwrap().set_modified(old).unwrap();
    sandbox.write("bin/next", "#!/bin/sh\ntrue\n");
    std::thread::sleep(Duration::from_millis(120));
    let outcome = sandbox.capy(&["run", "--", "next", "build"]).fails(1, "OUTPUT_OLDER_THAN_RUN");
    assert!(
        outcome.stderr.contains("pass --inline=./.next to inline that output anyway"),
        "{}",
        outcome.stderr
    );
    assert!(!page(&sandbox).contains(CANARY));
}

#[test]
fn a_build_without_known_output_is_fine_unless_inlining_was_asked_for() {
    let sandbox = sandbox("#!/bin/sh\n");
    let outcome = sandbox.capy(&["run", "--", "next", "build"]).succeeds();
    insta::assert_snapshot!("nothing_to_inline", outcome.shown());
    sandbox.capy(&["run", "--inline", "--", "next", "build"]).fails(1, "NOTHING_TO_INLINE");
}

#[test]
fn a_leak_fails_and_nothing_is_written() {
    let script = format!("{BUILD}echo \"x='$A'\" > .next/static/client.js\n");
    let sandbox = sandbox(&script);
    // A value without the name in it: naming a secret in a public file is another finding.
    sandbox.write(".env", "A=canary.leak.x9\n");
    sandbox.capy(&["run", "--", "next", "build"]).fails(1, "INLINE_REFUSED");
    assert!(!page(&sandbox).contains(CANARY));
    sandbox.capy(&["run", "--allow-leak", "A", "--", "next", "build"]).succeeds();
    assert!(page(&sandbox).contains(CANARY));
}

#[test]
fn signals_reach_the_build_and_end_the_run() {
    for (signal, script, code) in [
        (Signal::TERM, "", 143),
        (Signal::HUP, "", 129),
        (Signal::INT, "trap 'exit 5' INT\n", 5),
        (Signal::TERM, "trap 'exit 0' TERM\n", 143),
    ] {
        let script = format!("{BUILD}{script}touch started\nwhile :; do sleep 0.05; done\n");
        let sandbox = sandbox(&script);
        let outcome = interrupt(&sandbox, signal);
        assert_eq!(outcome, Some(code), "{signal:?} {script}");
        assert!(!page(&sandbox).contains(CANARY), "{signal:?}");
    }
}

#[test]
fn a_signal_that_nohup_has_ignored_stays_ignored() {
    let script = format!("{BUILD}touch started\nwhile [ ! -e go ]; do sleep 0.05; done\n");
    let sandbox = sandbox(&script);
    let plain = sandbox.command(&["run", "--", "next", "build"]);
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]).arg(plain.get_program()).args(plain.get_args());
    command.current_dir(sandbox.path("")).env_clear().envs(&sandbox.env);
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    send_when_started(&sandbox, &child, Signal::HUP);
    std::thread::sleep(Duration::from_millis(200));
    sandbox.write("go", "");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(page(&sandbox).contains(CANARY));
}

/// Staged files hold values: they must not outlive the run.
#[test]
fn a_signal_while_files_are_written_leaves_no_temporary_file() {
    const FILES: usize = 1500;
    let more = format!("for i in $(seq {FILES}); do cp .next/server/page.js .next/server/$i.js; done\n");
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let sandbox = sandbox(&format!("{BUILD}{more}"));
        let mut child = spawn(&sandbox);
        let server = sandbox.path(".next/server");
        let names = || -> Vec<String> {
            let entries = std::fs::read_dir(&server).into_iter().flatten().flatten();
            entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
        };
        let is_temporary = |name: &String| name.starts_with(".capy-inline-");
        let start = Instant::now();
        while !names().iter().any(is_temporary) {
            assert!(start.elapsed() < Duration::from_secs(60) && child.try_wait().unwrap().is_none());
        }
        kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), signal).unwrap();
        let status = ended(&mut child);
        assert!(status.signal() == Some(code - 128) || status.code() == Some(code), "{status:?}");
        let names = names();
        assert_eq!(names.len(), FILES + 1);
        assert!(!names.iter().any(is_temporary), "{names:?}");
        for name in &names {
            let text = std::fs::read_to_string(server.join(name)).unwrap();
            assert!(
                text == "module.exports=()=>process.env.A;\n" || text.ends_with("\"canary.A.x9\"\n)}\n"),
                "{text}"
            );
        }
    }
}

fn interrupt(sandbox: &Sandbox, signal: Signal) -> Option<i32> {
    let mut child = spawn(sandbox);
    send_when_started(sandbox, &child, signal);
    ended(&mut child).code()
}

/// A build, with no signal ignored.
fn spawn(sandbox: &Sandbox) -> Child {
    let plain = sandbox.command(&["run", "--", "next", "build"]);
    let [env, defaults] = DEFAULT_SIGNALS;
    let mut command = Command::new(env);
    command.arg(defaults).arg(plain.get_program()).args(plain.get_args());
    command.current_dir(sandbox.path("")).env_clear().envs(&sandbox.env);
    command.stderr(Stdio::null()).spawn().unwrap()
}

fn send_when_started(sandbox: &Sandbox, child: &Child, signal: Signal) {
    let start = Instant::now();
    while !sandbox.path("started").exists() {
        assert!(start.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(10));
    }
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), signal).unwrap();
}

#[test]
fn the_build_cannot_read_the_credentials_from_its_parent() {
    let mut sandbox = Sandbox::project();
    sandbox.capy_with(&["set", "A"], "canary.A.x9").succeeds();
    let lines = sandbox.capy(&["deploy", "--platform", "other", "--print"]).succeeds().stdout;
    sandbox.become_platform(&lines);
    sandbox.write_program("next", "#!/bin/sh\nstat -c %u /proc/$PPID/environ; env\n");
    let command = sandbox.command_as_nobody(&["run", "--", "next", "build"]);
    let outcome = sandbox.finish(command, "").succeeds();
    assert_eq!(outcome.stdout.lines().next(), Some("0"), "readable for root alone");
    for name in ["SECRETS_BLOB", "PROJECT_KEY", "CAPY_"] {
        assert!(!outcome.stdout.contains(name), "{name}");
    }
}
