//! Why a run could not be carried out.
//!
//! Owns the crate's one error type. It never holds a value or a piece of a bundle.

use std::io;
use std::path::PathBuf;

use crate::printable;

/// A run that stopped. Files written before are whole, and a second run finishes the job.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("{} is not a folder", printable::path(path))]
    NoFolder { path: PathBuf },
    #[error("{} holds no build output that is known", printable::path(path))]
    UnknownLayout { path: PathBuf },
    #[error("{} is reachable from a public root, so nothing may be written into it", printable::path(path))]
    PublicBundle { path: PathBuf },
    #[error("{} leads out of the application's folder", printable::path(path))]
    LinkLeavesTree { path: PathBuf },
    #[error("{} is missing, and the build of {} needs it", printable::path(path), printable::path(named_by))]
    Missing { path: PathBuf, named_by: PathBuf },
    #[error("{} is being inlined by another run", printable::path(path))]
    Busy { path: PathBuf },
    #[error("{} is not a manifest of this framework: {source}", printable::path(path))]
    Manifest { path: PathBuf, source: ManifestFault },
    #[error("cannot read {}: {source}", printable::path(path))]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {}: {source}", printable::path(path))]
    Write { path: PathBuf, source: io::Error },
    #[error("{} was changed by somebody else meanwhile", printable::path(path))]
    Changed { path: PathBuf },
    #[error("stopped before the work was done")]
    Stopped,
    #[error("cannot start threads")]
    Threads,
}

/// Where a manifest is not what it should be. The parsers' own messages quote the text, so only the place is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}")]
#[non_exhaustive]
pub struct ManifestFault {
    pub line: usize,
    pub column: usize,
}

impl From<serde_json::Error> for ManifestFault {
    fn from(error: serde_json::Error) -> Self {
        Self { line: error.line(), column: error.column() }
    }
}

impl From<jsonc_parser::errors::ParseError> for ManifestFault {
    fn from(error: jsonc_parser::errors::ParseError) -> Self {
        Self { line: error.line_display(), column: error.column_display() }
    }
}

impl Error {
    /// A stable name for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoFolder { .. } => "NO_FOLDER",
            Self::UnknownLayout { .. } => "UNKNOWN_LAYOUT",
            Self::PublicBundle { .. } => "PUBLIC_BUNDLE",
            Self::LinkLeavesTree { .. } => "LINK_LEAVES_TREE",
            Self::Missing { .. } => "MISSING_FILE",
            Self::Busy { .. } => "BUSY",
            Self::Manifest { .. } => "BAD_MANIFEST",
            Self::Read { .. } => "CANNOT_READ",
            Self::Write { .. } => "CANNOT_WRITE",
            Self::Changed { .. } => "CHANGED",
            Self::Stopped => "STOPPED",
            Self::Threads => "NO_THREADS",
        }
    }

    /// One thing to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::UnknownLayout { .. } => Some(
                "build first, or name the parts with `--server DIR` or `--file FILE`, and `--public DIR`",
            ),
            Self::PublicBundle { .. } => Some("keep server bundles out of the folders that are served"),
            Self::LinkLeavesTree { .. } => Some("copy the file into the application's folder"),
            Self::Missing { .. } => Some("build again, or remove what an earlier build left"),
            Self::Busy { .. } => Some("wait for the other run, then try again"),
            Self::Changed { .. } => Some("wait for the build to end, then run it again"),
            Self::Stopped => Some("run it again: it finishes the job"),
            Self::Write { .. } => {
                Some("make room or make the file writable, then run it again: it finishes the job")
            }
            _ => None,
        }
    }
}
