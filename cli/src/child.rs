//! The command that runs with the secrets: in this process's place, or beside it.
//!
//! It refuses to pass on credentials and capy's own settings.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::ffi::{OsStr, OsString};
use std::process::Command;

use capy_client::private_memory;
use capy_protocol::env_map::EnvMap;

use crate::error::{Error, Result};
use crate::{exec_limits, names};
#[cfg(target_os = "linux")]
pub(crate) use unix::start_as_init;
#[cfg(unix)]
pub(crate) use unix::{Ended, Watch, exec, exit_with, run};
#[cfg(windows)]
pub(crate) use windows::{Ended, Watch, exec, exit_with, run, wait_for};

/// Keeps other processes of this user from reading credentials out of this one, and itself out of core dumps.
///
/// Best effort: the command below gets what it needs by other means, and root reads everything anyway.
pub(crate) fn keep_memory_private() {
    private_memory::hide();
}

/// The command with its arguments, the secrets and what this process has, but for what is capy's own.
fn with_variables(mut command: Command, arguments: &[OsString], env: &EnvMap) -> Result<Command> {
    command.args(arguments);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(names::is_reserved) {
            command.env_remove(name);
        }
    }
    for (name, value) in env.iter().filter(|(name, _)| !names::is_reserved(name)) {
        command.env(name, value.expose_secret());
    }
    match exec_limits::check(&command) {
        None => Ok(command),
        Some(excess) => Err(Error::ExecLimit(excess)),
    }
}

/// What a shell reads as `NAME=value` or as several words is no program, and may hold a value: of the first only
/// the name is told, of the others the first word.
fn not_found(program: &OsStr) -> Error {
    let program = program.to_string_lossy().into_owned();
    if let Some((name, _)) = program.split_once('=').filter(|(name, _)| names::is_kept_by_shells(name)) {
        return Error::CommandIsAssignment { name: name.into() };
    }
    match program.split_once(char::is_whitespace) {
        // Blanks are usual in paths of Windows.
        Some((first, _)) if !program.contains('\\') => Error::CommandIsOneWord { first: first.into() },
        _ => Error::CommandNotFound { program },
    }
}
