//! The signals that end a program.
//!
//! Owns which of them may be caught: not those that a parent had ignored, as `nohup` and shells do. It refuses to keep a
//! program alive: what is caught is passed on once the work that it interrupts has tidied up, and a second one at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// In the place of a number: nothing is left to be tidied up.
const RELEASED: i32 = -1;
/// Linux's last signal with a name; those after it are real-time signals.
const LAST_NAMED: i32 = 31;
const ENDING: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// The signals that end a program, but for those that are ignored: they stay so, here and in what is started.
pub fn to_catch() -> Vec<i32> {
    let ignored = ignored();
    ENDING.into_iter().filter(|number| ignored >> (number - 1) & 1 == 0).collect()
}

/// All signals that a container's init passes on to its command, but for those that are ignored, and `SIGCHLD`, which
/// wakes it. Not those that tell of a fault of this process, nor the terminal's own stop signals for a background group.
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
    (1..=LAST_NAMED).filter(is_caught).collect()
}

/// Whether this process is the first one of its PID namespace: the init of a container. The kernel drops every signal for
/// it that it does not catch, and gives it the processes whose parents ended.
pub fn is_init() -> bool {
    std::process::id() == 1
}

/// Whether a signal is one of those that end a program on somebody's order.
pub fn is_ending(number: i32) -> bool {
    ENDING.contains(&number)
}

/// Ends the program as a signal would have that was caught. The kernel does not let a signal end an init: that one exits
/// with the code that a shell tells for the signal.
pub fn end_by(number: i32) {
    if is_init() {
        std::process::exit(128 + number);
    }
    let _ = emulate_default_handler(number);
}

/// Work that tidies up before a signal ends the program.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    stop: Arc<AtomicBool>,
    number: Arc<AtomicI32>,
}

impl Interrupt {
    /// Catches signals for the rest of the program's life.
    ///
    /// # Errors
    /// When the system refuses to.
    pub fn catch() -> io::Result<Self> {
        let interrupt = Self::default();
        let mut caught = Signals::new(to_catch())?;
        let shared = interrupt.clone();
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || caught.forever().for_each(|number| shared.note(number)))?;
        Ok(interrupt)
    }

    /// Takes a signal that somebody else caught; the second one ends the program.
    pub fn note(&self, number: i32) {
        if self.number.swap(number, Ordering::SeqCst) != 0 {
            end_by(number);
        }
        self.stop.store(true, Ordering::SeqCst);
    }

    /// From now on a signal ends the program at once: what had to be tidied up is.
    pub fn release(&self) {
        let _ = self.number.compare_exchange(0, RELEASED, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// Set once a signal came.
    pub fn stop(&self) -> &AtomicBool {
        &self.stop
    }

    /// Ends the program as the signal that came would have; does nothing when none did.
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

/// The mask of `SigIgn` (proc_pid_status(5)): bit N-1 for signal N. Without Linux's /proc nothing counts as ignored.
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
