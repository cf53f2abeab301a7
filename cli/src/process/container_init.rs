//! `capy run` as PID 1: the small init process of a container, which stays beside the command.
//!
//! The init passes on signals, reaps every process that it inherits, and exits with the command's
//! exit code. It does not keep the secrets: once the command runs, this process replaces itself
//! with `capy pid1` (exec), with an empty environment and fresh memory. Signals are blocked from
//! then on and wait in the kernel, so that none is lost in between.
//!
//! The command has a process group of its own, as under tini, and that group has the terminal: keys
//! and a new window size reach the command alone, and this process passes on what is sent to
//! itself. No shell is there to continue what Ctrl-Z stops, so this process does that. A signal
//! that ends a program also reaches a stopped command, because the command is continued for it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};

use capy_client::{private_memory, signals};
use nix::sys::signal::SigSet;
use nix::sys::signalfd::{SfdFlags, SignalFd, siginfo};
use nix::unistd;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};

use crate::error::{Error, Result};
use crate::process;

/// `si_code` of a signal that the kernel itself sent (`SI_KERNEL`), such as for a key at a
/// terminal.
const SENT_BY_KERNEL: i32 = 0x80;

/// Whether systemd handed sockets to this very process (`sd_listen_fds(3)`). The command takes them
/// only if it has this process's id.
pub(crate) fn is_handed_sockets() -> bool {
    std::env::var("LISTEN_PID").is_ok_and(|pid| pid == std::process::id().to_string())
}

/// The process group in which the command is started, and whether it gets the terminal.
pub(super) enum CommandGroup {
    /// In its own group, which is put into the foreground of this terminal.
    Foreground(OwnedFd),
    /// In its own group; there is no terminal.
    Own,
    /// In this process's group: another process group has the terminal and controls the jobs, or
    /// the terminal's handle cannot be duplicated.
    Shared,
}

impl CommandGroup {
    /// Chooses the group by the controlling terminal of this process.
    pub(super) fn choose() -> Self {
        let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
        for stream in [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()] {
            match unistd::tcgetpgrp(stream) {
                // This stream is not a terminal, or not the controlling terminal of this process.
                Err(_) => {}
                // Group 0 stands for a group outside of this PID namespace.
                Ok(group) if group.as_raw() > 0 && group == unistd::getpgrp() => {
                    return stream.try_clone_to_owned().map_or(Self::Shared, Self::Foreground);
                }
                Ok(_) => return Self::Shared,
            }
        }
        Self::Own
    }

    pub(super) fn prepare(&self, command: &mut Command) {
        if self.is_own_group() {
            command.process_group(0);
        }
    }

    pub(super) fn is_own_group(&self) -> bool {
        !matches!(self, Self::Shared)
    }

    /// Puts the command into the foreground. If the command read from the terminal before that, it
    /// was stopped for it; the init notices that and continues it.
    pub(super) fn hand_over(&self, child: &Child) {
        if let Self::Foreground(terminal) = self {
            let _ = rustix::termios::tcsetpgrp(terminal, Pid::from_child(child));
        }
    }
}

/// A running command, while the signals of this process are blocked.
#[must_use = "the command is there and nobody waits for it"]
pub(crate) struct Started(Pid);

impl Started {
    pub(super) fn new(child: &Child) -> Self {
        Self(Pid::from_child(child))
    }

    /// Replaces this process with `capy pid1` (exec). If the program's file cannot be found again,
    /// this process does the init's work without replacing itself.
    pub(crate) fn stay(self) -> Result<ExitCode> {
        let child = self.0;
        for program in own_programs() {
            let mut again = Command::new(program);
            again.arg0("capy").arg("pid1").arg(child.to_string()).env_clear();
            for stream in [Command::stdin, Command::stdout] {
                // The other side of a pipe or a socket must see its end when the command closes it,
                // so this process does not keep it open.
                if let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
                    stream(&mut again, Stdio::from(null));
                }
            }
            // `exec` returns only if it failed.
            let _ = again.exec();
        }
        Init::new(child).map_err(Error::Init)?.run()
    }
}

/// The paths of this program: its own path, which people see as the process's name, and the
/// kernel's link to it. Neither can be executed where `/proc` is not mounted.
fn own_programs() -> impl Iterator<Item = PathBuf> {
    std::env::current_exe().into_iter().chain(["/proc/self/exe".into()])
}

