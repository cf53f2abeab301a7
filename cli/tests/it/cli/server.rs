//! A running `capy serve` of the program under test.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::sandbox::Sandbox;

/// On a free port, over an empty folder at first.
pub(crate) const SERVE: [&str; 5] = ["serve", "--listen", "127.0.0.1:0", "--data", "data"];

/// A running `capy serve`, ended on drop.
pub(crate) struct Server {
    child: Child,
    pub(crate) urls: Vec<String>,
    log: Option<thread::JoinHandle<String>>,
}

impl Server {
    /// Starts it with `arguments`, and waits for as many addresses as it is to listen on.
    pub(crate) fn start(sandbox: &Sandbox, arguments: &[&str], addresses: usize) -> Self {
        Self::spawn(sandbox.command(&[&SERVE[..], arguments].concat()), addresses)
    }

    /// The same under a limit that a shell sets, such as `ulimit -n 64`.
    pub(crate) fn start_after(sandbox: &Sandbox, limit: &str, arguments: &[&str], addresses: usize) -> Self {
        let script = format!("{limit} && exec \"$0\" \"$@\"");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_capy")]).args(SERVE).args(arguments);
        shell.current_dir(sandbox.path("")).env_clear().envs(&sandbox.env);
        Self::spawn(shell, addresses)
    }

    /// Starts `command`, a `capy serve`.
    pub(crate) fn spawn(mut command: Command, addresses: usize) -> Self {
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let (mut urls, mut log) = (Vec::new(), String::new());
        while urls.len() < addresses {
            let mut line = String::new();
            assert!(lines.read_line(&mut line).unwrap() > 0, "ended: {log}");
            let words = line.trim().strip_prefix("listening on ").or(line.trim().strip_prefix("metrics on "));
            urls.extend(words.map(str::to_owned));
            log.push_str(&line);
        }
        let rest = thread::spawn(move || {
            let _ = lines.read_to_string(&mut log);
            log
        });
        Self { child, urls, log: Some(rest) }
    }

    /// Where its routes are: `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        self.urls[0].split("://").nth(1).unwrap()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Its exit code and everything it printed.
    pub(crate) fn end(&mut self) -> (Option<i32>, String) {
        let patience = Instant::now() + Duration::from_secs(60);
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < patience, "the service does not stop");
            thread::sleep(Duration::from_millis(20));
        }
        (self.child.wait().unwrap().code(), self.log.take().unwrap().join().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
