//! Passes signals of this process on to the command that it runs, on Unix.
//!
//! While a build runs, signals are passed on to it. After the build they end this process as usual,
//! once the work that follows has cleaned up. Signals that the parent process had set to be ignored
//! stay ignored. As the init of a container, this process passes on all signals of
//! [`signals::to_pass_on`], and reaps the orphaned processes that it inherits.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use capy_client::signals::{self, Interrupt};
use rustix::process::{Pid, Signal, WaitId, WaitOptions};
use signal_hook::consts::{SIGCHLD, SIGCONT, SIGINT, SIGQUIT, SIGTSTP, SIGURG, SIGWINCH};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::backend::Handle;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::siginfo::{Cause, Origin};

use crate::error::{Error, Result};
use crate::process::wait_without_reaping;

/// The signals of this process: before the child is started a signal ends this process, and after
/// that it is passed on to the child.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only an init stops to pass on signals"))]
pub(crate) struct SignalForwarder {
    state: Arc<Mutex<State>>,
    handle: Handle,
    thread: JoinHandle<SignalsInfo<WithOrigin>>,
}

#[derive(Default)]
struct State {
    child: Option<Pid>,
    /// Whether the child has its own process group. As long as this process has the terminal,
    /// Ctrl-C and other keys do not reach such a child by themselves.
    has_own_group: bool,
    received: Option<i32>,
    /// The work that follows once the child has ended. It cleans up before a signal ends this
    /// process.
    afterwards: Option<Interrupt>,
}

impl SignalForwarder {
    /// Begins to catch signals. An init does so before anything that takes time: until then no
    /// signal ends it.
    pub(crate) fn begin() -> Result<Self> {
        Self::catch().map_err(Error::Signals)
    }

    fn catch() -> io::Result<Self> {
        let state = Arc::new(Mutex::new(State::default()));
        let numbers = if signals::is_init() { signals::to_pass_on() } else { signals::to_catch() };
        let mut caught = SignalsInfo::<WithOrigin>::new(numbers)?;
        let (handle, shared) = (caught.handle(), Arc::clone(&state));
        let thread = std::thread::Builder::new().name("signals".into()).spawn(move || {
            for origin in caught.forever() {
                // The lock is taken before anything else: while a child is being started, the
                // signal waits.
                lock(&shared).handle(&origin);
            }
            caught
        })?;
        Ok(Self { state, handle, thread })
    }

    /// Starts the child, unless a signal came for the work before it.
    pub(crate) fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        let mut state = lock(&self.state);
        if state.afterwards.as_ref().is_some_and(|interrupt| interrupt.stop().load(Ordering::SeqCst)) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let child = command.spawn()?;
        state.child = Some(Pid::from_child(&child));
        Ok(child)
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn set_own_group(&self, has_own_group: bool) {
        lock(&self.state).has_own_group = has_own_group;
    }

    /// Stops passing on signals. From now on they are blocked and wait in the kernel, so that none
    /// is lost.
    #[cfg(target_os = "linux")]
    pub(crate) fn block(self) -> io::Result<()> {
        nix::sys::signal::SigSet::all().thread_block()?;
        self.handle.close();
        let mut caught = self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // Signals that reached the thread before it ended.
        for origin in caught.pending() {
            lock(&self.state).handle(&origin);
        }
        Ok(())
    }

    /// Waits for the child's end, stops passing signals to it, and only then reaps it, so that no
    /// signal reaches another process that got the same process id.
    pub(crate) fn wait(&self, child: &mut Child, afterwards: &Interrupt) -> io::Result<ExitStatus> {
        let Some(pid) = lock(&self.state).child else { return child.wait() };
        if signals::is_init() {
            return self.wait_and_reap(pid, afterwards);
        }
        wait_without_reaping(WaitId::Pid(pid))?;
        lock(&self.state).child_ended(afterwards);
        child.wait()
    }

    /// [`SignalForwarder::wait`] for an init: reaps every process that it inherits, until its own
    /// child ends.
    fn wait_and_reap(&self, child: Pid, afterwards: &Interrupt) -> io::Result<ExitStatus> {
        loop {
            wait_without_reaping(WaitId::All)?;
            let mut state = lock(&self.state);
            while let Some((pid, status)) = rustix::process::wait(WaitOptions::NOHANG)? {
                if pid == child {
                    state.child_ended(afterwards);
                    return Ok(ExitStatus::from_raw(status.as_raw()));
                }
            }
        }
    }

    /// From now on signals go to this work, until a child is started.
    pub(crate) fn pass_to(&self, work: &Interrupt) {
        lock(&self.state).afterwards = Some(work.clone());
    }

    pub(crate) fn received(&self) -> Option<i32> {
        lock(&self.state).received
    }
}

impl State {
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

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
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
