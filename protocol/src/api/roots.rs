//! Wrap roots: which of them the service holds, and which are still needed.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::id::KeyId;

/// One wrap root, by its key id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrapRootState {
    /// Its key id.
    pub key_id: KeyId,
    /// Whether the service holds it. The deployments that need one that is gone get no key.
    pub held: bool,
    /// Whether new deployments are made under it.
    pub newest: bool,
    /// How many live deployments need it.
    pub live: u64,
    /// How many rows and checkpoints of the audit trail nothing else vouches for.
    #[serde(default)]
    pub trail: u64,
    /// How many live API tokens and trusts bear its seal.
    #[serde(default)]
    pub rows: u64,
}

/// The answer to `GET /admin/wrap-roots`: those that are held, the newest last, then those that are gone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WrapRootList {
    /// The roots.
    pub roots: Vec<WrapRootState>,
}
