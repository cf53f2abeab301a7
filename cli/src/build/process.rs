//! Runs a child process until it ends, its deadline passes, or a signal comes.
//!
//! The child has its own process group: Ctrl-C at the terminal reaches this program alone, which
//! then decides. After a kill, this program waits for the child itself, and not for its pipes.

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use zeroize::Zeroizing;

use super::stops::{Done, Patience, Stops, Woken};

/// How a wait for a child ended.
pub(super) enum Ended {
    Itself(ExitStatus),
    /// The deadline passed, and the child still runs.
    TimeOver,
    /// A signal came, and the child still runs.
    Asked,
}

/// A running child process.
pub(super) struct Running {
    child: Child,
    pid: Option<Pid>,
    done: Done,
}

impl Running {
    /// Starts a program without input.
    pub(super) fn start(command: &mut Command, stops: &Stops) -> io::Result<Self> {
        Self::spawn(command.stdin(Stdio::null()), stops)
    }

    /// Starts a program with a text as its input. The text is wiped once it is written.
    pub(super) fn start_with_input(
        command: &mut Command,
        input: Zeroizing<String>,
        stops: &Stops,
    ) -> io::Result<Self> {
        let mut running = Self::spawn(command.stdin(Stdio::piped()), stops)?;
        let stdin = running.child.stdin.take();
        thread::spawn(move || {
            // A program that ends without reading its input reports by its exit status what is
            // wrong.
            let _ = stdin.map(|mut stdin| stdin.write_all(input.as_bytes()));
        });
        Ok(running)
    }

    fn spawn(command: &mut Command, stops: &Stops) -> io::Result<Self> {
        let child = command.process_group(0).spawn()?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let done = stops.pending();
        let ring = done.clone();
        thread::spawn(move || {
            wait_without_reaping(pid);
            ring.ring();
        });
        Ok(Self { child, pid, done })
    }

    /// Takes the piped outputs; there is nothing to take the second time.
    pub(super) fn outputs(&mut self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        (self.child.stdout.take(), self.child.stderr.take())
    }

    /// Waits for the child to end.
    pub(super) fn wait(&mut self, until: Option<Instant>, patience: Patience) -> io::Result<Ended> {
        Ok(match self.done.wait(until, patience) {
            Woken::Done => Ended::Itself(self.child.wait()?),
            Woken::TimeOver => Ended::TimeOver,
            Woken::Asked => Ended::Asked,
        })
    }

    /// Kills the child and everything in its process group, at once.
    pub(super) fn kill(&mut self) {
        // The child was not reaped, so no other process has its pid.
        if let Some(pid) = self.pid {
            let _ = rustix::process::kill_process_group(pid, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// Waits for the child to end without reaping it: its pid stays its own, so that no signal goes to
/// another process.
fn wait_without_reaping(pid: Option<Pid>) {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    let Some(pid) = pid else { return };
    while matches!(rustix::process::waitid(WaitId::Pid(pid), options), Err(rustix::io::Errno::INTR)) {}
}

/// Runs a program to its end and returns its output. The program is killed at the deadline or on a
/// signal.
pub(super) fn output(
    command: &mut Command,
    stops: &Stops,
    until: Option<Instant>,
    patience: Patience,
) -> io::Result<Result<Output, Woken>> {
    let mut running = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()), stops)?;
    let (stdout, stderr) = running.outputs();
    let (stdout, stderr) = (collect(stdout), collect(stderr));
    let status = match running.wait(until, patience)? {
        Ended::Itself(status) => status,
        Ended::TimeOver => return Ok(killed(running, Woken::TimeOver)),
        Ended::Asked => return Ok(killed(running, Woken::Asked)),
    };
    let taken = |thread: thread::JoinHandle<Vec<u8>>| thread.join().unwrap_or_default();
    Ok(Ok(Output { status, stdout: taken(stdout), stderr: taken(stderr) }))
}

fn killed(mut running: Running, why: Woken) -> Result<Output, Woken> {
    running.kill();
    Err(why)
}

/// Reads a stream to its end in a thread. Keeps about the first 64 KiB, and drops the rest.
pub(super) fn collect(from: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    const MOST: usize = 64 * 1024;
    thread::spawn(move || {
        let mut kept = Vec::new();
        let Some(mut from) = from else { return kept };
        let mut buffer = Zeroizing::new([0; 4096]);
        while let Ok(count @ 1..) = from.read(&mut buffer[..]) {
            if kept.len() < MOST {
                kept.extend_from_slice(&buffer[..count]);
            }
        }
        kept
    })
}
