//! Handling of Ctrl-C while a command runs, on Windows. The console sends Ctrl-C to the command,
//! too.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use capy_client::signals::{self, Interrupt};

use crate::error::{Error, Result};

/// Handling of Ctrl-C in this process. The command gets Ctrl-C by itself.
pub(crate) struct SignalForwarder(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    was_interrupted: bool,
    /// The work that follows once the command has ended.
    afterwards: Option<Interrupt>,
}

impl SignalForwarder {
    /// Begins to catch Ctrl-C, so that it does not end this process.
    pub(crate) fn begin() -> Result<Self> {
        Self::catch().map_err(Error::Signals)
    }

    pub(crate) fn catch() -> io::Result<Self> {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let caught = signals::on_interrupt(move || {
            let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
            match &state.afterwards {
                Some(afterwards) => afterwards.note(1),
                None => state.was_interrupted = true,
            }
        });
        caught.map(|()| Self(state))
    }

    pub(crate) fn pass_to(&self, afterwards: &Interrupt) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).afterwards = Some(afterwards.clone());
    }

    pub(crate) fn was_interrupted(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).was_interrupted
    }
}
