//! Child processes: how they are found, started, given signals, waited for and killed.
//!
//! | module | what it does |
//! | --- | --- |
//! | `child`, `signals` | runs the command that gets the secrets, and passes signals on to it |
//! | `container_init` | stays beside that command as PID 1 of a container |
//! | `group` | kills a program with everything that it started |
//! | `captured` | runs a program with a text as its input, and returns its output |
//! | `running`, `cancellation` | runs a program until its end, a deadline or a signal |
//!
//! This file has what they share: finding a program, its environment, and its end.
//!
//! A program that may have to be killed leads a process group of its own, so that everything that
//! it started is killed, too. The command that gets the secrets is never killed: it gets signals,
//! and decides itself.

#[cfg(unix)]
pub(crate) mod cancellation;
pub(crate) mod captured;
pub(crate) mod child;
#[cfg(target_os = "linux")]
pub(crate) mod container_init;
mod group;
#[cfg(unix)]
pub(crate) mod running;
pub(crate) mod signals;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

#[cfg(unix)]
use rustix::process::{WaitId, WaitIdOptions};

/// The file of a program in the first folder of a list such as `PATH` that has it.
pub(crate) fn find_on_path(name: &str, path: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(path).find_map(|folder| find_in_folder(name, &folder))
}

/// The file of a program in one folder.
#[cfg(unix)]
pub(crate) fn find_in_folder(name: &str, folder: &Path) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let is_executable = |path: &PathBuf| {
        path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
    };
    Some(folder.join(name)).filter(is_executable)
}

/// The file of a program in one folder. `next` is `next.exe`, or `next.cmd` as npm writes it:
/// `PATHEXT` lists the extensions.
///
/// A relative folder is refused, because it would be searched for below the current folder. Unlike
/// with Windows' own `cmd`, the current folder is not searched: nobody asked for a program that
/// happens to be there.
#[cfg(windows)]
pub(crate) fn find_in_folder(name: &str, folder: &Path) -> Option<PathBuf> {
    folder.is_absolute().then(|| which::which_in(name, Some(folder), folder).ok()).flatten()
}

/// Takes the variables with certain names out of the environment that a program inherits.
pub(crate) fn remove_variables(command: &mut Command, is_removed: impl Fn(&str) -> bool) {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(&is_removed) {
            command.env_remove(name);
        }
    }
}

/// Waits for a process to end without reaping it: its process id stays its own, so that no signal
/// goes to another process that got the same one.
#[cfg(unix)]
fn wait_without_reaping(whom: WaitId<'_>) -> std::io::Result<()> {
    loop {
        match rustix::process::waitid(whom.clone(), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            Err(rustix::io::Errno::INTR) => {}
            result => return Ok(result.map(drop)?),
        }
    }
}

/// The exit code of a process that ended, or 128 + N for signal N, as shells report it.
#[cfg(unix)]
fn exit_code(status: std::process::ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt;
    match status.code() {
        Some(code) => u8::try_from(code).unwrap_or(crate::error::exit::FAILED),
        None => exit_code_of_signal(status.signal().unwrap_or(0)),
    }
}

/// The exit code of a process that a signal ended: 128 + its number.
#[cfg(unix)]
fn exit_code_of_signal(number: i32) -> u8 {
    128 + u8::try_from(number).unwrap_or(0)
}
