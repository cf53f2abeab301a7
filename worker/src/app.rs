//! What a host gives the routes: a host, secrets, a clock and a log.

use std::fmt;
use std::sync::Arc;

use crate::log::Log;
use crate::oidc::Issuers;
use crate::secrets::Secrets;

/// Everything that the handlers work with.
#[derive(Debug)]
pub struct App<H> {
    /// The platform: database and revocation list.
    pub host: H,
    /// The admin token and the wrap roots.
    pub secrets: Secrets,
    /// The time.
    pub clock: Clock,
    /// The keys of trusted issuers, as they were last read.
    pub issuers: Arc<Issuers>,
    /// Where an operator reads what went wrong.
    pub log: Log,
}

/// Tells the time: milliseconds since the Unix epoch.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Clock {
    /// The time is what `read` says.
    pub fn new(read: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// Milliseconds since the Unix epoch.
    pub fn now(&self) -> u64 {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock(…)")
    }
}
