//! What the service remembers. No key material: not a blob, not a key, not a token.
//!
//! Two parts with two tasks. The database is the authority. The revocation list answers for a known-revoked id
//! near the client and without the database; it may lag behind, and it never grants.

use std::future::Future;

use capy_protocol::api::Deploy;
use capy_protocol::id::{DeployId, KeyId, ProjectId};

use crate::caller::Caller;

#[cfg(target_family = "wasm")]
pub(crate) mod cloudflare;
#[cfg(not(target_family = "wasm"))]
pub mod memory;
pub mod sql;

/// Why the store cannot answer. The text is the store's own, for the log.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database does not answer, or answers nonsense.
    #[error("database: {0}")]
    Database(String),
    /// The revocation list does not answer.
    #[error("revocation list: {0}")]
    RevocationList(String),
}

/// Result with [`StoreError`].
pub type Result<T> = std::result::Result<T, StoreError>;

/// One deployment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// The project that it belongs to.
    pub project_id: ProjectId,
    /// The wrap root that its outer blob needs.
    pub key_id: KeyId,
    /// What the owner sees of it.
    pub deploy: Deploy,
}

/// What an event of the audit trail is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// A deployment was registered.
    Register,
    /// A key was asked for.
    Decrypt,
    /// A deployment was revoked.
    Revoke,
}

impl Action {
    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Decrypt => "decrypt",
            Self::Revoke => "revoke",
        }
    }
}

/// One event, but for the deployment it is about.
#[derive(Clone, Debug)]
pub struct Event {
    /// What was done.
    pub action: Action,
    /// When: milliseconds since the Unix epoch.
    pub at: u64,
    /// By whom.
    pub caller: Caller,
}

/// Deployments, their audit trail and the revocation list.
///
/// Each change and its event are one transaction: neither is ever there without the other.
pub trait Store: Send + Sync + 'static {
    /// Whether the revocation list holds the id. `false` proves nothing.
    fn is_listed(&self, id: &DeployId) -> impl Future<Output = Result<bool>> + Send;

    /// Puts an id on the revocation list.
    fn list_revoked(&self, id: &DeployId, revoked_at: u64) -> impl Future<Output = Result<()>> + Send;

    /// The deployment with this id.
    fn find(&self, id: &DeployId) -> impl Future<Output = Result<Option<Record>>> + Send;

    /// Adds a deployment; `false` when the id is taken.
    fn insert(&self, record: &Record, event: &Event) -> impl Future<Output = Result<bool>> + Send;

    /// Counts a use, unless the deployment has been revoked meanwhile: then nothing is written, and `false`.
    fn release(&self, id: &DeployId, event: &Event) -> impl Future<Output = Result<bool>> + Send;

    /// Revokes; returns when it was revoked first, or `None` when no deployment has the id.
    fn revoke(&self, id: &DeployId, event: &Event) -> impl Future<Output = Result<Option<u64>>> + Send;

    /// A project's deployments, newest first.
    fn deploys(&self, project_id: &ProjectId) -> impl Future<Output = Result<Vec<Deploy>>> + Send;

    /// Whether the database answers and has its tables.
    fn check_database(&self) -> impl Future<Output = Result<()>> + Send;

    /// Whether the revocation list answers.
    fn check_revocations(&self) -> impl Future<Output = Result<()>> + Send;
}
