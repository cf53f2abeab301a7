//! A running build: a Node process on a port of its own, or a Worker in the real runtime. Drop ends
//! the process.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::node::Node;
use crate::workerd::Workerd;

const START_DEADLINE: Duration = Duration::from_secs(60);
const END_DEADLINE: Duration = Duration::from_secs(10);

/// A server on loopback.
#[derive(Debug)]
pub struct Server {
    url: String,
    running: Running,
}

#[derive(Debug)]
enum Running {
    Node(NodeProcess),
    Worker(Workerd),
}

#[derive(Debug)]
struct NodeProcess {
    child: Child,
    readers: Vec<JoinHandle<()>>,
    printed: Arc<Mutex<String>>,
}

impl Server {
    /// Starts a Node program with PATH, HOME, HOST, PORT and these variables, and no others.
    pub(super) fn start_node(
        node: &Node,
        folder: &Path,
        words: &[String],
        variables: &BTreeMap<String, String>,
    ) -> Result<Self> {
        let (program, rest) = words.split_first().context("an empty start command")?;
        let program = if program == "node" { node.node.clone() } else { folder.join(program) };
        let port = free_port()?;
        let mut command = Command::new(program);
        command.args(rest).current_dir(folder).env_clear().env("PATH", node.path()).env("HOME", folder);
        command.env("HOST", "127.0.0.1").env("PORT", port.to_string()).envs(variables);
        let mut process = NodeProcess::spawn(&mut command).with_context(|| words.join(" "))?;
        process.wait_for(port)?;
        Ok(Self { url: format!("http://127.0.0.1:{port}"), running: Running::Node(process) })
    }

    /// Starts the Worker of a configuration of wrangler's, with these variables as its `vars`.
    pub(super) fn start_worker(
        node: &Node,
        config: &Path,
        variables: &BTreeMap<String, String>,
    ) -> Result<Self> {
        let workerd = Workerd::serve(node, config, variables)?;
        Ok(Self { url: workerd.url().to_owned(), running: Running::Worker(workerd) })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Waits until the server ends by itself, and returns all that it printed.
    pub(super) fn wait_for_end(self) -> Result<String> {
        let Running::Node(mut process) = self.running else {
            bail!("only a Node process ends by itself");
        };
        let deadline = Instant::now() + END_DEADLINE;
        while process.child.try_wait()?.is_none() {
            ensure!(Instant::now() < deadline, "the server did not end:\n{}", process.stop());
            thread::sleep(Duration::from_millis(20));
        }
        Ok(process.stop())
    }

    /// Stops the server and returns all that it printed.
    pub fn stop(self) -> String {
        match self.running {
            Running::Worker(workerd) => workerd.log(),
            Running::Node(mut process) => process.stop(),
        }
    }
}

impl NodeProcess {
    fn spawn(command: &mut Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn()?;
        let printed = Arc::new(Mutex::new(String::new()));
        let readers = [
            child.stdout.take().map(|pipe| follow(pipe, &printed)),
            child.stderr.take().map(|pipe| follow(pipe, &printed)),
        ];
        Ok(Self { child, readers: readers.into_iter().flatten().collect(), printed })
    }

    fn wait_for(&mut self, port: u16) -> Result<()> {
        let deadline = Instant::now() + START_DEADLINE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            let ended = self.child.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                bail!("the server does not listen ({ended:?}):\n{}", self.stop());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Ends the whole process group, and returns all that it printed.
    fn stop(&mut self) -> String {
        self.kill();
        for reader in self.readers.drain(..) {
            // What the reader collected is in `printed`.
            let _ = reader.join();
        }
        self.printed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn kill(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let group = rustix::process::Pid::from_child(&self.child);
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

fn follow(mut pipe: impl Read + Send + 'static, printed: &Arc<Mutex<String>>) -> JoinHandle<()> {
    let printed = Arc::clone(printed);
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = pipe.read(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..read]);
            printed.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
        }
    })
}

/// A port that nothing listened on a moment ago.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
