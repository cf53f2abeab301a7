//! Row seals of deployments, API tokens and trusts: verifying them, and sealing rows that are older
//! than row seals.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

/// What is wrong with a live row of a deployment, API token or trust.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowFlaw {
    /// The seal does not match: it belongs to another row, or somebody other than the service
    /// changed this row. The service refuses the row.
    Altered,
    /// The row has no seal. The service refuses the row.
    Unsealed,
    /// The service does not hold the row's wrap root and refuses the row.
    Unverifiable,
    /// The row holds values that the service never writes. The service refuses the row.
    Unreadable,
    /// The audit trail says that the row was revoked or removed: an older copy of the row was
    /// restored.
    PutBack,
    /// The audit trail has more uses than the row counts: an older copy of the row was restored.
    SetBack,
    /// A kind that this client does not know yet.
    #[serde(other)]
    Unknown,
}

impl RowFlaw {
    /// The flaw's name on the wire.
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
    /// The row's id, exactly as the database has it.
    pub id: String,
    /// What is wrong.
    pub flaw: RowFlaw,
}

/// The answer to `GET /admin/rows/verify?cursor=`: some of the live deployments, API tokens and
/// trusts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RowVerification {
    /// How many rows the service checked.
    pub checked: u64,
    /// What is wrong with these rows.
    pub findings: Vec<RowFinding>,
    /// The cursor of the next page, for `?cursor=`; none after the last page.
    pub next: Option<String>,
}

/// The body of `POST /admin/rows/seal`.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealRows {
    /// Where to continue: the `next` of the previous answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Only report what would be sealed.
    #[serde(default)]
    pub dry_run: bool,
}

/// A live row.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RowId {
    /// `deploy`, `token` or `trust`.
    pub kind: String,
    /// The row's id.
    pub id: String,
}

/// The answer to `POST /admin/rows/seal`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SealedRows {
    /// Rows that had no seal and are sealed now; for a dry run, rows that would be sealed.
    pub sealed: Vec<RowId>,
    /// Rows that the service still refuses.
    pub refused: Vec<RowFinding>,
    /// Where to continue; none when every row was checked.
    pub next: Option<String>,
}
