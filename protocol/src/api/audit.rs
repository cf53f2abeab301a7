//! The audit trail: what happened, and whether the rows that say so are those that were written.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::id::KeyId;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// Its number; later events have greater ones.
    pub id: u64,
    /// When.
    pub at: u64,
    /// `register`, `decrypt`, `revoke`, `create-token`, `revoke-token`, `add-trust` or `remove-trust`; a newer service may
    /// know more.
    pub action: String,
    /// `ok`, `repeated` where a client asked again for what had just been released to it, or the code of the refusal.
    pub result: String,
    /// What it is about: the id of a deployment, an API token or a trust.
    pub subject: String,
    /// Who, where a token was needed.
    pub actor: Option<String>,
    /// From which address.
    pub address: Option<String>,
    /// From which country: two letters, ISO 3166-1.
    pub country: Option<String>,
    /// What the caller says about itself.
    pub user_agent: Option<String>,
    /// What was decided, for people: the scopes of a new token.
    #[serde(default)]
    pub detail: Option<String>,
}

/// A page of `GET /projects/{project_id}/audit`, or of `GET /admin/audit`: newest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditList {
    /// The events.
    pub events: Vec<AuditEvent>,
    /// Where the next page begins, as `?cursor=`; none after the last one.
    #[serde(default)]
    pub next: Option<String>,
}

/// What is wrong with a stretch of the trail.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flaw {
    /// Rows are missing.
    Removed,
    /// Rows that the service did not write: without a seal, or a copy of another one.
    Added,
    /// Rows that the service did not write so.
    Changed,
    /// Rows that hold what the service cannot have written, such as a time before 1970.
    Unreadable,
    /// Rows whose wrap root is not held, and that no checkpoint vouches for yet.
    Unverifiable,
    /// Checkpoints are missing.
    CheckpointRemoved,
    /// Checkpoints that the service did not write so.
    CheckpointChanged,
    /// The last checkpoint, when its wrap root is not held.
    CheckpointUnverifiable,
    /// Rows that nothing older than this finding proves: their wrap root was lost, and given up.
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

    /// The name on the wire and in checkpoints.
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

/// A flaw and where it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// What is wrong.
    pub flaw: Flaw,
    /// The first row's number, or the first checkpoint's.
    pub first: u64,
    /// The last one's.
    pub last: u64,
    /// The wrap root, where one was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<KeyId>,
}

impl Finding {
    /// A flaw of these rows or checkpoints.
    pub fn new(flaw: Flaw, first: u64, last: u64) -> Self {
        Self { flaw, first, last, key_id: None }
    }
}

/// A seal over a stretch of rows and all stretches before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Its number, from 1 on.
    pub id: u64,
    /// The number of the last row that it vouches for.
    pub upto: u64,
    /// How many rows its stretch has.
    pub count: u64,
    /// SHA-256 over the previous digest and the rows: 64 hexadecimal digits.
    pub digest: String,
    /// The wrap root that its seal is made of.
    pub key_id: KeyId,
    /// When it was made.
    pub at: u64,
}

/// The body of `POST /admin/audit/give-up`: wrap roots that will not come back.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GiveUp {
    /// Which.
    pub key_ids: Vec<KeyId>,
    /// Only tell what would be lost.
    #[serde(default)]
    pub dry_run: bool,
}

/// Its answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GivenUp {
    /// How many events lose their proof.
    pub events: u64,
    /// What every checkpoint says of it from here on.
    pub findings: Vec<Finding>,
    /// The first of them; none for a dry run.
    pub checkpoint: Option<Checkpoint>,
}

/// The answer to `GET /admin/audit/verify?from=N`: one stretch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditVerification {
    /// The checkpoint; none when there are no more.
    pub checkpoint: Option<Checkpoint>,
    /// What is wrong with it and with its rows.
    pub findings: Vec<Finding>,
    /// How many rows have no checkpoint, where none can be made: `findings` are about the first of them.
    #[serde(default)]
    pub pending: u64,
    /// How many rows are from before rows were sealed, and are not vouched for. With the first stretch only.
    #[serde(default)]
    pub unsealed: u64,
    /// The next stretch, as `?from=`; none after the last one.
    pub next: Option<u64>,
}
