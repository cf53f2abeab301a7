//! How much a run reads, and until when.
//!
//! Owns the numbers, and the two ways to end a run from outside: a flag and a time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::Error;

/// Ends a run from outside.
#[derive(Debug, Clone, Copy, Default)]
pub struct Watch<'a> {
    /// Set by somebody else: the run fails with [`Error::Stopped`].
    pub stop: Option<&'a AtomicBool>,
    /// From then on the run fails with [`Error::TimeOver`].
    pub deadline: Option<Instant>,
}

impl Watch<'_> {
    /// Fails once the caller wants no more of it. Asked inside of files, too.
    ///
    /// # Errors
    /// [`Error::Stopped`], [`Error::TimeOver`].
    pub fn goes_on(&self) -> Result<(), Error> {
        if self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
            return Err(Error::Stopped);
        }
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(Error::TimeOver);
        }
        Ok(())
    }
}

/// Bytes. What is over them is named in the report as not searched, or refused where it must be read whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Of a file that is worked on as a whole: a server bundle, a source map, a manifest.
    pub whole_file: u64,
    /// Of a file that is searched piece by piece.
    pub one_file: u64,
    /// Of all files that are searched, together.
    pub all_files: u64,
    /// Of what one packed file holds.
    pub one_unpacked: u64,
    /// Of what all packed files hold, together.
    pub all_unpacked: u64,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: u64 = 1 << 20;
        Self {
            whole_file: 64 * MIB,
            one_file: 2048 * MIB,
            all_files: 16 * 1024 * MIB,
            one_unpacked: 512 * MIB,
            all_unpacked: 4 * 1024 * MIB,
        }
    }
}
