//! What a platform gives the service: a relational database, a revocation list, and nothing of the service's rules.
//!
//! The database is the authority, and is SQLite everywhere: the same statements run on each host. The revocation list
//! answers for a known-revoked id near the client and without the database; it may lag behind, and it never grants.

use std::future::Future;
use std::num::NonZeroU32;

use capy_protocol::id::DeployId;
use capy_protocol::json::{self, ToJson};

pub mod rows;

pub use rows::{Cell, FromCell, Row, Rows};

use crate::work::MaybeSend;

/// Why a host cannot answer. The text is the host's own, for the log.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HostError {
    /// The database does not answer, or answers nonsense.
    #[error("database: {0}")]
    Database(String),
    /// The revocation list does not answer.
    #[error("revocation list: {0}")]
    RevocationList(String),
    /// An issuer of CI identities does not answer, or with nonsense.
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
    /// INTEGER, of 53 bits: D1 takes numbers as doubles.
    Integer(i64),
    /// TEXT.
    Text(String),
}

impl Value {
    /// TEXT in JSON.
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

/// SQL with its numbered parameters.
#[derive(Clone, Debug)]
pub struct Statement {
    /// The text: always one of [`crate::store::sql`] or [`crate::migrations`], never made of input.
    pub sql: &'static str,
    /// `?1` and on.
    pub values: Vec<Value>,
}

impl Statement {
    /// A statement with parameters.
    pub fn new(sql: &'static str, values: Vec<Value>) -> Self {
        Self { sql, values }
    }

    /// Whether it only reads.
    pub fn reads(&self) -> bool {
        self.sql.starts_with("SELECT")
    }
}

/// How often something may be asked for. Workers have the numbers in `wrangler.toml`, for an owner to change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Limit {
    /// Keys of one deployment.
    DecryptsOfDeploy,
    /// Keys of any deployments, asked for from one address.
    DecryptsFromAddress,
}

impl Limit {
    /// The time that the limits are counted over.
    pub const PERIOD_MILLIS: u64 = 10_000;

    /// How often in that time.
    pub fn most(self) -> NonZeroU32 {
        const OF_DEPLOY: NonZeroU32 = NonZeroU32::new(100).unwrap();
        const FROM_ADDRESS: NonZeroU32 = NonZeroU32::new(300).unwrap();
        match self {
            Self::DecryptsOfDeploy => OF_DEPLOY,
            Self::DecryptsFromAddress => FROM_ADDRESS,
        }
    }
}

/// The longest document that is fetched, in bytes.
pub(crate) const DOCUMENT_MAX: usize = 64 * 1024;
/// How long a document may take, in milliseconds.
pub(crate) const FETCH_MILLIS: u32 = 5000;

/// An RSA public key: two big-endian numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RsaKey {
    /// The modulus.
    pub modulus: Vec<u8>,
    /// The exponent.
    pub exponent: Vec<u8>,
}

/// A platform.
pub trait Host: Send + Sync + 'static {
    /// Whether a path can name a source: on a machine of one's own.
    const LOCAL_SOURCES: bool;

    /// An answer of its database.
    type Rows: Rows + MaybeSend;

    /// How many checkpoints of the audit trail one run makes at most. Each takes six statements.
    const CHECKPOINTS_AT_ONCE: usize = usize::MAX;

    /// Runs statements as one transaction, on the primary: what was committed before is seen. One answer each. Fails after
    /// a few seconds without an answer; then the transaction may have been made, or may still be, once.
    fn transaction(
        &self,
        statements: Vec<Statement>,
    ) -> impl Future<Output = Result<Vec<Self::Rows>>> + MaybeSend;

    /// Whether the revocation list holds the id. `false` proves nothing.
    fn is_listed(&self, id: &DeployId) -> impl Future<Output = Result<bool>> + MaybeSend;

    /// Puts an id on the revocation list.
    fn list_revoked(&self, id: &DeployId, revoked_at: u64) -> impl Future<Output = Result<()>> + MaybeSend;

    /// Counts one more question under a limit; whether it is within. Counts need not be exact, nor shared.
    fn is_within(&self, limit: Limit, key: &str) -> impl Future<Output = Result<bool>> + MaybeSend;

    /// A short document at an address that was checked: within five seconds, and without following redirects.
    fn fetch(&self, url: &str) -> impl Future<Output = Result<Vec<u8>>> + MaybeSend;

    /// Whether `key` signed `message`: RSASSA-PKCS1-v1_5 with SHA-256.
    fn verify_rs256(
        &self,
        key: &RsaKey,
        message: &[u8],
        signature: &[u8],
    ) -> impl Future<Output = Result<bool>> + MaybeSend;

    /// Runs work that no answer waits for, and that goes on when the call which began it is gone. Resolves at the latest
    /// when it is done.
    fn run_apart(
        &self,
        work: impl Future<Output = ()> + MaybeSend + 'static,
    ) -> impl Future<Output = ()> + MaybeSend;

    /// What comes of `work`; `None` when that takes longer than so many milliseconds. Then it is given up where it is.
    fn within<T: MaybeSend>(
        &self,
        millis: u32,
        work: impl Future<Output = T> + MaybeSend,
    ) -> impl Future<Output = Option<T>> + MaybeSend;

    /// Whether the limiters are there.
    fn check_limits(&self) -> impl Future<Output = Result<()>> + MaybeSend;

    /// Whether the revocation list answers.
    fn check_revocations(&self) -> impl Future<Output = Result<()>> + MaybeSend;
}

/// Runs one statement.
pub(crate) async fn query<H: Host>(host: &H, sql: &'static str, values: Vec<Value>) -> Result<H::Rows> {
    nth(host.transaction(vec![Statement::new(sql, values)]).await?, 0)
}

/// The answer of the statement at `place` in a transaction.
pub(crate) fn nth<R>(answers: Vec<R>, place: usize) -> Result<R> {
    let missing = || HostError::Database("a transaction answered with too few results".into());
    answers.into_iter().nth(place).ok_or_else(missing)
}
