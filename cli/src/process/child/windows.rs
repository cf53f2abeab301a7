//! Runs the command that gets the secrets on Windows: as a child process, because Windows has
//! no exec.
//!
//! Arguments that `cmd` would not hand to a script unchanged are refused. Ctrl-C and Ctrl-Break
//! reach every program of a console, and so the command, too; this process waits until the command
//! has reacted. If this process is ended from outside, the command ends with it, and so does
//! everything that the command started. If the command ends by itself, what it leaves running goes
//! on.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use capy_client::private_memory::PrivateMemory;
use capy_client::signals::{INTERRUPTED, Interrupt};
use capy_protocol::env_map::EnvMap;
use win32job::{ExtendedLimitInfo, Job};

use crate::error::{Error, Result};
use crate::process::signals::SignalForwarder;
use crate::process::{find_in_folder, find_on_path};
use crate::{exec_limits, printer};

/// Runs the command to its end, and exits this process with the command's exit code. Returns only
/// if the command could not be run.
pub(crate) fn exec(command: &[OsString], env: &EnvMap, memory: &PrivateMemory) -> Error {
    match SignalForwarder::begin().and_then(|_| end_of(command, Path::new("."), env, memory)) {
        Ok(code) => std::process::exit(code),
        Err(error) => error,
    }
}

/// How a command that ran beside this process ended.
pub(crate) enum Exit {
    Success,
    /// With this 32-bit exit code.
    Failure(i32),
}

/// Runs the command in a folder and waits for it. After the command, Ctrl-C goes to the work that
/// follows (`afterwards`).
pub(crate) fn run(
    command: &[OsString],
    folder: &Path,
    env: &EnvMap,
    memory: &PrivateMemory,
    signals: &SignalForwarder,
    afterwards: &Interrupt,
) -> Result<Exit> {
    let code = end_of(command, folder, env, memory)?;
    signals.pass_to(afterwards);
    Ok(match (code, signals.was_interrupted()) {
        (0, false) => Exit::Success,
        // The command exits with 0 after Ctrl-C: it was interrupted all the same, and the work that
        // follows is left out.
        (0, true) => Exit::Failure(INTERRUPTED),
        (code, _) => Exit::Failure(code),
    })
}

/// Exits this process: exit codes on Windows have 32 bits, and Rust's [`ExitCode`] takes only
/// eight.
pub(crate) fn exit_with(code: i32) -> ExitCode {
    std::process::exit(code)
}

fn end_of(command: &[OsString], folder: &Path, env: &EnvMap, memory: &PrivateMemory) -> Result<i32> {
    let (name, arguments) = command.split_first().expect("clap asks for one word at least");
    let mut prepared = prepare(name, arguments, env)?;
    prepared.current_dir(folder);
    let ended = memory.with_original_limit(|| wait_for(&mut prepared));
    ended.map_err(|source| failure(name, &prepared, source))
}

/// Runs a program to its end. If this process is ended, the program ends, too; what the program
/// leaves running when it ends by itself goes on.
pub(crate) fn wait_for(command: &mut Command) -> io::Result<i32> {
    let _shared = SharedEnd::begin();
    let status = command.spawn()?.wait()?;
    Ok(status.code().unwrap_or(crate::error::exit::FAILED.into()))
}

/// A job object that makes child processes end with this process: Windows ends all processes of
/// such a job (`limit_kill_on_job_close`) when the last handle to it is closed. This process is in
/// the job, so whatever it starts is in the job from the first moment on.
struct SharedEnd(Option<Job>);

impl SharedEnd {
    /// If no job can be created, the program may outlive this process.
    fn begin() -> Self {
        let job = Job::create_with_limit_info(ExtendedLimitInfo::new().limit_kill_on_job_close());
        Self(job.and_then(|job| job.assign_current_process().map(|()| job)).ok())
    }
}

impl Drop for SharedEnd {
    fn drop(&mut self) {
        if let Some(job) = self.0.take()
            && job.set_extended_limit_info(ExtendedLimitInfo::new().clear_limits()).is_err()
        {
            // The handle stays open: closing it would end this process.
            let _ = job.into_handle();
        }
    }
}

fn prepare(name: &OsStr, arguments: &[OsString], env: &EnvMap) -> Result<Command> {
    tell_names_that_are_one(env);
    let program = find(name, env).ok_or_else(|| super::not_found(name))?;
    super::with_variables(Command::new(program), arguments, env)
}

/// Warns of variables that differ in case only: they are one variable on Windows, and the later one
/// counts.
fn tell_names_that_are_one(env: &EnvMap) {
    let mut known = BTreeMap::new();
    for name in env.names() {
        if let Some(other) = known.insert(name.to_ascii_uppercase(), name) {
            printer::note(&format!("warning: {other} and {name} are one variable on Windows; {name} counts"));
        }
    }
}

/// Finds the program's file. A name with a folder in it is looked for in that folder, any other
/// name in the folders of the `PATH` that the command gets.
fn find(name: &OsStr, env: &EnvMap) -> Option<PathBuf> {
    let text = name.to_str()?;
    let path = Path::new(name);
    if path.components().count() > 1 || path.is_absolute() {
        let path = std::path::absolute(path).ok()?;
        return find_in_folder(path.file_name()?.to_str()?, path.parent()?);
    }
    let given = env.iter().find(|(name, _)| name.eq_ignore_ascii_case("PATH"));
    let folders = given.map(|(_, value)| OsString::from(value.expose_secret()));
    find_on_path(text, &folders.or_else(|| std::env::var_os("PATH")).unwrap_or_default())
}

fn failure(name: &OsStr, command: &Command, source: io::Error) -> Error {
    /// ERROR_FILENAME_EXCED_RANGE: the command line is too long.
    const TOO_LONG: i32 = 206;
    match source.kind() {
        ErrorKind::NotFound => super::not_found(name),
        // The standard library returns this for an argument that `cmd` does not hand on unchanged.
        ErrorKind::InvalidInput if is_script(command) => {
            Error::ScriptArgument { program: command.get_program().into() }
        }
        _ if source.raw_os_error() == Some(TOO_LONG) => Error::ExecLimit(exec_limits::explain(command)),
        _ => Error::CommandNotExecutable { program: name.to_string_lossy().into_owned(), source },
    }
}

fn is_script(command: &Command) -> bool {
    let ending = Path::new(command.get_program()).extension();
    ending.is_some_and(|ending| ending.eq_ignore_ascii_case("cmd") || ending.eq_ignore_ascii_case("bat"))
}
