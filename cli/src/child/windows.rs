//! The command that runs with the secrets, beside this process: Windows lets no program take another's place.
//!
//! It refuses arguments that `cmd` would not hand on to a script as they are. Ctrl-C and Ctrl-Break reach the command by
//! themselves, as they reach every program of a console; this process waits for what the command makes of them. When this
//! process is ended from outside, so is the command, with all that it started; what a command leaves running when it ends
//! by itself goes on.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::{Arc, Mutex, PoisonError};

use capy_client::private_memory::PrivateMemory;
use capy_client::signals::{self, Interrupt};
use capy_protocol::env_map::EnvMap;
use win32job::{ExtendedLimitInfo, Job};

use crate::error::{Error, Result};
use crate::{exec_limits, printer, program};

/// Runs the command to its end, and ends this process with its exit code; returns only when that failed.
pub(crate) fn exec(command: &[OsString], env: &EnvMap, memory: &PrivateMemory) -> Error {
    match Watch::begin().and_then(|_| end_of(command, env, memory)) {
        Ok(code) => std::process::exit(code),
        Err(error) => error,
    }
}

/// How a command that ran beside this process ended.
pub(crate) enum Ended {
    Well,
    /// With this exit code: all 32 bits of it count.
    Badly(i32),
}

/// Runs the command and waits for it. From then on Ctrl-C is for the work that follows.
pub(crate) fn run(
    command: &[OsString],
    env: &EnvMap,
    memory: &PrivateMemory,
    watch: Watch,
    afterwards: &Interrupt,
) -> Result<Ended> {
    let code = end_of(command, env, memory)?;
    watch.pass_to(afterwards);
    Ok(match (code, watch.was_interrupted()) {
        (0, false) => Ended::Well,
        // A command that took Ctrl-C for its normal end: nothing follows it.
        (0, true) => Ended::Badly(signals::INTERRUPTED),
        (code, _) => Ended::Badly(code),
    })
}

/// Ends this process: an exit code of Windows has 32 bits, and Rust's own type takes eight.
pub(crate) fn exit_with(code: i32) -> ExitCode {
    std::process::exit(code)
}

fn end_of(command: &[OsString], env: &EnvMap, memory: &PrivateMemory) -> Result<i32> {
    let (name, arguments) = command.split_first().expect("clap asks for one word at least");
    let mut prepared = prepare(name, arguments, env)?;
    let ended = memory.lend(|| wait_for(&mut prepared));
    ended.map_err(|source| failure(name, &prepared, source))
}

/// Runs a program to its end. It does not outlive this process, and what it leaves running does.
pub(crate) fn wait_for(command: &mut Command) -> io::Result<i32> {
    let _shared = SharedEnd::begin();
    let status = command.spawn()?.wait()?;
    Ok(status.code().unwrap_or(crate::error::exit::FAILED.into()))
}

/// While this lives, what this process starts ends with it: Windows ends what is in a job of this kind when the last
/// handle to it is closed. This process is in it, too, and so is what it starts from its first moment on.
struct SharedEnd(Option<Job>);

impl SharedEnd {
    /// Where jobs cannot be had, the program may outlive this one.
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
            // Closing it would end this process.
            let _ = job.into_handle();
        }
    }
}

fn prepare(name: &OsStr, arguments: &[OsString], env: &EnvMap) -> Result<Command> {
    tell_names_that_are_one(env);
    let program = find(name, env).ok_or_else(|| super::not_found(name))?;
    super::with_variables(Command::new(program), arguments, env)
}

/// Windows has no case in names of variables: of two that differ in it, the later one counts.
fn tell_names_that_are_one(env: &EnvMap) {
    let mut known = BTreeMap::new();
    for name in env.names() {
        if let Some(other) = known.insert(name.to_ascii_uppercase(), name) {
            printer::note(&format!("warning: {other} and {name} are one variable on Windows; {name} counts"));
        }
    }
}

/// The program's file. A name with a folder in it is looked for there, any other one in the folders of `PATH`: those
/// that the command gets.
fn find(name: &OsStr, env: &EnvMap) -> Option<PathBuf> {
    let text = name.to_str()?;
    let path = Path::new(name);
    if path.components().count() > 1 || path.is_absolute() {
        let path = std::path::absolute(path).ok()?;
        return program::in_folder(path.file_name()?.to_str()?, path.parent()?);
    }
    let given = env.iter().find(|(name, _)| name.eq_ignore_ascii_case("PATH"));
    let folders = given.map(|(_, value)| OsString::from(value.expose_secret()));
    program::on_path(text, &folders.or_else(|| std::env::var_os("PATH")).unwrap_or_default())
}

fn failure(name: &OsStr, command: &Command, source: io::Error) -> Error {
    /// ERROR_FILENAME_EXCED_RANGE: the command line is too long.
    const TOO_LONG: i32 = 206;
    match source.kind() {
        ErrorKind::NotFound => super::not_found(name),
        // The standard library's own answer for an argument that `cmd` does not hand on as it is.
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

/// What Ctrl-C does. It reaches the command by itself.
pub(crate) struct Watch(Arc<Mutex<Watched>>);

#[derive(Default)]
struct Watched {
    was_interrupted: bool,
    /// The work after the command.
    afterwards: Option<Interrupt>,
}

impl Watch {
    /// From now on Ctrl-C does not end this process.
    pub(crate) fn begin() -> Result<Self> {
        Self::catch().map_err(Error::Signals)
    }

    pub(crate) fn catch() -> io::Result<Self> {
        let watched = Arc::new(Mutex::new(Watched::default()));
        let shared = Arc::clone(&watched);
        let caught = signals::on_interrupt(move || {
            let mut watched = shared.lock().unwrap_or_else(PoisonError::into_inner);
            match &watched.afterwards {
                Some(afterwards) => afterwards.note(1),
                None => watched.was_interrupted = true,
            }
        });
        caught.map(|()| Self(watched))
    }

    fn pass_to(&self, afterwards: &Interrupt) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).afterwards = Some(afterwards.clone());
    }

    fn was_interrupted(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).was_interrupted
    }
}
