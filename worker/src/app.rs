//! What a host gives the routes: a host, secrets, a clock and a log.

use std::fmt;
use std::sync::Arc;

use capy_protocol::store_keys::StoreKeys;

use crate::audit::{Event, Row, Subject};
use crate::error::{ApiError, Fault};
use crate::issuer_keys::Issuers;
use crate::log::Log;
use crate::refusals::Refusals;
use crate::secrets::{SecretFault, Secrets};

/// Everything that the handlers work with.
#[derive(Debug)]
pub struct App<H> {
    /// The platform: database and revocation list.
    pub host: H,
    /// The admin token, the wrap roots, and the keys of the project store.
    pub secrets: Arc<Secrets>,
    /// The time.
    pub clock: Clock,
    /// The keys of trusted issuers, as they were last read.
    pub issuers: Arc<Issuers>,
    /// Which refusals were recorded a moment ago.
    pub refusals: Arc<Refusals>,
    /// Where an operator reads what went wrong.
    pub log: Log,
}

impl<H> App<H> {
    /// The keys of the project store. A service without any has no store; keys that cannot be used are a fault.
    pub(crate) fn store_keys(&self) -> Result<Arc<StoreKeys>, ApiError> {
        self.secrets.store_keys().map_err(|fault| match fault {
            SecretFault::Missing(_) => ApiError::StoreOff,
            SecretFault::Malformed(..) => ApiError::Unavailable(Fault::StoreKeys(fault)),
        })
    }

    /// The row of an event, under the newest wrap root: without roots nothing is changed, because nothing could be
    /// vouched for.
    pub(crate) fn seal(&self, event: &Event, subject: Subject, result: &str) -> Result<Row, ApiError> {
        let roots = self.secrets.wrap_roots()?;
        let row = Row::seal(&roots, event, subject, result);
        row.map_err(|error| ApiError::Unavailable(Fault::Seal(error)))
    }
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
