//! Protects this process's memory from other processes of the same user and from core dumps.
//!
//! Uses two settings: the `dumpable` flag (Linux, prctl(2)) and the core file size limit (Unix,
//! setrlimit(2)). Child processes that [`PrivateMemory::with_original_limit`] starts get the
//! original limit. Best effort, because root can read everything anyway: a system with neither
//! setting is no error.

#[cfg(unix)]
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The core file size limit from before [`protect`].
#[derive(Debug)]
#[must_use = "what this process starts is to have its own limit"]
pub struct PrivateMemory {
    #[cfg(unix)]
    before: Rlimit,
}

/// Lets nobody but root read this process's memory, and disables its core dumps. Linux only.
pub fn forbid_reading() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// Does the same as [`forbid_reading`], and disables core dumps on every Unix.
pub fn protect() -> PrivateMemory {
    forbid_reading();
    #[cfg(unix)]
    {
        let before = getrlimit(Resource::Core);
        // The hard limit stays, because child processes may want core dumps.
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: before.maximum });
        PrivateMemory { before }
    }
    #[cfg(not(unix))]
    PrivateMemory {}
}

impl PrivateMemory {
    /// Runs `start` with the original limit, to start a child process. On Linux this process still
    /// dumps no core meanwhile, because it is not dumpable.
    pub fn with_original_limit<T>(&self, start: impl FnOnce() -> T) -> T {
        #[cfg(unix)]
        let _ = setrlimit(Resource::Core, self.before);
        let started = start();
        #[cfg(unix)]
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: self.before.maximum });
        started
    }
}
