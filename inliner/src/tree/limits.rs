//! Limits of what a run reads, and its stop flag and deadline.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::Error;

/// Stops a run from outside.
#[derive(Debug, Clone, Copy, Default)]
pub struct Watch<'a> {
    /// Set from outside: the run fails with [`Error::Stopped`].
    pub stop: Option<&'a AtomicBool>,
    /// After this time the run fails with [`Error::TimeOver`].
    pub deadline: Option<Instant>,
}

impl Watch<'_> {
    /// Fails once the run is stopped or past its deadline. Also checked while a file is read.
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

/// Limits in bytes. Files beyond a limit are reported as not searched, or rejected if they must be
/// read whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// For a file that is processed whole: a server bundle, a source map, a manifest.
    pub whole_file: u64,
    /// For one file that is searched in pieces.
    pub one_file: u64,
    /// For all files that are searched, together.
    pub all_files: u64,
    /// For the contents of one packed file.
    pub one_unpacked: u64,
    /// For the contents of all packed files, together.
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
