//! Runs a program until it ends, a deadline passes, or a signal comes.
//!
//! The program has its own process group: Ctrl-C at the terminal reaches this process alone, which
//! then decides. After a kill, this process waits for the program itself, and not for its pipes.

use std::io;
use std::process::{ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, WaitId};
use zeroize::Zeroizing;

use super::cancellation::{Cancellation, Cancelled, Completion, IgnoredSignals};
use super::captured::{CollectedOutput, write_input};
use super::group::ProcessGroup;
use super::wait_without_reaping;

/// How much is kept of each output, in bytes.
pub(crate) const MAX_OUTPUT_BYTES: usize = 64 * 1024;

/// A running program.
pub(crate) struct RunningProgram {
    group: ProcessGroup,
    end: Completion,
}

/// The end of a program, and about the first 64 KiB of each of its outputs.
pub(crate) struct Output {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Zeroizing<Vec<u8>>,
    pub(crate) stderr: Zeroizing<Vec<u8>>,
}

impl RunningProgram {
    /// Starts a program without input.
    pub(crate) fn start(command: &mut Command, cancellation: &Cancellation) -> io::Result<Self> {
        Self::spawn(command.stdin(Stdio::null()), cancellation)
    }

    /// Starts a program with a text as its input. The text is wiped once it is written.
    pub(crate) fn start_with_input(
        command: &mut Command,
        input: Zeroizing<String>,
        cancellation: &Cancellation,
    ) -> io::Result<Self> {
        let mut running = Self::spawn(command.stdin(Stdio::piped()), cancellation)?;
        write_input(running.group.child().stdin.take(), input);
        Ok(running)
    }

    fn spawn(command: &mut Command, cancellation: &Cancellation) -> io::Result<Self> {
        let mut group = ProcessGroup::spawn(command)?;
        let pid = Pid::from_child(group.child());
        let end = cancellation.completion();
        let ended = end.clone();
        thread::spawn(move || {
            let _ = wait_without_reaping(WaitId::Pid(pid));
            ended.complete();
        });
        Ok(Self { group, end })
    }

    /// Takes the piped outputs; there is nothing to take the second time.
    pub(crate) fn take_outputs(&mut self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        let child = self.group.child();
        (child.stdout.take(), child.stderr.take())
    }

    /// Waits for the program to end. If something else comes first, the program still runs.
    pub(crate) fn wait(
        &mut self,
        until: Option<Instant>,
        ignored: IgnoredSignals,
    ) -> io::Result<Result<ExitStatus, Cancelled>> {
        match self.end.wait(until, ignored) {
            Ok(()) => self.group.child().wait().map(Ok),
            Err(cancelled) => Ok(Err(cancelled)),
        }
    }

    /// Kills the program and everything that it started, at once.
    pub(crate) fn kill(&mut self) {
        let _ = self.group.kill();
    }
}

/// Runs a program without input to its end, and returns its output. The program is killed at the
/// deadline or on a signal.
pub(crate) fn output(
    command: &mut Command,
    cancellation: &Cancellation,
    until: Option<Instant>,
    ignored: IgnoredSignals,
) -> io::Result<Result<Output, Cancelled>> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = RunningProgram::start(command, cancellation)?;
    let (stdout, stderr) = running.take_outputs();
    let stdout = CollectedOutput::begin(stdout, MAX_OUTPUT_BYTES);
    let stderr = CollectedOutput::begin(stderr, MAX_OUTPUT_BYTES);
    Ok(match running.wait(until, ignored)? {
        Ok(status) => Ok(Output { status, stdout: stdout.finish(), stderr: stderr.finish() }),
        Err(cancelled) => {
            running.kill();
            Err(cancelled)
        }
    })
}
