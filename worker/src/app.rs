//! What a host gives the request handlers: a platform, secrets, a clock and a log.

use std::fmt;
use std::sync::Arc;

use capy_protocol::service_secrets::SecretFault;
use capy_protocol::store_keys::StoreKeys;

use crate::audit::{Event, Row, Subject};
use crate::error::{ApiError, Fault};
use crate::issuer_keys::IssuerKeyCache;
use crate::log::Log;
use crate::refusal_throttle::RefusalThrottle;
use crate::secrets::Secrets;

/// The state that all handlers share.
#[derive(Debug)]
pub struct App<H> {
    /// The platform: database, revocation list and rate limits.
    pub host: H,
    /// The bootstrap tokens, the wrap roots, and the keys of the project store.
    pub secrets: Arc<Secrets>,
    /// The current time.
    pub clock: Clock,
    /// The cached signing keys of trusted issuers.
    pub issuers: Arc<IssuerKeyCache>,
    /// Which refusals became audit events within the last minute.
    pub refusal_throttle: Arc<RefusalThrottle>,
    /// The operator's log.
    pub log: Log,
}

impl<H> App<H> {
    /// The keys of the project store: [`ApiError::StoreOff`] when no key is set, and
    /// [`ApiError::Unavailable`] when the keys are malformed.
    pub(crate) fn store_keys(&self) -> Result<Arc<StoreKeys>, ApiError> {
        self.secrets.store_keys().map_err(|fault| match fault {
            SecretFault::Missing(_) => ApiError::StoreOff,
            SecretFault::Malformed(..) => ApiError::Unavailable(Fault::StoreKeys(fault)),
        })
    }

    /// The sealed audit row of an event, under the newest wrap root. Fails without wrap roots, so
    /// that no change is made that the audit trail cannot prove.
    pub(crate) fn seal(&self, event: &Event, subject: Subject, result: &str) -> Result<Row, ApiError> {
        let roots = self.secrets.wrap_roots()?;
        let row = Row::seal(&roots, event, subject, result);
        row.map_err(|error| ApiError::Unavailable(Fault::Seal(error)))
    }
}

/// A clock: milliseconds since the Unix epoch.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Clock {
    /// A clock that reads the time from `read`.
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
