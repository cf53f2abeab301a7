//! Starting the command that gets the secrets on Unix: with exec, or as a child process if there is
//! work after it.
//!
//! While a build runs, signals are passed on to it. After the build they end this process as usual,
//! once the work that follows has cleaned up. Signals that the parent process had set to be ignored
//! stay ignored. As the init of a container, this process passes on all signals of
//! [`signals::to_pass_on`], and reaps the orphaned processes that it inherits.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use capy_client::private_memory::PrivateMemory;
use capy_client::signals::{self, Interrupt};
use capy_protocol::env_map::EnvMap;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitOptions};
use signal_hook::consts::{SIGCHLD, SIGCONT, SIGINT, SIGQUIT, SIGTSTP, SIGURG, SIGWINCH};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::backend::Handle;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::siginfo::{Cause, Origin};

use crate::error::{Error, Result};
use crate::exec_limits;

/// Replaces this process with the command (exec). Returns only if that failed.
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
    /// With this exit code, or 128 + N for signal N.
    Badly(u8),
}

/// Starts the command as the init of a container does: in its own process group, which gets the
/// terminal if there is one (see [`Place`](crate::init_process::Place)). Afterwards,
/// [`Started::stay`](crate::init_process::Started::stay) does the init's work.
#[cfg(target_os = "linux")]
pub(crate) fn start_as_init(
    command: &[OsString],
    env: &EnvMap,
    memory: &PrivateMemory,
    watch: Watch,
) -> Result<crate::init_process::Started> {
    let mut prepared = prepare(command, env)?;
    let place = crate::init_process::Place::find();
    place.prepare(&mut prepared);
    watch.set_own_group(place.is_own_group());
    let spawned = memory.lend(|| watch.spawn(&mut prepared));
    let child = spawned.map_err(|source| failure(&prepared, source))?;
    place.hand_over(&child);
    watch.end().map_err(Error::Init)?;
    Ok(crate::init_process::Started::new(&child))
}

