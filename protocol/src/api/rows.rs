//! The rows that decide: whether their seals are whole, and sealing those from before there were seals.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

/// What is wrong with a live row.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowFlaw {
    /// Its seal is another row's, or somebody else than the service changed it. It is refused.
    Altered,
    /// It bears no seal. It is refused.
    Unsealed,
    /// Its wrap root is not held. It is refused.
    Unverifiable,
    /// It holds what the service cannot have written. It is refused.
    Unreadable,
    /// The audit trail says that it was revoked or removed: an older row was put back.
    PutBack,
    /// The audit trail has more uses than it counts: an older row was put back.
    SetBack,
    /// A kind that this client does not know yet.
    #[serde(other)]
    Unknown,
}

impl RowFlaw {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Altered => "altered",
            Self::Unsealed => "unsealed",
            Self::Unverifiable => "unverifiable",
            Self::Unreadable => "unreadable",
            Self::PutBack => "put-back",
            Self::SetBack => "set-back",
            Self::Unknown => "unknown",
        }
    }
}

/// A row and what is wrong with it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RowFinding {
    /// `deploy`, `token` or `trust`.
    pub kind: String,
    /// Its id, as it stands there.
    pub id: String,
    /// What is wrong.
    pub flaw: RowFlaw,
}

/// The answer to `GET /admin/rows/verify?cursor=`: some of the live deployments, API tokens and trusts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RowVerification {
    /// How many were looked at.
    pub checked: u64,
    /// What is wrong with them.
    pub findings: Vec<RowFinding>,
    /// Where the next ones begin, as `?cursor=`; none after the last one.
    pub next: Option<String>,
}

/// The body of `POST /admin/rows/seal`.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealRows {
    /// Goes on here: the `next` of the answer before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Only tell what would be sealed.
    #[serde(default)]
    pub dry_run: bool,
}

/// A live row.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RowId {
    /// `deploy`, `token` or `trust`.
    pub kind: String,
    /// Its id.
    pub id: String,
}

/// Its answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SealedRows {
    /// Rows that had no seal, and bear one now.
    pub sealed: Vec<RowId>,
    /// Rows that are refused still.
    pub refused: Vec<RowFinding>,
    /// Where to go on; none when every row was looked at.
    pub next: Option<String>,
}
