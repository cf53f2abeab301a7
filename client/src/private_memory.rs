//! This process's memory, kept from other processes of the same user and out of core dumps.
//!
//! Owns the two settings that say so: the `dumpable` flag (Linux, prctl(2)) and the limit on core files (Unix,
//! setrlimit(2)). It refuses to decide for others: what this process starts has the limit that this process was started
//! with. Best effort, as root reads everything anyway: a system that has neither setting is no reason to stop.

#[cfg(unix)]
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The limit on core files before [`keep`].
#[derive(Debug)]
#[must_use = "what this process starts is to have its own limit"]
pub struct PrivateMemory {
    #[cfg(unix)]
    before: Rlimit,
}

/// From now on nobody but root reads this process's memory. On Linux it leaves no core, either.
pub fn hide() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// [`hide`], and no crash writes this process's memory to a file on any Unix.
pub fn keep() -> PrivateMemory {
    hide();
    #[cfg(unix)]
    {
        let before = getrlimit(Resource::Core);
        // The hard limit stays: what this process starts may want cores of its own.
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: before.maximum });
        PrivateMemory { before }
    }
    #[cfg(not(unix))]
    PrivateMemory {}
}

impl PrivateMemory {
    /// Starts something with the limit of before. On Linux this process leaves no core meanwhile: it is not dumpable.
    pub fn lend<T>(&self, start: impl FnOnce() -> T) -> T {
        #[cfg(unix)]
        let _ = setrlimit(Resource::Core, self.before);
        let started = start();
        #[cfg(unix)]
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: self.before.maximum });
        started
    }
}
