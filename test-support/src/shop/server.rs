//! A running `next start`. Drop ends the server.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::setup::node_tool;

const START_DEADLINE: Duration = Duration::from_secs(60);

/// A Next server on a loopback port of its own.
#[derive(Debug)]
pub struct NextServer {
    child: Child,
    url: String,
    printed: std::thread::JoinHandle<String>,
}

impl NextServer {
    /// Starts `next start` in `dir` with exactly the given environment.
    ///
    /// # Errors
    /// If the server is not ready within a minute: then with what it printed.
    pub fn start(dir: &Path, environment: &[(&str, &str)]) -> Result<Self> {
        let args = ["node_modules/next/dist/bin/next", "start", "--hostname", "127.0.0.1", "--port", "0"];
        Self::spawn(Command::new(node_tool("node")?).args(args), dir, environment)
    }

    /// Starts the server that `output: "standalone"` built.
    ///
    /// # Errors
    /// As [`NextServer::start`].
    pub fn start_standalone(dir: &Path, environment: &[(&str, &str)]) -> Result<Self> {
        let mut node = Command::new(node_tool("node")?);
        let place = [("HOSTNAME", "127.0.0.1"), ("PORT", "0")];
        let environment = [environment, &place].concat();
        Self::spawn(node.arg("server.js"), &dir.join(".next/standalone"), &environment)
    }

    fn spawn(command: &mut Command, dir: &Path, environment: &[(&str, &str)]) -> Result<Self> {
        command.current_dir(dir).env_clear().envs(environment.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().context("next start")?;
        let (ready, url) = mpsc::channel();
        let stdout = child.stdout.take().context("no stdout")?;
        let stderr = child.stderr.take().context("no stderr")?;
        let printed = std::thread::spawn(move || read_output(stdout, stderr, &ready));
        match url.recv_timeout(START_DEADLINE) {
            Ok(url) => Ok(Self { child, url, printed }),
            Err(_) => {
                stop(&mut child);
                let printed = printed.join().unwrap_or_default();
                bail!("next start did not become ready in {}:\n{printed}", dir.display())
            }
        }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops the server and returns all that it printed on stdout and stderr.
    pub fn stop(mut self) -> String {
        stop(&mut self.child);
        let printed = std::mem::replace(&mut self.printed, std::thread::spawn(String::new));
        printed.join().unwrap_or_default()
    }
}

impl Drop for NextServer {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

fn stop(child: &mut Child) {
    if let Ok(None) = child.try_wait() {
        let group = rustix::process::Pid::from_child(child);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.wait();
}

/// Reads all output; sends the URL once Next has printed it and is ready.
fn read_output(
    stdout: impl Read,
    mut stderr: impl Read + Send + 'static,
    ready: &mpsc::Sender<String>,
) -> String {
    let errors = std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = stderr.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let (mut printed, mut url) = (String::new(), None);
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        if let Some((_, address)) = line.split_once("Local:") {
            url = Some(address.trim().to_owned());
        }
        if line.contains("Ready in")
            && let Some(url) = url.take()
        {
            let _ = ready.send(url);
        }
        printed.push_str(&line);
        printed.push('\n');
    }
    printed + &errors.join().unwrap_or_default()
}