/// Runs the command beside this process and waits for it.
pub(crate) fn run(
    command: &[OsString],
    env: &EnvMap,
    memory: &PrivateMemory,
    watch: Watch,
    afterwards: &Interrupt,
) -> Result<Ended> {
    let mut prepared = prepare(command, env)?;
    let spawned = memory.lend(|| watch.spawn(&mut prepared));
    let mut child = spawned.map_err(|source| failure(&prepared, source))?;
    let status = watch.wait(&mut child, afterwards).map_err(|source| failure(&prepared, source))?;
    Ok(match (status.code(), status.signal().or(watch.received())) {
        (Some(0), None) => Ended::Well,
        (Some(code), None) => Ended::Badly(u8::try_from(code).unwrap_or(crate::error::exit::FAILED)),
        (Some(code), Some(_)) if code != 0 => {
            Ended::Badly(u8::try_from(code).unwrap_or(crate::error::exit::FAILED))
        }
        (_, signal) => Ended::Badly(128 + u8::try_from(signal.unwrap_or(0)).unwrap_or(0)),
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

/// Signal handling of this process: before the child is started a signal ends this process, and
/// after that it is passed on to the child.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only an init stops to pass on signals"))]
pub(crate) struct Watch {
    watched: Arc<Mutex<Watched>>,
    handle: Handle,
    thread: JoinHandle<SignalsInfo<WithOrigin>>,
}

#[derive(Default)]
struct Watched {
    child: Option<Pid>,
    /// Whether the child has its own process group. As long as this process has the terminal,
    /// Ctrl-C and other keys do not reach such a child by themselves.
    has_own_group: bool,
    received: Option<i32>,
    /// The work that follows once the child has ended. It cleans up before a signal ends this
    /// process.
    afterwards: Option<Interrupt>,
}

impl Watch {
    /// Begins to catch signals. An init does so before anything that takes time: until then no
    /// signal ends it.
    pub(crate) fn begin() -> Result<Self> {
        Self::catch().map_err(Error::Signals)
    }

    fn catch() -> io::Result<Self> {
        let watched = Arc::new(Mutex::new(Watched::default()));
        let numbers = if signals::is_init() { signals::to_pass_on() } else { signals::to_catch() };
        let mut caught = SignalsInfo::<WithOrigin>::new(numbers)?;
        let (handle, shared) = (caught.handle(), Arc::clone(&watched));
        let thread = std::thread::Builder::new().name("signals".into()).spawn(move || {
            for origin in caught.forever() {
                // The lock is taken before anything else: while a child is being started, the
                // signal waits.
                lock(&shared).handle(&origin);
            }
            caught
        })?;
        Ok(Self { watched, handle, thread })
    }

    fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        let mut watched = lock(&self.watched);
        let child = command.spawn()?;
        watched.child = Pid::from_raw(i32::try_from(child.id()).unwrap_or(0));
        Ok(child)
    }

    #[cfg(target_os = "linux")]
    fn set_own_group(&self, has_own_group: bool) {
        lock(&self.watched).has_own_group = has_own_group;
    }

    /// Stops passing on signals. From now on they are blocked and wait in the kernel, so that none
    /// is lost.
    #[cfg(target_os = "linux")]
    fn end(self) -> io::Result<()> {
        nix::sys::signal::SigSet::all().thread_block()?;
        self.handle.close();
        let mut caught = self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // Signals that reached the thread before it ended.
        for origin in caught.pending() {
            lock(&self.watched).handle(&origin);
        }
        Ok(())
    }

    /// Waits for the child's end, stops passing signals to it, and only then reaps it, so that no
    /// signal reaches another process that got the same process id.
    fn wait(&self, child: &mut Child, afterwards: &Interrupt) -> io::Result<ExitStatus> {
        let Some(pid) = lock(&self.watched).child else { return child.wait() };
        if signals::is_init() {
            return self.wait_and_reap(pid, afterwards);
        }
        wait_without_reaping(WaitId::Pid(pid))?;
        lock(&self.watched).child_ended(afterwards);
        child.wait()
    }

    /// [`Watch::wait`] for an init: reaps every process that it inherits, until its own child ends.
    fn wait_and_reap(&self, child: Pid, afterwards: &Interrupt) -> io::Result<ExitStatus> {
        loop {
            wait_without_reaping(WaitId::All)?;
            let mut watched = lock(&self.watched);
            while let Some((pid, status)) = rustix::process::wait(WaitOptions::NOHANG)? {
                if pid == child {
                    watched.child_ended(afterwards);
                    return Ok(ExitStatus::from_raw(status.as_raw()));
                }
            }
        }
    }

    fn received(&self) -> Option<i32> {
        lock(&self.watched).received
    }
}

fn wait_without_reaping(whom: WaitId<'_>) -> io::Result<()> {
    loop {
        match rustix::process::waitid(whom.clone(), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            Err(Errno::INTR) => {}
            result => return Ok(result.map(drop)?),
        }
    }
}

impl Watched {
    fn handle(&mut self, origin: &Origin) {
        let number = origin.signal;
        let Some(pid) = self.child else {
            match &self.afterwards {
                Some(interrupt) if signals::is_ending(number) => interrupt.note(number),
                None if !is_without_effect(number) => signals::end_by(number),
                _ => {}
            }
            return;
        };
        if number == SIGCHLD {
            return;
        }
        if signals::is_ending(number) {
            self.received = Some(number);
        }
        if (self.has_own_group || !came_from_terminal(origin))
            && let Some(signal) = Signal::from_named_raw(number)
        {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    fn child_ended(&mut self, afterwards: &Interrupt) {
        self.child = None;
        self.afterwards = Some(afterwards.clone());
    }
}

fn lock(watched: &Mutex<Watched>) -> MutexGuard<'_, Watched> {
    watched.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a signal that a program does not catch lets it continue. For an init that includes the
/// stop signal of Ctrl-Z (`SIGTSTP`).
fn is_without_effect(number: i32) -> bool {
    matches!(number, SIGCHLD | SIGCONT | SIGTSTP | SIGURG | SIGWINCH)
}

/// Whether the terminal sent the signal. Ctrl-C, Ctrl-\, Ctrl-Z and a new window size reach every
/// process in the foreground, so the child got the signal already. The kernel sends these; a signal
/// that somebody sends to this process alone is passed on.
fn came_from_terminal(origin: &Origin) -> bool {
    let is_a_key = matches!(origin.signal, SIGINT | SIGQUIT | SIGTSTP | SIGWINCH);
    is_a_key
        && match origin.cause {
            Cause::Kernel => true,
            Cause::Sent(_) => false,
            // Only Linux reports that the kernel sent the signal.
            _ => is_in_foreground(),
        }
}

fn is_in_foreground() -> bool {
    let Ok(terminal) = std::fs::File::open("/dev/tty") else {
        return false;
    };
    rustix::termios::tcgetpgrp(&terminal).is_ok_and(|group| group == rustix::process::getpgrp())
}
