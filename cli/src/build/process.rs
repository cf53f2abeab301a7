//! A program beside this one that ends when it is done, when its time is over, or when a signal came.
//!
//! Owns its process group: what a key at the terminal sends reaches this program alone, which decides. It refuses to
//! wait for what was killed longer than the kernel takes.

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use zeroize::Zeroizing;

use super::stops::{Done, Patience, Stops, Woken};

/// How it ended.
pub(super) enum Ended {
    Itself(ExitStatus),
    /// It still runs.
    TimeOver,
    /// It still runs.
    Asked,
}

/// A program that runs.
pub(super) struct Running {
    child: Child,
    pid: Option<Pid>,
    done: Done,
}

impl Running {
    /// Starts it without an input.
    pub(super) fn start(command: &mut Command, stops: &Stops) -> io::Result<Self> {
        Self::spawn(command.stdin(Stdio::null()), stops)
    }

    /// Starts it with a text as its input, which is wiped once it is written.
    pub(super) fn start_with_input(
        command: &mut Command,
        input: Zeroizing<String>,
        stops: &Stops,
    ) -> io::Result<Self> {
        let mut running = Self::spawn(command.stdin(Stdio::piped()), stops)?;
        let stdin = running.child.stdin.take();
        thread::spawn(move || {
            // A program that ends before it has read its input says by its end what is wrong.
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

    /// Its piped outputs, once.
    pub(super) fn outputs(&mut self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        (self.child.stdout.take(), self.child.stderr.take())
    }

    /// Waits for its end.
    pub(super) fn wait(&mut self, until: Option<Instant>, patience: Patience) -> io::Result<Ended> {
        Ok(match self.done.wait(until, patience) {
            Woken::Done => Ended::Itself(self.child.wait()?),
            Woken::TimeOver => Ended::TimeOver,
            Woken::Asked => Ended::Asked,
        })
    }

    /// Ends it and all that it started, at once.
    pub(super) fn kill(&mut self) {
        // It was not reaped: nobody else has its number.
        if let Some(pid) = self.pid {
            let _ = rustix::process::kill_process_group(pid, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// The number stays the program's until it is reaped, so that no signal goes to another one.
fn wait_without_reaping(pid: Option<Pid>) {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    let Some(pid) = pid else { return };
    while matches!(rustix::process::waitid(WaitId::Pid(pid), options), Err(rustix::io::Errno::INTR)) {}
}

/// Runs a program to its end and takes what it wrote; killed when its time is over or a signal came.
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

/// Reads to the end; what is more than anybody reads is dropped.
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
