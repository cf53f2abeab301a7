//! Runs the command that gets the secrets: it replaces this process (exec), or runs beside it.
//!
//! The command never gets credentials or capy's own settings. Only a command that runs `capy run`
//! itself is told the names of the variables: see [`names::OUTER_RUN`].

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::ffi::{OsStr, OsString};
use std::process::Command;

use capy_protocol::env_map::EnvMap;

use crate::error::{Error, Result};
use crate::process::remove_variables;
use crate::{exec_limits, names};
#[cfg(target_os = "linux")]
pub(crate) use unix::start_as_init;
#[cfg(unix)]
pub(crate) use unix::{Exit, exec, exit_with, run};
#[cfg(windows)]
pub(crate) use windows::{Exit, exec, exit_with, run, wait_for};

/// Adds the arguments and the secrets to a command. The command inherits this process's environment
/// without capy's own variables.
///
/// # Errors
///
/// [`Error::ExecLimit`] if arguments and variables exceed the system's limits.
fn with_variables(mut command: Command, arguments: &[OsString], env: &EnvMap) -> Result<Command> {
    command.args(arguments);
    remove_variables(&mut command, names::is_reserved);
    let is_handed = |name: &str| !names::is_reserved(name) || name == names::OUTER_RUN;
    for (name, value) in env.iter().filter(|(name, _)| is_handed(name)) {
        command.env(name, value.expose_secret());
    }
    match exec_limits::check(&command) {
        None => Ok(command),
        Some(excess) => Err(Error::ExecLimit(excess)),
    }
}

/// The error for a program that was not found. A word that a shell would read as `NAME=value`, or
/// as several words, is no program and may hold a value: of the former the error has only the name,
/// of the latter only the first word.
fn not_found(program: &OsStr) -> Error {
    let program = program.to_string_lossy().into_owned();
    if let Some((name, _)) = program.split_once('=').filter(|(name, _)| names::is_kept_by_shells(name)) {
        return Error::CommandIsAssignment { name: name.into() };
    }
    match program.split_once(char::is_whitespace) {
        // Paths on Windows often have blanks.
        Some((first, _)) if !program.contains('\\') => Error::CommandIsOneWord { first: first.into() },
        _ => Error::CommandNotFound { program },
    }
}
