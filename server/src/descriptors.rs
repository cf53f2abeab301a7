//! File descriptors: the limit of this process, and how many connections fit under it.

use crate::database;

/// The highest soft limit to ask for: some systems refuse more.
const SOFT_LIMIT_MAX: u64 = 65_536;
/// Descriptors for everything but connections and readers: standard streams, listeners, the async
/// runtime, the database's writer, the folder's lock, a request to an issuer.
const OTHER_DESCRIPTORS: usize = 28;
/// How many connections the service holds at most if the operator sets no number.
pub(crate) const DEFAULT_CONNECTIONS: usize = 2048;
/// With room for fewer connections, the service does not start unless the operator asked for so
/// few.
pub(crate) const MIN_CONNECTIONS: usize = 8;

/// Raises the soft limit as far as allowed, and returns for how many connections there are
/// descriptors.
pub(crate) fn room_for_connections() -> usize {
    // Each reader of the database has the file and its WAL open.
    let own = OTHER_DESCRIPTORS + 2 * database::readers();
    usize::try_from(limit()).unwrap_or(usize::MAX).saturating_sub(own)
}

#[cfg(unix)]
fn limit() -> u64 {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(SOFT_LIMIT_MAX).min(SOFT_LIMIT_MAX);
    if limit.current.is_some_and(|current| current < wanted) {
        limit.current = Some(wanted);
        // If the system refuses, the old limit stays.
        let _ = setrlimit(Resource::Nofile, limit);
    }
    getrlimit(Resource::Nofile).current.unwrap_or(SOFT_LIMIT_MAX).min(SOFT_LIMIT_MAX)
}

/// Windows limits handles only by memory.
#[cfg(not(unix))]
fn limit() -> u64 {
    SOFT_LIMIT_MAX
}
