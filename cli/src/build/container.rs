//! The container in which a build's commands run, from its start to its end.
//!
//! Owns who ends it: its commands, the clock, a signal, or somebody else. However that goes, it is gone when this is done,
//! unless a second signal says that nobody wants to wait.

use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use capy_protocol::env_map::EnvMap;

use super::engine::{Container, Engine};
use super::error::Fault;
use super::output::Output;
use super::process::{Ended, Running};
use super::stops::{Done, Patience, Stops, Woken};

/// What the engine exits with when it is the engine that failed.
const ENGINE_FAILED: i32 = 125;
/// 128 + SIGKILL.
const KILLED: i32 = 137;
/// How long a container takes to go away, and the rest of what it wrote to come.
const GOING: Duration = Duration::from_secs(20);
const AGAIN: Duration = Duration::from_millis(500);

/// Runs it to its end.
pub(super) fn run(
    engine: Engine,
    container: &Container<'_>,
    values: &EnvMap,
    output: &Arc<Output>,
    stops: &Stops,
    until: Instant,
) -> Result<(), Fault> {
    let mut command = engine.run(container);
    for name in container.by_name {
        command.env(name, values.get(name).map_or("", |value| value.expose_secret()));
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = Running::start(&mut command, stops)
        .map_err(|source| Fault::Start { program: engine.name(), source })?;
    let (stdout, stderr) = running.outputs();
    let pumps = [Output::pump(output, stdout, stops), Output::pump(output, stderr, stops)];
    let ended = running.wait(Some(until), Patience::None);
    let result = match ended {
        Ok(Ended::Itself(status)) => judge(status, engine),
        Ok(Ended::TimeOver) => Err(Fault::TimeOver),
        Ok(Ended::Asked) => Err(Fault::Stopped),
        Err(source) => Err(Fault::Start { program: engine.name(), source }),
    };
    if matches!(result, Err(Fault::TimeOver | Fault::Stopped)) {
        stop(engine, container, &mut running, stops);
    }
    rest(&pumps);
    result
}

fn judge(status: ExitStatus, engine: Engine) -> Result<(), Fault> {
    match status.code() {
        Some(0) => Ok(()),
        Some(ENGINE_FAILED) => Err(Fault::Engine { engine: engine.name(), code: ENGINE_FAILED }),
        Some(KILLED) | None => Err(Fault::Killed),
        Some(code) => Err(Fault::Commands { code }),
    }
}

/// Kills the container until the engine's command has ended: it may be about to make it only now.
fn stop(engine: Engine, container: &Container<'_>, running: &mut Running, stops: &Stops) {
    let until = Instant::now() + GOING;
    loop {
        engine.kill_container(container.build, stops);
        match running.wait(Some((Instant::now() + AGAIN).min(until)), Patience::One) {
            Ok(Ended::TimeOver) if Instant::now() < until => {}
            Ok(Ended::Itself(_)) => break,
            _ => {
                running.kill();
                break;
            }
        }
    }
    engine.remove_container(container.build, stops);
}

/// Waits for the rest of what was written. Somebody may hold the pipes open whom nobody waits for.
fn rest(pumps: &[Done]) {
    let until = Instant::now() + GOING;
    for pump in pumps {
        if pump.wait(Some(until), Patience::One) != Woken::Done {
            return;
        }
    }
}
