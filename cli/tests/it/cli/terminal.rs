//! At a terminal: what is typed is not echoed, and Ctrl-C ends the program.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::sandbox::{CANARY, DEFAULT_SIGNALS, Sandbox, ended};
use crate::stand_in::Fault;

/// The program with a terminal of its own, by way of util-linux's `setsid`.
pub(crate) struct Terminal {
    child: Child,
    keys: File,
    screen: mpsc::Receiver<Vec<u8>>,
    shown: String,
}

impl Terminal {
    pub(crate) fn start(sandbox: &Sandbox, arguments: &[&str]) -> Self {
        Self::start_program(sandbox, &sandbox.command(arguments))
    }

    /// In a shell that shows what the program left in the terminal for it.
    fn start_in_shell(sandbox: &Sandbox, arguments: &[&str]) -> Self {
        let plain = sandbox.command(arguments);
        let mut shell = Command::new("sh");
        let script = "\"$@\"; code=$?; stty -echo -icanon min 0 time 3; echo \"rest<$(cat)>\"; exit $code";
        shell.args(["-c", script, "sh"]).arg(plain.get_program()).args(plain.get_args());
        Self::start_program(sandbox, &shell)
    }

    fn start_program(sandbox: &Sandbox, plain: &Command) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let side = || File::options().read(true).write(true).open(&name).unwrap();
        let mut command = Command::new("setsid");
        command
            .args(["--ctty", "--wait"])
            .args(DEFAULT_SIGNALS)
            .arg(plain.get_program())
            .args(plain.get_args());
        command.current_dir(sandbox.path("")).env_clear().envs(&sandbox.env);
        let child = command.stdin(side()).stdout(side()).stderr(side()).spawn().unwrap();
        let keys = File::from(master);
        let mut reader = keys.try_clone().unwrap();
        let (sender, screen) = mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 1024];
            while let Ok(len @ 1..) = reader.read(&mut buffer) {
                let _ = sender.send(buffer[..len].to_vec());
            }
        });
        Self { child, keys, screen, shown: String::new() }
    }

    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !self.shown.contains(text) {
            let left = deadline.saturating_duration_since(Instant::now());
            let more = self.screen.recv_timeout(left);
            let more = more.unwrap_or_else(|_| panic!("no {text:?} in {:?}", self.shown));
            self.shown.push_str(&String::from_utf8_lossy(&more));
        }
    }

    pub(crate) fn type_keys(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// To the program alone: `setsid` has made way for it.
    fn send(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).unwrap();
        let name = std::fs::read_to_string(format!("/proc/{id}/comm")).unwrap();
        assert_eq!(name.trim(), "capy");
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().unwrap();
        std::thread::sleep(Duration::from_millis(50));
        while let Ok(more) = self.screen.try_recv() {
            self.shown.push_str(&String::from_utf8_lossy(&more));
        }
        (status.code(), self.shown)
    }
}

#[test]
fn a_typed_value_is_sealed_and_never_shown() {
    let sandbox = Sandbox::project();
    let mut terminal = Terminal::start(&sandbox, &["set", "A"]);
    terminal.wait_for("A: ");
    terminal.type_keys("canary.A.x9\n");
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(!shown.contains(CANARY), "{shown}");
    let run = sandbox.capy(&["run", "--", "sh", "-c", "echo $A"]).succeeds();
    assert_eq!(run.stdout, "canary.A.x9\n");
}

#[test]
fn ctrl_c_at_the_prompt_changes_nothing() {
    let sandbox = Sandbox::project();
    let mut terminal = Terminal::start(&sandbox, &["set", "A"]);
    terminal.wait_for("A: ");
    terminal.type_keys("canary\u{3}");
    let (code, shown) = terminal.end();
    assert_ne!(code, Some(0), "{shown}");
    assert!(!shown.contains(CANARY) && !sandbox.path(".env").exists(), "{shown}");
}

#[test]
fn keys_that_edit_a_line_edit_it_and_a_long_value_is_whole() {
    let sandbox = Sandbox::project();
    let mut terminal = Terminal::start(&sandbox, &["set", "A"]);
    terminal.wait_for("A: ");
    let long = "x".repeat(6000);
    terminal.type_keys(&format!("wrong\u{15}a\u{1b}[Dé\u{7f}\tb{long}\r"));
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(0), "{shown}");
    let run = sandbox.capy(&["run", "--", "sh", "-c", "echo \"$A\""]).succeeds();
    assert_eq!(run.stdout, format!("a\tb{long}\n"));
}

#[test]
fn a_paste_of_several_lines_is_refused_and_does_not_spill() {
    let sandbox = Sandbox::project();
    let mut terminal = Terminal::start(&sandbox, &["set", "A"]);
    terminal.wait_for("A: ");
    terminal.type_keys("line 1\ncanary line 2\n");
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(2), "{shown}");
    assert!(shown.contains("error[SEVERAL_LINES]") && !shown.contains(CANARY), "{shown}");
    assert!(!sandbox.path(".env").exists());
}

fn patient_build() -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.write(".env", "A=1\n");
    sandbox.write_program("next", "#!/bin/sh\ntrap 'echo once >> interrupts' INT\necho ready\nn=0; while [ $n -lt 20 ]; do sleep 0.05; n=$((n+1)); done\nexit 4\n");
    sandbox
}

