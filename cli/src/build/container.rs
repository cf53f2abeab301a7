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
use super::process::{Ended, Running, collect};
use super::stops::{Done, Patience, Stops, Woken};
use crate::error::BuildFault as Fault;

/// The engine's exit code when the engine itself failed.
const ENGINE_FAILED: i32 = 125;
/// The exit code of a container that was killed: 128 + SIGKILL.
const KILLED: i32 = 137;
/// How long to wait for a stopped container to go away, and for the rest of its output.
const GOING: Duration = Duration::from_secs(20);
const AGAIN: Duration = Duration::from_millis(500);

/// Runs containers for one build, until a deadline.
pub(super) struct Runner<'a> {
    pub(super) engine: Engine,
    pub(super) build: &'a BuildId,
    pub(super) output: &'a Arc<Output>,
    pub(super) stops: &'a Stops,
    pub(super) until: Instant,
}

impl Runner<'_> {
    /// Runs a script of this program's own in an image and returns its output, which is empty if
    /// the script fails. The engine pulls the image for it.
    pub(super) fn ask(&self, image: &str, script: &str) -> Result<Vec<u8>, Fault> {
        let mut command = self.engine.ask(self.build, image, script);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = Running::start(&mut command, self.stops).map_err(self.cannot_start())?;
        let (stdout, stderr) = running.outputs();
        let (text, pump) = (collect(stdout), Output::pump(self.output, stderr, self.stops));
        let status = self.wait(&mut running);
        rest(&[pump]);
        match status?.code() {
            Some(0) => Ok(text.join().unwrap_or_default()),
            Some(ENGINE_FAILED) => Err(self.engine_failed()),
            Some(KILLED) | None => Err(Fault::Killed),
            Some(_) => Ok(Vec::new()),
        }
    }

    /// Runs a container to its end. Its shell reads the script from standard input.
    pub(super) fn run(&self, container: &Container<'_>, script: Zeroizing<String>) -> Result<(), Fault> {
        let mut command = self.engine.run(container);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running =
            Running::start_with_input(&mut command, script, self.stops).map_err(self.cannot_start())?;
        let (stdout, stderr) = running.outputs();
        let pumps =
            [Output::pump(self.output, stdout, self.stops), Output::pump(self.output, stderr, self.stops)];
        let status = self.wait(&mut running);
        rest(&pumps);
        self.judge(status?)
    }

    fn judge(&self, status: ExitStatus) -> Result<(), Fault> {
        match status.code() {
            Some(0) => Ok(()),
            Some(ENGINE_FAILED) => Err(self.engine_failed()),
            Some(KILLED) | None => Err(Fault::Killed),
            Some(code) => Err(Fault::Commands { code }),
        }
    }

    fn engine_failed(&self) -> Fault {
        Fault::Engine { engine: self.engine.name(), code: ENGINE_FAILED }
    }

    fn cannot_start(&self) -> impl FnOnce(std::io::Error) -> Fault + use<> {
        let program = self.engine.name();
        move |source| Fault::Start { program, source }
    }

    /// Waits for the end, the deadline or a signal. A container that has not ended by itself is
    /// stopped.
    fn wait(&self, running: &mut Running) -> Result<ExitStatus, Fault> {
        let ended = running.wait(Some(self.until), Patience::None).map_err(self.cannot_start())?;
        let why = match ended {
            Ended::Itself(status) => return Ok(status),
            Ended::TimeOver => Fault::TimeOver,
            Ended::Asked => Fault::Stopped,
        };
        self.stop(running);
        Err(why)
    }

    /// Kills the container repeatedly until the engine's command has ended: the engine may create
    /// the container only after the first attempt.
    fn stop(&self, running: &mut Running) {
        let until = Instant::now() + GOING;
        loop {
            self.engine.kill_container(self.build, self.stops);
            match running.wait(Some((Instant::now() + AGAIN).min(until)), Patience::One) {
                Ok(Ended::TimeOver) if Instant::now() < until => {}
                Ok(Ended::Itself(_)) => break,
                _ => {
                    running.kill();
                    break;
                }
            }
        }
        self.engine.remove_container(self.build, self.stops);
    }
}

/// Waits for the rest of the output, but not for ever: a process that outlives the container's
/// command may keep the pipes open.
fn rest(pumps: &[Done]) {
    let until = Instant::now() + GOING;
    for pump in pumps {
        if pump.wait(Some(until), Patience::One) != Woken::Done {
            return;
        }
    }
}
