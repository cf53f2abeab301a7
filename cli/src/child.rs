//! The command that runs with the secrets: in this process's place, or beside it when there is work after it.
//!
//! It refuses to pass on credentials and capy's own settings. While a build runs, signals go on to it; once it
//! is done they end this process as they would any other, after the work that follows has tidied up. What the parent had this process ignore stays ignored.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use capy_client::private_memory::{self, PrivateMemory};
use capy_client::signals::{self, Interrupt};
use capy_protocol::env_map::EnvMap;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use signal_hook::consts::{SIGINT, SIGQUIT};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::siginfo::{Cause, Origin};

use crate::error::{Error, Result};
use crate::{exec_limits, names};

/// Keeps other processes of this user from reading credentials out of this one, and itself out of core dumps.
///
/// Best effort: the command below gets what it needs by other means, and root reads everything anyway.
pub(crate) fn keep_memory_private() {
    private_memory::hide();
}

/// Replaces this process; returns only when that failed.
pub(crate) fn exec(command: &[OsString], env: &EnvMap, memory: &PrivateMemory) -> Error {
    let mut prepared = match prepare(command, env) {
        Ok(prepared) => prepared,
        Err(error) => return error,
    };
    let source = memory.lend(|| prepared.exec());
    failure(&prepared, source)
}

/// How a command that ran beside this process ended.
pub(crate) enum Ended {
    Well,
    /// With this exit code; 128 + N for signal N.
    Badly(u8),
}

/// Runs the command beside this process and waits for it.
pub(crate) fn run(
    command: &[OsString],
    env: &EnvMap,
    memory: &PrivateMemory,
    afterwards: &Interrupt,
) -> Result<Ended> {
    let mut prepared = prepare(command, env)?;
    let watch = Watch::begin().map_err(|source| failure(&prepared, source))?;
    let spawned = memory.lend(|| watch.spawn(&mut prepared));
    let mut child = spawned.map_err(|source| failure(&prepared, source))?;
    let status = watch.wait(&mut child, afterwards).map_err(|source| failure(&prepared, source))?;
    Ok(match (status.code(), status.signal().or(watch.received())) {
        (Some(0), None) => Ended::Well,
        (Some(code), None) => Ended::Badly(u8::try_from(code).unwrap_or(crate::exit::FAILED)),
        (Some(code), Some(_)) if code != 0 => Ended::Badly(u8::try_from(code).unwrap_or(crate::exit::FAILED)),
        (_, signal) => Ended::Badly(128 + u8::try_from(signal.unwrap_or(0)).unwrap_or(0)),
    })
}

fn prepare(command: &[OsString], env: &EnvMap) -> Result<Command> {
    let (program, arguments) = command.split_first().expect("clap asks for one word at least");
    let mut prepared = Command::new(program);
    prepared.args(arguments);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(names::is_reserved) {
            prepared.env_remove(name);
        }
    }
    for (name, value) in env.iter().filter(|(name, _)| !names::is_reserved(name)) {
        prepared.env(name, value.expose_secret());
    }
    match exec_limits::check(&prepared) {
        None => Ok(prepared),
        Some(excess) => Err(Error::ExecLimit(excess)),
    }
}

/// What a shell reads as `NAME=value` or as several words is no program, and may hold a value: of the first only
/// the name is told, of the others the first word.
fn failure(command: &Command, source: io::Error) -> Error {
    let program = command.get_program().to_string_lossy().into_owned();
    if let Some((name, _)) = program.split_once('=').filter(|(name, _)| names::is_kept_by_shells(name)) {
        return Error::CommandIsAssignment { name: name.into() };
    }
    match source.kind() {
        ErrorKind::NotFound => match program.split_once(char::is_whitespace) {
            Some((first, _)) => Error::CommandIsOneWord { first: first.into() },
            None => Error::CommandNotFound { program },
        },
        ErrorKind::ArgumentListTooLong => Error::ExecLimit(exec_limits::explain(command)),
        _ => Error::CommandNotExecutable { program, source },
    }
}

/// Passes signals on to the child while there is one.
struct Watch(Arc<Mutex<Watched>>);

#[derive(Default)]
struct Watched {
    child: Option<Pid>,
    received: Option<i32>,
    /// The work after the child, which tidies up before it ends.
    afterwards: Option<Interrupt>,
}

impl Watch {
    fn begin() -> io::Result<Self> {
        let watched = Arc::new(Mutex::new(Watched::default()));
        let mut caught = SignalsInfo::<WithOrigin>::new(signals::to_catch())?;
        let shared = Arc::clone(&watched);
        std::thread::Builder::new().name("signals".into()).spawn(move || {
            for origin in caught.forever() {
                // Taken before looking: while a child is being started, the signal waits for it.
                lock(&shared).handle(&origin);
            }
        })?;
        Ok(Self(watched))
    }

    fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        let mut watched = lock(&self.0);
        let child = command.spawn()?;
        watched.child = Pid::from_raw(i32::try_from(child.id()).unwrap_or(0));
        Ok(child)
    }

    /// Waits without reaping first, so that no signal goes to a process that took over the number.
    fn wait(&self, child: &mut Child, afterwards: &Interrupt) -> io::Result<ExitStatus> {
        let pid = lock(&self.0).child;
        if let Some(pid) = pid {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            while let Err(fault) = rustix::process::waitid(WaitId::Pid(pid), options) {
                if fault != rustix::io::Errno::INTR {
                    return Err(fault.into());
                }
            }
        }
        let mut watched = lock(&self.0);
        watched.child = None;
        watched.afterwards = Some(afterwards.clone());
        drop(watched);
        child.wait()
    }

    fn received(&self) -> Option<i32> {
        lock(&self.0).received
    }
}

impl Watched {
    fn handle(&mut self, origin: &Origin) {
        let number = origin.signal;
        let Some(pid) = self.child else {
            match &self.afterwards {
                Some(interrupt) => interrupt.note(number),
                None => drop(signal_hook::low_level::emulate_default_handler(number)),
            }
            return;
        };
        self.received = Some(number);
        if !came_from_terminal(origin)
            && let Some(signal) = Signal::from_named_raw(number)
        {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }
}

fn lock(watched: &Mutex<Watched>) -> MutexGuard<'_, Watched> {
    watched.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ctrl-C and Ctrl-\ reach every process in the foreground: the child has had its own already. The kernel sends
/// those; what somebody sends to this process alone is passed on.
fn came_from_terminal(origin: &Origin) -> bool {
    let is_a_key = matches!(origin.signal, SIGINT | SIGQUIT);
    is_a_key
        && match origin.cause {
            Cause::Kernel => true,
            Cause::Sent(_) => false,
            // Only Linux says that it was the kernel.
            _ => is_in_foreground(),
        }
}

fn is_in_foreground() -> bool {
    let Ok(terminal) = std::fs::File::open("/dev/tty") else {
        return false;
    };
    rustix::termios::tcgetpgrp(&terminal).is_ok_and(|group| group == rustix::process::getpgrp())
}
