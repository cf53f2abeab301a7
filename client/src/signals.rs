//! Signal handling on Unix: clean up before a signal ends the program.
//!
//! Signals that the parent process ignored stay ignored, as `nohup` and shells expect. A caught
//! signal ends the program once the interrupted work has cleaned up; a second signal ends it at
//! once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// Stands for a signal number: no cleanup is pending.
const CLEANUP_DONE: i32 = -1;
/// The last named signal of Linux; higher numbers are real-time signals.
const LAST_STANDARD_SIGNAL: i32 = 31;
const TERMINATING_SIGNALS: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// The signals that end the program, without those that are ignored, which stay ignored in this
/// process and its children.
pub fn to_catch() -> Vec<i32> {
    let ignored = ignored();
    TERMINATING_SIGNALS.into_iter().filter(|number| ignored >> (number - 1) & 1 == 0).collect()
}

/// The signals that a container's init catches: those that it forwards to its command, and
/// `SIGCHLD`, which wakes it. Excluded are ignored signals, signals that report a fault of this
/// process, and the terminal's stop signals for background groups.
pub fn to_pass_on() -> Vec<i32> {
    use signal_hook::consts::{
        FORBIDDEN, SIGABRT, SIGBUS, SIGCHLD, SIGPIPE, SIGSYS, SIGTRAP, SIGTTIN, SIGTTOU,
    };
    let of_this_process = [SIGABRT, SIGBUS, SIGPIPE, SIGSYS, SIGTRAP, SIGTTIN, SIGTTOU];
    let ignored = ignored();
    let is_caught = |number: &i32| {
        let excluded = FORBIDDEN.contains(number) || of_this_process.contains(number);
        *number == SIGCHLD || !excluded && ignored >> (number - 1) & 1 == 0
    };
    (1..=LAST_STANDARD_SIGNAL).filter(is_caught).collect()
}

/// Whether this process is the init of a container: the first process of its PID namespace. The
/// kernel drops every signal that an init does not catch, and makes it the parent of orphaned
/// processes.
pub fn is_init() -> bool {
    std::process::id() == 1
}

/// Whether a signal is one of those by which somebody ends a program.
pub fn is_ending(number: i32) -> bool {
    TERMINATING_SIGNALS.contains(&number)
}

/// Ends the program as an uncaught signal would. The kernel does not let a signal kill an init,
/// which instead exits with the code that a shell reports for the signal (128 + number).
pub fn end_by(number: i32) {
    if is_init() {
        std::process::exit(128 + number);
    }
    let _ = emulate_default_handler(number);
}

/// A pending interrupt: the work cleans up, then the signal ends the program.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    stop: Arc<AtomicBool>,
    number: Arc<AtomicI32>,
}

impl Interrupt {
    /// Catches the signals of [`to_catch`] for the rest of the program's life.
    ///
    /// # Errors
    /// When the system call fails.
    pub fn catch() -> io::Result<Self> {
        let interrupt = Self::default();
        let mut caught = Signals::new(to_catch())?;
        let shared = interrupt.clone();
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || caught.forever().for_each(|number| shared.note(number)))?;
        Ok(interrupt)
    }

    /// Records a signal that the caller caught; the second one ends the program.
    pub fn note(&self, number: i32) {
        if self.number.swap(number, Ordering::SeqCst) != 0 {
            end_by(number);
        }
        self.stop.store(true, Ordering::SeqCst);
    }

    /// Declares cleanup complete: from now on a signal ends the program at once.
    pub fn release(&self) {
        let _ = self.number.compare_exchange(0, CLEANUP_DONE, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// A flag that is set once a signal arrived.
    pub fn stop(&self) -> &AtomicBool {
        &self.stop
    }

    /// Ends the program as the recorded signal would have; does nothing without a signal.
    pub fn end(&self) {
        let number = self.number.load(Ordering::SeqCst);
        if number > 0 {
            end_by(number);
        }
    }
}

fn ignored() -> u64 {
    std::fs::read_to_string("/proc/self/status").map_or(0, |status| parse_ignored(&status))
}

/// The mask of ignored signals, `SigIgn` in proc_pid_status(5): bit N-1 for signal N. Without
/// Linux's /proc no signal counts as ignored.
fn parse_ignored(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_ignored_signals_is_read() {
        assert_eq!(parse_ignored("Name:\tcapy\nSigIgn:\t0000000000001001\nSigCgt:\t0\n"), 0x1001);
        assert_eq!(parse_ignored("Name:\tcapy\n"), 0);
    }
}
