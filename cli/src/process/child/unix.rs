//! Runs the command that gets the secrets on Unix: with exec, or as a child process if there is
//! work after it. Signals are passed on to the child process: see [`SignalForwarder`].

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use capy_client::private_memory::PrivateMemory;
use capy_client::signals::Interrupt;
use capy_protocol::env_map::EnvMap;

use crate::error::{Error, Result};
use crate::exec_limits;
#[cfg(target_os = "linux")]
use crate::process::container_init::{CommandGroup, Started};
use crate::process::signals::SignalForwarder;
use crate::process::{exit_code, exit_code_of_signal};

/// Replaces this process with the command (exec). Returns only if that failed.
pub(crate) fn exec(command: &[OsString], env: &EnvMap, memory: &PrivateMemory) -> Error {
    let mut prepared = match prepare(command, env) {
        Ok(prepared) => prepared,
        Err(error) => return error,
    };
    let source = memory.with_original_limit(|| prepared.exec());
    failure(&prepared, source)
}

/// How a command that ran beside this process ended.
pub(crate) enum Exit {
    Success,
    /// With this exit code, or 128 + N for signal N.
    Failure(u8),
}

/// Starts the command as the init of a container does: in its own process group, which gets the
/// terminal if there is one (see [`CommandGroup`]). Afterwards, [`Started::stay`] does the init's
/// work.
#[cfg(target_os = "linux")]
pub(crate) fn start_as_init(
    command: &[OsString],
    env: &EnvMap,
    memory: &PrivateMemory,
    signals: SignalForwarder,
) -> Result<Started> {
    let mut prepared = prepare(command, env)?;
    let group = CommandGroup::choose();
    group.prepare(&mut prepared);
    signals.set_own_group(group.is_own_group());
    let spawned = memory.with_original_limit(|| signals.spawn(&mut prepared));
    let child = spawned.map_err(|source| failure(&prepared, source))?;
    group.hand_over(&child);
    signals.block().map_err(Error::Init)?;
    Ok(Started::new(&child))
}

/// Runs the command beside this process, in a folder, and waits for it.
pub(crate) fn run(
    command: &[OsString],
    folder: &Path,
    env: &EnvMap,
    memory: &PrivateMemory,
    signals: &SignalForwarder,
    afterwards: &Interrupt,
) -> Result<Exit> {
    let mut prepared = prepare(command, env)?;
    prepared.current_dir(folder);
    let spawned = memory.with_original_limit(|| signals.spawn(&mut prepared));
    let mut child = spawned.map_err(|source| failure(&prepared, source))?;
    let status = signals.wait(&mut child, afterwards).map_err(|source| failure(&prepared, source))?;
    Ok(match (status.code(), signals.received()) {
        (Some(0), None) => Exit::Success,
        // The command exits with 0 after a signal: it was interrupted all the same, and the work
        // that follows is left out.
        (Some(0), Some(number)) => Exit::Failure(exit_code_of_signal(number)),
        _ => Exit::Failure(exit_code(status)),
    })
}

/// The exit code of this process, from that of the command.
pub(crate) fn exit_with(code: u8) -> ExitCode {
    ExitCode::from(code)
}

fn prepare(command: &[OsString], env: &EnvMap) -> Result<Command> {
    let (program, arguments) = command.split_first().expect("clap asks for one word at least");
    super::with_variables(Command::new(program), arguments, env)
}

fn failure(command: &Command, source: io::Error) -> Error {
    let program = command.get_program();
    match source.kind() {
        ErrorKind::NotFound => super::not_found(program),
        ErrorKind::ArgumentListTooLong => Error::ExecLimit(exec_limits::explain(command)),
        _ => Error::CommandNotExecutable { program: program.to_string_lossy().into_owned(), source },
    }
}
