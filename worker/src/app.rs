//! What a host gives the routes: a store, secrets, a clock and a log.

use crate::log::Log;
use crate::secrets::Secrets;

/// Everything that the handlers work with.
#[derive(Debug)]
pub struct App<S> {
    /// Where deployments are kept.
    pub store: S,
    /// The admin token and the wrap roots.
    pub secrets: Secrets,
    /// Milliseconds since the Unix epoch.
    pub clock: fn() -> u64,
    /// Where an operator reads what went wrong.
    pub log: Log,
}
