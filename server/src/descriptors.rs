//! How many file descriptors there are, and what they are for.

use crate::database;

/// The most that is asked of the system: beyond, some refuse.
const MOST: u64 = 65_536;
/// Standard streams, listeners, the runtime's own, the database's writer, the folder's lock, an issuer that is asked.
const OWN: usize = 28;
/// The connections of a service that is not told how many.
pub(crate) const USUAL: usize = 2048;
/// With less there is no service.
pub(crate) const LEAST: usize = 8;

/// For how many connections there are descriptors, once the soft limit is raised as far as this process may.
pub(crate) fn room_for_connections() -> usize {
    // Each reader of the database has the file and its log open.
    let own = OWN + 2 * database::readers();
    usize::try_from(limit()).unwrap_or(usize::MAX).saturating_sub(own)
}

#[cfg(unix)]
fn limit() -> u64 {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(MOST).min(MOST);
    if limit.current.is_some_and(|current| current < wanted) {
        limit.current = Some(wanted);
        // Where that is refused, the old one holds.
        let _ = setrlimit(Resource::Nofile, limit);
    }
    getrlimit(Resource::Nofile).current.unwrap_or(MOST).min(MOST)
}

/// Windows limits handles by memory alone.
#[cfg(not(unix))]
fn limit() -> u64 {
    MOST
}
