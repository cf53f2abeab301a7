//! `capy deploy`, running with its page open for one visitor.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::sandbox::{DEFAULT_SIGNALS, Sandbox, ended};

pub(crate) struct Page {
    pub(crate) sandbox: Sandbox,
    child: Child,
    lines: Receiver<String>,
    reader: Option<JoinHandle<()>>,
    said: String,
    pub(crate) url: String,
}

impl Page {
    /// In a project with secrets.
    pub(crate) fn open() -> Self {
        Self::open_with(with_secrets(), &[])
    }

    /// With its address printed, and more arguments.
    pub(crate) fn open_with(sandbox: Sandbox, more: &[&str]) -> Self {
        Self::start(sandbox, &[&["deploy", "--no-open"], more].concat())
    }

    /// As it is.
    pub(crate) fn start(sandbox: Sandbox, arguments: &[&str]) -> Self {
        let plain = sandbox.command(arguments);
        let mut command = std::process::Command::new(DEFAULT_SIGNALS[0]);
        command.args(&DEFAULT_SIGNALS[1..]).arg(plain.get_program()).args(plain.get_args());
        command.current_dir(sandbox.path("")).env_clear().envs(&sandbox.env);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let reader = std::thread::spawn(move || {
            stderr.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        let mut page =
            Self { sandbox, child, lines, reader: Some(reader), said: String::new(), url: String::new() };
        page.wait_for("http://127.0.0.1:");
        let start = page.said.find("http://127.0.0.1:").unwrap();
        page.url = page.said[start..].lines().next().unwrap().to_owned();
        page
    }

    /// Waits until the program said this at the terminal.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) {
        while !self.said.contains(text) {
            let line = self.lines.recv_timeout(Duration::from_secs(60));
            self.said.push_str(&line.unwrap_or_else(|_| panic!("no {text:?} in {:?}", self.said)));
            self.said.push('\n');
        }
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub(crate) fn interrupt(&self) {
        let id = i32::try_from(self.child.id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), Signal::INT).unwrap();
    }

    /// Waits for the end: the exit code, or minus the signal, and all that was said. Nothing was on stdout.
    pub(crate) fn end(&mut self) -> (i32, String) {
        use std::os::unix::process::ExitStatusExt;
        let status = ended(&mut self.child);
        self.reader.take().unwrap().join().unwrap();
        for line in self.lines.try_iter() {
            self.said.push_str(&line);
            self.said.push('\n');
        }
        let mut out = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        assert_eq!(out, "");
        (status.code().unwrap_or_else(|| -status.signal().unwrap()), self.said.clone())
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn with_secrets() -> Sandbox {
    let sandbox = Sandbox::project();
    for (name, value) in [
        ("DATABASE_URL", "postgres://canary.DATABASE_URL.x9"),
        ("STRIPE_SECRET_KEY", "canary.STRIPE_SECRET_KEY.x9"),
        ("SESSION_SECRET", "canary.SESSION_SECRET.x9"),
        ("NEXT_PUBLIC_SITE", "https://example.com"),
    ] {
        sandbox.capy_with(&["set", name], value).succeeds();
    }
    sandbox
}
