//! Ctrl-C handling on Windows: clean up before Ctrl-C, Ctrl-Break or the closing of the console
//! ends the program.
//!
//! Windows notifies every program of a console. The first event ends the program once the
//! interrupted work has cleaned up; a second event ends it at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

/// The exit code of a program that Ctrl-C ended: `STATUS_CONTROL_C_EXIT`, 0xC000013A.
pub const INTERRUPTED: i32 = 0xC000_013A_u32.cast_signed();

/// Stands for an event's number: no cleanup is pending.
const CLEANUP_DONE: i32 = -1;
const STOP_REQUESTED: i32 = 1;

/// A pending interrupt: the work cleans up, then the program ends as by Ctrl-C.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    stop: Arc<AtomicBool>,
    state: Arc<AtomicI32>,
}

impl Interrupt {
    /// Catches Ctrl-C for the rest of the program's life.
    ///
    /// # Errors
    /// When the system call fails.
    pub fn catch() -> io::Result<Self> {
        let interrupt = Self::default();
        let shared = interrupt.clone();
        on_interrupt(move || shared.note(STOP_REQUESTED))?;
        Ok(interrupt)
    }

    /// Records an event that the caller caught; the second one ends the program.
    pub fn note(&self, number: i32) {
        if self.state.swap(number, Ordering::SeqCst) != 0 {
            end_by(number);
        }
        self.stop.store(true, Ordering::SeqCst);
    }

    /// Declares cleanup complete: from now on Ctrl-C ends the program at once.
    pub fn release(&self) {
        let _ = self.state.compare_exchange(0, CLEANUP_DONE, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// A flag that is set once Ctrl-C was pressed.
    pub fn stop(&self) -> &AtomicBool {
        &self.stop
    }

    /// Ends the program as Ctrl-C would have; does nothing if no event was recorded.
    pub fn end(&self) {
        let number = self.state.load(Ordering::SeqCst);
        if number > 0 {
            end_by(number);
        }
    }
}

/// Calls `what` for each Ctrl-C, which then no longer ends this program. Can be called only once in
/// a process.
///
/// # Errors
/// When the system call fails.
pub fn on_interrupt(what: impl FnMut() + Send + 'static) -> io::Result<()> {
    ctrlc::set_handler(what).map_err(io::Error::other)
}

/// Ends the program as Ctrl-C would have.
pub fn end_by(_: i32) {
    std::process::exit(INTERRUPTED);
}

/// Always false: Windows has no init process.
pub fn is_init() -> bool {
    false
}
