//! Wrap roots: which of them the service holds, and which of them deployments, rows or the audit
//! trail still need.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::id::KeyId;

/// The state of one wrap root, identified by its key id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrapRootState {
    /// The root's key id.
    pub key_id: KeyId,
    /// Whether the service holds the root. Deployments that need a missing root get no key.
    pub held: bool,
    /// Whether new deployments are wrapped under this root.
    pub newest: bool,
    /// How many live deployments need the root.
    pub live: u64,
    /// How many rows and checkpoints of the audit trail only this root can verify.
    #[serde(default)]
    pub trail: u64,
    /// How many live API tokens and trusts are sealed under this root.
    #[serde(default)]
    pub rows: u64,
}

/// The answer to `GET /admin/wrap-roots`: roots that the service holds, the newest last, then roots
/// that are gone but still needed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WrapRootList {
    /// The roots.
    pub roots: Vec<WrapRootState>,
}
