//! What ends a program on Windows: Ctrl-C and Ctrl-Break at the console, and the end of the console.
//!
//! Windows tells every program of a console. It refuses to keep a program alive: what is caught ends it once the work
//! that it interrupts has tidied up, and a second one at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

/// How a program ends that Ctrl-C has ended: `STATUS_CONTROL_C_EXIT`, 0xC000013A.
pub const INTERRUPTED: i32 = 0xC000_013A_u32.cast_signed();

/// In the place of a number: nothing is left to be tidied up.
const RELEASED: i32 = -1;
const ASKED: i32 = 1;

/// Work that tidies up before Ctrl-C ends the program.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    stop: Arc<AtomicBool>,
    state: Arc<AtomicI32>,
}

impl Interrupt {
    /// Catches Ctrl-C for the rest of the program's life.
    ///
    /// # Errors
    /// When the system refuses to.
    pub fn catch() -> io::Result<Self> {
        let interrupt = Self::default();
        let shared = interrupt.clone();
        on_interrupt(move || shared.note(ASKED))?;
        Ok(interrupt)
    }

    /// Takes one that somebody else caught; the second one ends the program.
    pub fn note(&self, number: i32) {
        if self.state.swap(number, Ordering::SeqCst) != 0 {
            end_by(number);
        }
        self.stop.store(true, Ordering::SeqCst);
    }

    /// From now on Ctrl-C ends the program at once: what had to be tidied up is.
    pub fn release(&self) {
        let _ = self.state.compare_exchange(0, RELEASED, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// Set once Ctrl-C came.
    pub fn stop(&self) -> &AtomicBool {
        &self.stop
    }

    /// Ends the program as Ctrl-C would have; does nothing when none came.
    pub fn end(&self) {
        let number = self.state.load(Ordering::SeqCst);
        if number > 0 {
            end_by(number);
        }
    }
}

/// Does something for each Ctrl-C, which no longer ends this program. Once in a program's life.
///
/// # Errors
/// When the system refuses to.
pub fn on_interrupt(what: impl FnMut() + Send + 'static) -> io::Result<()> {
    ctrlc::set_handler(what).map_err(io::Error::other)
}

/// Ends the program as Ctrl-C would have.
pub fn end_by(_: i32) {
    std::process::exit(INTERRUPTED);
}

/// Windows has no such process.
pub fn is_init() -> bool {
    false
}
