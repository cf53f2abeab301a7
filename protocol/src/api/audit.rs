//! The audit trail: its events, the checkpoints that seal them, and the result of verifying both.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::id::KeyId;

/// One event of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// The event's number; later events have greater numbers.
    pub id: u64,
    /// When the event happened.
    pub at: u64,
    /// What was done: `register`, `decrypt`, `revoke`, `create-token`, `revoke-token`, `add-trust`,
    /// `remove-trust`, `create-project`, `change-project`, `remove-project`, `remove-secret`,
    /// `take-rows`, `rotate-store`, `seal-rows` or `give-up-root`; `unreadable` for a damaged row.
    /// A newer service may send other actions.
    pub action: String,
    /// `ok`, `repeated` when a client retried a release that had just succeeded, or the error code
    /// of the refusal.
    pub result: String,
    /// The id of the subject: a deployment, an API token, a trust, a project or a secret. Events
    /// about the whole service have a fixed word such as `rows` or `store`.
    pub subject: String,
    /// Who sent the request, where a token was needed.
    pub actor: Option<String>,
    /// The caller's IP address.
    pub address: Option<String>,
    /// The caller's country: two letters, ISO 3166-1.
    pub country: Option<String>,
    /// The caller's `user-agent` header.
    pub user_agent: Option<String>,
    /// Human-readable detail, such as the scopes of a new token.
    #[serde(default)]
    pub detail: Option<String>,
}

/// A page of `GET /projects/{project_id}/audit`, or of `GET /admin/audit`: newest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditList {
    /// The events.
    pub events: Vec<AuditEvent>,
    /// The cursor of the next page, for `?cursor=`; none after the last page.
    #[serde(default)]
    pub next: Option<String>,
}

/// What is wrong with a range of the audit trail.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flaw {
    /// Rows are missing.
    Removed,
    /// Rows that the service did not write: rows without a seal, or copies of another row.
    Added,
    /// Rows that were changed after the service wrote them.
    Changed,
    /// Rows with values that the service never writes, such as a time before 1970.
    Unreadable,
    /// Rows whose wrap root the service does not hold, and that no checkpoint covers yet.
    Unverifiable,
    /// Checkpoints are missing.
    CheckpointRemoved,
    /// Checkpoints that were changed after the service wrote them.
    CheckpointChanged,
    /// The last checkpoint, when the service does not hold its wrap root.
    CheckpointUnverifiable,
    /// Rows whose wrap root was lost and given up: nothing from before this finding proves that
    /// these rows are unchanged.
    GivenUp,
    /// Checkpoints whose wrap root was given up.
    CheckpointGivenUp,
    /// A kind that this client does not know yet.
    #[serde(other)]
    Unknown,
}

impl Flaw {
    pub(super) const ALL: [Self; 11] = [
        Self::Removed,
        Self::Added,
        Self::Changed,
        Self::Unreadable,
        Self::Unverifiable,
        Self::CheckpointRemoved,
        Self::CheckpointChanged,
        Self::CheckpointUnverifiable,
        Self::GivenUp,
        Self::CheckpointGivenUp,
        Self::Unknown,
    ];

    /// The flaw's name on the wire and in checkpoints.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Removed => "removed",
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Unreadable => "unreadable",
            Self::Unverifiable => "unverifiable",
            Self::CheckpointRemoved => "checkpoint-removed",
            Self::CheckpointChanged => "checkpoint-changed",
            Self::CheckpointUnverifiable => "checkpoint-unverifiable",
            Self::GivenUp => "given-up",
            Self::CheckpointGivenUp => "checkpoint-given-up",
            Self::Unknown => "unknown",
        }
    }
}

/// A flaw and the rows or checkpoints that have it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// What is wrong.
    pub flaw: Flaw,
    /// The number of the first row or checkpoint.
    pub first: u64,
    /// The number of the last row or checkpoint.
    pub last: u64,
    /// The key id of the wrap root, if one was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<KeyId>,
}

impl Finding {
    /// A flaw of a range of rows or checkpoints.
    pub fn new(flaw: Flaw, first: u64, last: u64) -> Self {
        Self { flaw, first, last, key_id: None }
    }
}

/// A checkpoint: a seal over a range of rows and, through the previous digest, over all rows
/// before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The checkpoint's number, counted from 1.
    pub id: u64,
    /// The number of the last row that the checkpoint covers.
    pub upto: u64,
    /// How many rows the checkpoint's own range has.
    pub count: u64,
    /// SHA-256 over the previous digest and the rows: 64 hexadecimal digits.
    pub digest: String,
    /// The key id of the wrap root that the checkpoint's seal is derived from.
    pub key_id: KeyId,
    /// When the checkpoint was made.
    pub at: u64,
}

/// The body of `POST /admin/audit/give-up`: wrap roots that are lost for good.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WriteOffRequest {
    /// The key ids of the lost roots.
    pub key_ids: Vec<KeyId>,
    /// Only report what would be lost.
    #[serde(default)]
    pub dry_run: bool,
}

/// The answer to `POST /admin/audit/give-up`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WriteOffResponse {
    /// How many events lose their proof of integrity.
    pub events: u64,
    /// The findings about the loss, which every checkpoint repeats from now on.
    pub findings: Vec<Finding>,
    /// The first checkpoint with these findings; none for a dry run.
    pub checkpoint: Option<Checkpoint>,
}

/// The answer to `GET /admin/audit/verify?from=N`: one range of the trail.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditVerification {
    /// The checkpoint of the range; none when there are no more checkpoints.
    pub checkpoint: Option<Checkpoint>,
    /// What is wrong with the checkpoint and its rows.
    pub findings: Vec<Finding>,
    /// How many rows have no checkpoint, if the service cannot make one: `findings` are then about
    /// the first of these rows.
    #[serde(default)]
    pub pending: u64,
    /// How many rows were written before the audit trail had seals, and therefore cannot be
    /// verified. Zero except in the answer for `from=1`.
    #[serde(default)]
    pub unsealed: u64,
    /// The number of the next range, for `?from=`; none after the last one.
    pub next: Option<u64>,
}