#[test]
fn an_interrupt_sent_to_capy_alone_reaches_the_build_too() {
    let sandbox = patient_build();
    let mut terminal = Terminal::start(&sandbox, &["run", "--", "next", "build"]);
    terminal.wait_for("ready");
    terminal.send(Signal::INT);
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(4), "{shown}");
    assert_eq!(sandbox.read("interrupts"), "once\n");
}

#[test]
fn ctrl_c_reaches_a_build_once() {
    let sandbox = patient_build();
    let mut terminal = Terminal::start(&sandbox, &["run", "--", "next", "build"]);
    terminal.wait_for("ready");
    terminal.type_keys("\u{3}");
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(4), "{shown}");
    assert_eq!(sandbox.read("interrupts"), "once\n");
}

#[test]
fn a_value_that_fits_no_environment_is_refused_at_the_terminal() {
    let sandbox = Sandbox::project();
    let mut terminal = Terminal::start(&sandbox, &["set", "A"]);
    terminal.wait_for("A: ");
    terminal.type_keys(&"x".repeat(128 * 1024 + 1));
    let (code, shown) = terminal.end();
    assert!(code == Some(2) && shown.contains("error[VALUE_TOO_LONG]"), "{shown}");
    assert!(!sandbox.path(".env").exists());
}

#[test]
fn words_pasted_as_they_were_printed_are_taken_whole_and_nothing_spills() {
    let sandbox = Sandbox::logged_in();
    let words = sandbox.capy(&["init"]).succeeds().stdout;
    std::fs::remove_dir_all(sandbox.config("keys")).unwrap();
    let mut terminal = Terminal::start_in_shell(&sandbox, &["init", "--recover"]);
    terminal.wait_for("24 words:");
    terminal.type_keys(&format!("{words}echo spilled\n"));
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("rest<>"), "{shown}");
}

#[test]
fn a_signal_at_the_prompt_ends_it_and_sets_the_terminal_back() {
    let sandbox = Sandbox::project();
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let mut terminal = Terminal::start(&sandbox, &["set", "A"]);
        terminal.wait_for("A: ");
        let modes = |terminal: &Terminal| tcgetattr(&terminal.keys).unwrap().local_modes;
        assert!(!modes(&terminal).intersects(LocalModes::ECHO | LocalModes::ICANON), "{signal:?}");
        terminal.send(signal);
        let status = ended(&mut terminal.child);
        assert_eq!(status.signal(), Some(signal.as_raw()));
        assert!(
            modes(&terminal).contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG),
            "{signal:?}"
        );
    }
}

#[test]
fn a_signal_after_the_prompt_still_ends_the_program() {
    let sandbox = Sandbox::new();
    sandbox.service.fail_always(Fault::Hang);
    let url = sandbox.service.url();
    let mut terminal = Terminal::start(&sandbox, &["login", "--url", &url]);
    terminal.wait_for("API token");
    terminal.type_keys("canary\n");
    let start = Instant::now();
    while sandbox.service.seen().is_empty() {
        assert!(start.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(10));
    }
    terminal.send(Signal::TERM);
    assert_eq!(ended(&mut terminal.child).signal(), Some(Signal::TERM.as_raw()));
}

#[test]
fn one_line_from_windows_is_one_line() {
    let sandbox = Sandbox::project();
    let mut terminal = Terminal::start(&sandbox, &["set", "A"]);
    terminal.wait_for("A: ");
    terminal.type_keys("canary.A.x9\r\n");
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(0), "{shown}");
    let run = sandbox.capy(&["run", "--", "sh", "-c", "echo $A"]).succeeds();
    assert_eq!(run.stdout, "canary.A.x9\n");
}

/// A build of so many reads.
fn long_build(reads: usize) -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.env.insert("TERM".into(), "xterm".into());
    sandbox.write(".env", "A=canary.A.x9\n");
    sandbox.write(".next/server/page.js", &"f(process.env.A);\n".repeat(reads));
    sandbox.write_program(
        "next",
        "#!/bin/sh\necho '{\"config\":{\"distDir\":\".next\"}}' > .next/required-server-files.json\n",
    );
    sandbox
}

/// How long a tree takes is the machine's: it grows until a bar is due.
#[test]
fn long_inlining_is_shown_at_a_terminal_and_its_bar_is_gone_at_the_end() {
    const ERASE: &str = "\u{1b}[K";
    let arguments = ["run", "--", "next", "build"];
    for reads in [100_000, 400_000, 1_600_000, 6_400_000] {
        let sandbox = long_build(reads);
        let (code, shown) = Terminal::start(&sandbox, &arguments).end();
        assert_eq!(code, Some(0), "{shown}");
        let Some((drawn, rest)) = shown.rsplit_once(ERASE) else { continue };
        assert!(drawn.contains(&format!("] 0/1{ERASE}")) || drawn.contains("list"), "{shown:?}");
        assert!(drawn.ends_with('\r') && rest.contains('A') && !rest.contains("]"), "{shown:?}");
        let piped = long_build(reads).capy(&arguments).succeeds();
        assert!(!piped.stderr.contains(['\r', '\u{1b}']) && piped.stdout.is_empty(), "{}", piped.stderr);
        return;
    }
    panic!("no tree was big enough");
}