/// Runs `capy pid1`, the init of the command with this process id.
///
/// # Errors
///
/// [`Error::NotInit`] if this process is not PID 1, or the process id is 1 or less.
pub(crate) fn run(child: i32) -> Result<ExitCode> {
    let child = Pid::from_raw(child).filter(|child| child.as_raw_nonzero().get() > 1);
    let Some(child) = child.filter(|_| signals::is_init()) else {
        return Err(Error::NotInit);
    };
    // Only the dumpable flag has to be set again: the limit on core files outlives the exec.
    private_memory::forbid_reading();
    SigSet::all().thread_block().map_err(|errno| Error::Init(errno.into()))?;
    Init::new(child).map_err(Error::Init)?.run()
}

struct Init {
    child: Pid,
    signals: SignalFd,
    /// Whether the command is in this process's group, so that signals of keys reach it by
    /// themselves.
    shares_group: bool,
    /// The terminal that controls this process.
    terminal: Option<File>,
    is_stopped: bool,
    /// Whether somebody sent the signal that stopped the command, and will continue the command,
    /// too.
    was_asked_to_stop: bool,
}

impl Init {
    fn new(child: Pid) -> io::Result<Self> {
        let signals = SignalFd::with_flags(&SigSet::all(), SfdFlags::SFD_CLOEXEC)?;
        let group = |pid: Option<Pid>| {
            unistd::getpgid(pid.map(|pid| unistd::Pid::from_raw(pid.as_raw_nonzero().get())))
        };
        let shares_group = matches!((group(Some(child)), group(None)), (Ok(its), Ok(own)) if its == own);
        let terminal = File::options().read(true).write(true).open("/dev/tty").ok();
        Ok(Self { child, signals, shares_group, terminal, is_stopped: false, was_asked_to_stop: false })
    }

    fn run(mut self) -> Result<ExitCode> {
        loop {
            if let Some(code) = self.reap().map_err(Error::Init)? {
                return Ok(ExitCode::from(code));
            }
            match self.signals.read_signal() {
                Ok(Some(signal)) => self.pass_on(&signal),
                Ok(None) | Err(nix::errno::Errno::EINTR) => {}
                Err(errno) => return Err(Error::Init(errno.into())),
            }
        }
    }

    /// Reaps all processes that ended. Returns the command's exit code if the command is among
    /// them.
    fn reap(&mut self) -> io::Result<Option<u8>> {
        let options = WaitOptions::NOHANG | WaitOptions::UNTRACED | WaitOptions::CONTINUED;
        loop {
            match rustix::process::wait(options) {
                Ok(None) => return Ok(None),
                Ok(Some((pid, status))) if pid == self.child => match exit_code(status) {
                    Some(code) => return Ok(Some(code)),
                    None => self.note_stop(status),
                },
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    fn note_stop(&mut self, status: WaitStatus) {
        self.is_stopped = status.stopped();
        let is_by_terminal = status
            .stopping_signal()
            .and_then(Signal::from_named_raw)
            .is_some_and(|signal| [Signal::TSTP, Signal::TTIN, Signal::TTOU].contains(&signal));
        if is_by_terminal && !self.was_asked_to_stop && self.has_terminal() {
            let _ = rustix::process::kill_process_group(self.child, Signal::CONT);
        }
    }

    /// Whether the command is in the foreground. In the background, it would only be stopped again.
    fn has_terminal(&self) -> bool {
        let foreground = self.terminal.as_ref().and_then(|terminal| unistd::tcgetpgrp(terminal).ok());
        foreground.is_some_and(|group| group.as_raw() == self.child.as_raw_nonzero().get())
    }

    fn pass_on(&mut self, signal: &siginfo) {
        let number = i32::try_from(signal.ssi_signo).unwrap_or(0);
        let Some(sent) = Signal::from_named_raw(number) else { return };
        let is_key = [Signal::INT, Signal::QUIT, Signal::TSTP, Signal::WINCH].contains(&sent)
            && signal.ssi_code == SENT_BY_KERNEL;
        // The kernel sends the signal of a broken pipe to the process that writes, here to this
        // process.
        let is_own = sent == Signal::PIPE && signal.ssi_pid == std::process::id();
        if sent == Signal::CHILD || is_own || is_key && self.shares_group {
            return;
        }
        match sent {
            Signal::TSTP | Signal::TTIN | Signal::TTOU => self.was_asked_to_stop = true,
            Signal::CONT => self.was_asked_to_stop = false,
            _ => {}
        }
        let _ = rustix::process::kill_process(self.child, sent);
        if self.is_stopped && signals::is_ending(number) {
            let _ = rustix::process::kill_process(self.child, Signal::CONT);
        }
    }
}

/// The exit code of a process that ended, or 128 + N for signal N; `None` if it was stopped or
/// continued.
fn exit_code(status: WaitStatus) -> Option<u8> {
    let has_ended = status.exited() || status.signaled();
    has_ended.then(|| process::exit_code(ExitStatus::from_raw(status.as_raw())))
}
