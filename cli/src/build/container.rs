//! Runs a build's commands in a container, from its start to its end.
//!
//! The container ends by its commands, at the deadline, on a signal, or because somebody else kills
//! it. In each case it is gone when these functions return, unless a second signal ends the
//! waiting.

use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::engine::{Container, Engine};
use super::id::BuildId;
use super::output::Output;
use crate::error::BuildFault as Fault;
use crate::process::cancellation::{Cancellation, Cancelled, Completion, IgnoredSignals};
use crate::process::captured::CollectedOutput;
use crate::process::running::{MAX_OUTPUT_BYTES, RunningProgram};

/// The engine's exit code when the engine itself failed.
const ENGINE_FAILED: i32 = 125;
/// The exit code of a container that was killed: 128 + SIGKILL.
const KILLED: i32 = 137;
/// How long to wait for a stopped container to go away, and for the rest of its output.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
const KILL_INTERVAL: Duration = Duration::from_millis(500);

/// Runs containers for one build, until a deadline.
pub(super) struct Runner<'a> {
    pub(super) engine: Engine,
    pub(super) build: &'a BuildId,
    pub(super) output: &'a Arc<Output>,
    pub(super) cancellation: &'a Cancellation,
    pub(super) until: Instant,
}

impl Runner<'_> {
    /// Runs a script of this program's own in an image and returns its output, which is empty if
    /// the script fails. The engine pulls the image for it.
    pub(super) fn ask(&self, image: &str, script: &str) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let mut command = self.engine.ask(self.build, image, script);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running =
            RunningProgram::start(&mut command, self.cancellation).map_err(self.cannot_start())?;
        let (stdout, stderr) = running.take_outputs();
        let text = CollectedOutput::begin(stdout, MAX_OUTPUT_BYTES);
        let pump = Output::pump(self.output, stderr, self.cancellation);
        let status = self.wait(&mut running);
        wait_for_output(&[pump]);
        match self.check_status(status?) {
            Ok(()) => Ok(text.finish()),
            Err(Fault::Commands { .. }) => Ok(Zeroizing::default()),
            Err(fault) => Err(fault),
        }
    }

    /// Runs a container to its end. Its shell reads the script from standard input.
    pub(super) fn run(&self, container: &Container<'_>, script: Zeroizing<String>) -> Result<(), Fault> {
        let mut command = self.engine.run(container);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = RunningProgram::start_with_input(&mut command, script, self.cancellation)
            .map_err(self.cannot_start())?;
        let (stdout, stderr) = running.take_outputs();
        let pumps = [
            Output::pump(self.output, stdout, self.cancellation),
            Output::pump(self.output, stderr, self.cancellation),
        ];
        let status = self.wait(&mut running);
        wait_for_output(&pumps);
        self.check_status(status?)
    }

    fn check_status(&self, status: ExitStatus) -> Result<(), Fault> {
        match status.code() {
            Some(0) => Ok(()),
            Some(code @ ENGINE_FAILED) => Err(Fault::Engine { engine: self.engine.name(), code }),
            Some(KILLED) | None => Err(Fault::Killed),
            Some(code) => Err(Fault::Commands { code }),
        }
    }

    fn cannot_start(&self) -> impl FnOnce(std::io::Error) -> Fault + use<> {
        let program = self.engine.name();
        move |source| Fault::Start { program, source }
    }

    /// Waits for the end, the deadline or a signal. A container that has not ended by itself is
    /// stopped.
    fn wait(&self, running: &mut RunningProgram) -> Result<ExitStatus, Fault> {
        let status = running.wait(Some(self.until), IgnoredSignals::None).map_err(self.cannot_start())?;
        status.map_err(|cancelled| {
            self.stop(running);
            cancelled.into()
        })
    }

    /// Kills the container repeatedly until the engine's command has ended: the engine may create
    /// the container only after the first attempt.
    fn stop(&self, running: &mut RunningProgram) {
        let until = Instant::now() + STOP_TIMEOUT;
        loop {
            self.engine.kill_container(self.build, self.cancellation);
            match running.wait(Some((Instant::now() + KILL_INTERVAL).min(until)), IgnoredSignals::First) {
                Ok(Err(Cancelled::Timeout)) if Instant::now() < until => {}
                Ok(Ok(_)) => break,
                _ => {
                    running.kill();
                    break;
                }
            }
        }
        self.engine.remove_container(self.build, self.cancellation);
    }
}

/// Waits for the rest of the output, but not for ever: a process that outlives the container's
/// command may keep the pipes open.
fn wait_for_output(pumps: &[Completion]) {
    let until = Instant::now() + STOP_TIMEOUT;
    for pump in pumps {
        if pump.wait(Some(until), IgnoredSignals::First).is_err() {
            return;
        }
    }
}
