//! The platform that the service runs on: a relational database, a revocation list, rate limits and
//! outgoing requests. A platform knows none of the service's rules.
//!
//! The database is the authority, and is SQLite everywhere: the same statements run on each host.
//! The revocation list refuses a known-revoked id near the client and without the database; it may
//! lag behind, and it never grants a key.

use std::future::Future;
use std::num::NonZeroU32;

use capy_protocol::id::DeployId;
use capy_protocol::json::{self, ToJson};
use capy_protocol::limits::{DECRYPTS_FROM_ADDRESS, DECRYPTS_OF_DEPLOY};

pub mod rows;

pub use rows::{Cell, FromCell, Row, Rows};

use crate::future::MaybeSend;

/// Why a host cannot answer. The text is the host's own, and goes to the log.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HostError {
    /// The database does not answer, or its answer is invalid.
    #[error("database: {0}")]
    Database(String),
    /// The revocation list does not answer.
    #[error("revocation list: {0}")]
    RevocationList(String),
    /// An issuer of CI identities does not answer, or its answer is invalid.
    #[error("issuer: {0}")]
    Issuer(String),
    /// The rate limiter does not answer.
    #[error("rate limiter: {0}")]
    RateLimiter(String),
}

/// Result with [`HostError`].
pub type Result<T> = std::result::Result<T, HostError>;

/// A parameter of a statement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// NULL.
    Null,
    /// INTEGER. Limited to 53 bits, because D1 takes numbers as doubles.
    Integer(i64),
    /// TEXT.
    Text(String),
}

impl Value {
    /// TEXT with a value as JSON.
    pub(crate) fn json<T: ToJson + ?Sized>(value: &T) -> Self {
        Self::Text(json::write(value))
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&DeployId> for Value {
    fn from(id: &DeployId) -> Self {
        Self::Text(id.to_string())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, T::into)
    }
}

/// A SQL statement with its numbered parameters.
#[derive(Clone, Debug)]
pub struct Statement {
    /// The text: always a constant of [`crate::store`] or [`crate::migrations`], never built
    /// from input.
    pub sql: &'static str,
    /// The parameters `?1` and on.
    pub values: Vec<Value>,
}

impl Statement {
    /// A statement with parameters.
    pub fn new(sql: &'static str, values: Vec<Value>) -> Self {
        Self { sql, values }
    }

    /// Whether the statement only reads.
    pub fn reads(&self) -> bool {
        self.sql.starts_with("SELECT")
    }
}

/// A rate limit. Workers take the numbers from `wrangler.toml`, where an owner can change them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Limit {
    /// Requests for the key of one deployment.
    DecryptsOfDeploy,
    /// Requests from one address for keys of any deployments.
    DecryptsFromAddress,
}

impl Limit {
    /// The period that the limits are counted over.
    pub const PERIOD_MS: u64 = 10_000;

    /// The most requests in one period.
    pub fn max_requests(self) -> NonZeroU32 {
        match self {
            Self::DecryptsOfDeploy => DECRYPTS_OF_DEPLOY,
            Self::DecryptsFromAddress => DECRYPTS_FROM_ADDRESS,
        }
    }
}

/// The longest document that is fetched, in bytes.
pub(crate) const DOCUMENT_MAX: usize = 64 * 1024;
/// How long fetching a document may take, in milliseconds.
pub(crate) const FETCH_TIMEOUT_MS: u32 = 5000;

/// An RSA public key: two big-endian numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RsaKey {
    /// The modulus.
    pub modulus: Vec<u8>,
    /// The exponent.
    pub exponent: Vec<u8>,
}

/// The platform.
pub trait Host: Send + Sync + 'static {
    /// Whether a path on the host's machine can be a project's source: only on a machine of one's
    /// own.
    const LOCAL_SOURCES: bool;

    /// The rows that one statement answers.
    type Rows: Rows + MaybeSend;

    /// The most checkpoints of the audit trail that one run makes. Each takes six statements.
    const CHECKPOINTS_AT_ONCE: usize = usize::MAX;

    /// Runs statements as one transaction on the primary, which sees everything committed before,
    /// and returns one answer each. Fails after a few seconds without an answer; the transaction
    /// may then have been committed, or may still be, but only once.
    fn transaction(
        &self,
        statements: Vec<Statement>,
    ) -> impl Future<Output = Result<Vec<Self::Rows>>> + MaybeSend;

    /// Whether the revocation list holds the id. `false` proves nothing, since the list may lag
    /// behind.
    fn is_listed(&self, id: &DeployId) -> impl Future<Output = Result<bool>> + MaybeSend;

    /// Puts an id on the revocation list.
    fn list_revoked(&self, id: &DeployId, revoked_at: u64) -> impl Future<Output = Result<()>> + MaybeSend;

    /// Counts one more request under a limit, and returns whether it is within the limit. The
    /// counts need not be exact, nor shared between instances.
    fn is_within(&self, limit: Limit, key: &str) -> impl Future<Output = Result<bool>> + MaybeSend;

    /// Fetches a short document from a URL that was checked: within five seconds, and without
    /// following redirects.
    fn fetch(&self, url: &str) -> impl Future<Output = Result<Vec<u8>>> + MaybeSend;

    /// Verifies a signature of `message` by `key`: RSASSA-PKCS1-v1_5 with SHA-256.
    fn verify_rs256(
        &self,
        key: &RsaKey,
        message: &[u8],
        signature: &[u8],
    ) -> impl Future<Output = Result<bool>> + MaybeSend;

    /// Runs work that no answer waits for, and that continues when the call that started it ends.
    /// Resolves no later than the work is done.
    fn run_in_background(
        &self,
        work: impl Future<Output = ()> + MaybeSend + 'static,
    ) -> impl Future<Output = ()> + MaybeSend;

    /// Runs work with a time limit: `None` when it takes longer, and then the work is dropped.
    fn with_timeout<T: MaybeSend>(
        &self,
        millis: u32,
        work: impl Future<Output = T> + MaybeSend,
    ) -> impl Future<Output = Option<T>> + MaybeSend;

    /// Whether the rate limiters are available.
    fn check_limits(&self) -> impl Future<Output = Result<()>> + MaybeSend;

    /// Whether the revocation list answers.
    fn check_revocations(&self) -> impl Future<Output = Result<()>> + MaybeSend;
}

/// Runs one statement in a transaction of its own.
pub(crate) async fn query<H: Host>(host: &H, sql: &'static str, values: Vec<Value>) -> Result<H::Rows> {
    nth(host.transaction(vec![Statement::new(sql, values)]).await?, 0)
}

/// The answer of the statement at `place` in a transaction.
pub(crate) fn nth<R>(answers: Vec<R>, place: usize) -> Result<R> {
    let missing = || HostError::Database("a transaction answered with too few results".into());
    answers.into_iter().nth(place).ok_or_else(missing)
}
