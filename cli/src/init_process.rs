//! `capy run` as PID 1: the small init that stays beside a container's command.
//!
//! Owns what an init does: it passes on signals, reaps every process that it is given, and exits as the command did. It
//! refuses to keep secrets: this process replaces its own image by `capy pid1`, with an empty environment and fresh
//! memory, once the command runs. Signals are blocked from then on and wait in the kernel, so that none is lost in between.
//!
//! The command has a process group of its own, as under tini, and that group has the terminal: keys and a window's new
//! size reach the command alone, and this process passes on what is sent to itself. There is no shell that could continue
//! what Ctrl-Z stops, so this process does. What ends a program reaches a stopped command, too: it is continued for that.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};

use capy_client::{private_memory, signals};
use nix::sys::signal::SigSet;
use nix::sys::signalfd::{SfdFlags, SignalFd, siginfo};
use nix::unistd;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};

use crate::error::{Error, Result};

/// `si_code` of a signal that the kernel itself sent, such as for a key at a terminal.
const SENT_BY_KERNEL: i32 = 0x80;

/// Whether sockets of systemd's were handed to this very process (`sd_listen_fds(3)`): its command takes them only with
/// this process's number.
pub(crate) fn is_handed_sockets() -> bool {
    std::env::var("LISTEN_PID").is_ok_and(|pid| pid == std::process::id().to_string())
}

/// Where a command is started: which process group, and whether that gets the terminal.
pub(crate) enum Place {
    /// In its own group, with this terminal in the foreground.
    Foreground(OwnedFd),
    /// In its own group: there is no terminal.
    Apart,
    /// In this process's group: another one has the terminal and decides.
    Beside,
}

impl Place {
    /// By the terminal that controls this process.
    pub(crate) fn find() -> Self {
        let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
        for stream in [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()] {
            match unistd::tcgetpgrp(stream) {
                // Not a terminal, or not the one that controls this process.
                Err(_) => {}
                // Group 0 is one outside of this PID namespace.
                Ok(group) if group.as_raw() > 0 && group == unistd::getpgrp() => {
                    return stream.try_clone_to_owned().map_or(Self::Beside, Self::Foreground);
                }
                Ok(_) => return Self::Beside,
            }
        }
        Self::Apart
    }

    pub(crate) fn prepare(&self, command: &mut Command) {
        if self.is_own_group() {
            command.process_group(0);
        }
    }

    pub(crate) fn is_own_group(&self) -> bool {
        !matches!(self, Self::Beside)
    }

    /// Puts the command into the foreground. One that was faster and read from the terminal was stopped for it: what waits
    /// for it sees that, and continues it.
    pub(crate) fn hand_over(&self, child: &Child) {
        if let (Self::Foreground(terminal), Some(group)) = (self, pid_of(child)) {
            let _ = rustix::termios::tcsetpgrp(terminal, group);
        }
    }
}

/// A command that runs, with this process's signals blocked.
#[must_use = "the command is there and nobody waits for it"]
pub(crate) struct Started(Option<Pid>);

impl Started {
    pub(crate) fn new(child: &Child) -> Self {
        Self(pid_of(child))
    }

    /// Becomes `capy pid1`; where this program cannot be found again, it goes on in its old memory.
    pub(crate) fn stay(self) -> Result<ExitCode> {
        let child = self.0.ok_or_else(|| Error::Init(ErrorKind::NotFound.into()))?;
        for program in own_programs() {
            let mut again = Command::new(program);
            again.arg0("capy").arg("pid1").arg(child.to_string()).env_clear();
            for stream in [Command::stdin, Command::stdout] {
                // A pipe or a socket ends for its other side when the command closes it.
                if let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
                    stream(&mut again, Stdio::from(null));
                }
            }
            // Returns only if that failed.
            let _ = again.exec();
        }
        Init::new(child).map_err(Error::Init)?.run()
    }
}

/// Where this program is: its own path, which names the process for people, and the kernel's link to it. None where no
/// `/proc` is mounted.
fn own_programs() -> impl Iterator<Item = PathBuf> {
    std::env::current_exe().into_iter().chain(["/proc/self/exe".into()])
}

/// `capy pid1`.
pub(crate) fn run(child: i32) -> Result<ExitCode> {
    let child = Pid::from_raw(child).filter(|child| child.as_raw_nonzero().get() > 1);
    let Some(child) = child.filter(|_| signals::is_init()) else {
        return Err(Error::NotInit);
    };
    // The limit on core files is still the one that the first image set.
    private_memory::hide();
    SigSet::all().thread_block().map_err(|errno| Error::Init(errno.into()))?;
    Init::new(child).map_err(Error::Init)?.run()
}

struct Init {
    child: Pid,
    signals: SignalFd,
    /// Keys reach the command by themselves.
    shares_group: bool,
    /// The terminal that controls this process.
    terminal: Option<File>,
    is_stopped: bool,
    /// Somebody sent the signal that stopped it, and will continue it.
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

    /// Reaps all that ended; the command's exit code if it is among them.
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

    /// Whether the command is in the foreground. In the background it would only be stopped again.
    fn has_terminal(&self) -> bool {
        let foreground = self.terminal.as_ref().and_then(|terminal| unistd::tcgetpgrp(terminal).ok());
        foreground.is_some_and(|group| group.as_raw() == self.child.as_raw_nonzero().get())
    }

    fn pass_on(&mut self, signal: &siginfo) {
        let number = i32::try_from(signal.ssi_signo).unwrap_or(0);
        let Some(sent) = Signal::from_named_raw(number) else { return };
        let is_key = [Signal::INT, Signal::QUIT, Signal::TSTP, Signal::WINCH].contains(&sent)
            && signal.ssi_code == SENT_BY_KERNEL;
        // The kernel sends a broken pipe's signal to who writes.
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

/// None for one that goes on or is stopped.
fn exit_code(status: WaitStatus) -> Option<u8> {
    let of_signal = status.terminating_signal().map(|number| 128 + number);
    status.exit_status().or(of_signal).map(|code| u8::try_from(code).unwrap_or(crate::error::exit::FAILED))
}

fn pid_of(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}
