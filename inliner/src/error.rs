//! The crate's one error type: why a run failed.
//!
//! It never holds a value or a piece of a bundle.

use std::io;
use std::path::{Path, PathBuf};

use crate::printable;

/// A failed run. Files that were written before the failure are complete, and a second run finishes
/// the job.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("{} is not a folder", printable::path(path))]
    NoFolder { path: PathBuf },
    #[error("{} contains no build output that capy knows", printable::path(path))]
    UnknownLayout { path: PathBuf },
    #[error("the public can fetch {}, so secrets must not be written to it", printable::path(path))]
    PublicBundle { path: PathBuf },
    /// A link, or a path in a manifest, that leads out of the application's folder; with
    /// `outermost`, out of the folder that the caller named.
    #[error("{} leads out of {}", printable::path(path), of_what(outermost.as_deref()))]
    LinkLeavesTree { path: PathBuf, outermost: Option<PathBuf> },
    #[error("{} is not a regular file", printable::path(path))]
    NotAFile { path: PathBuf },
    #[error("{} is larger than {} MiB, the limit for this kind of file", printable::path(path), most >> 20)]
    TooLarge { path: PathBuf, most: u64 },
    #[error("{} is missing, but {} needs it", printable::path(path), printable::path(named_by))]
    Missing { path: PathBuf, named_by: PathBuf },
    #[error("another run is inlining {}", printable::path(path))]
    Busy { path: PathBuf },
    #[error("{} is not a manifest of this framework: {source}", printable::path(path))]
    Manifest { path: PathBuf, source: ManifestFault },
    #[error("cannot read {}: {source}", printable::path(path))]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {}: {source}", printable::path(path))]
    Write { path: PathBuf, source: io::Error },
    #[error("somebody else changed {} in the meantime", printable::path(path))]
    Changed { path: PathBuf },
    #[error("{} is older than this run, and its build does not contain these values", printable::path(path))]
    OlderThanRun { path: PathBuf },
    #[error("the run was stopped before it was done")]
    Stopped,
    #[error("the run took too long and was stopped")]
    TimeOver,
    #[error("cannot start threads")]
    Threads,
}

/// The position of an error in a manifest. Only the position is kept, because the parsers' own
/// messages quote the text.
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

fn of_what(outermost: Option<&Path>) -> String {
    match outermost {
        Some(folder) => format!("{}, the given folder", printable::path(folder)),
        None => "the application's folder".to_owned(),
    }
}

impl Error {
    /// Whether a path leads out of the folder that the caller named.
    pub(crate) fn is_outside(&self) -> bool {
        matches!(self, Self::LinkLeavesTree { outermost: Some(_), .. })
    }

    /// A stable error code for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoFolder { .. } => "NO_FOLDER",
            Self::UnknownLayout { .. } => "UNKNOWN_LAYOUT",
            Self::PublicBundle { .. } => "PUBLIC_BUNDLE",
            Self::LinkLeavesTree { outermost: None, .. } => "LINK_LEAVES_TREE",
            Self::LinkLeavesTree { outermost: Some(_), .. } => "OUTSIDE_TREE",
            Self::NotAFile { .. } => "NOT_A_FILE",
            Self::TooLarge { .. } => "TOO_LARGE",
            Self::Missing { .. } => "MISSING_FILE",
            Self::Busy { .. } => "BUSY",
            Self::Manifest { .. } => "BAD_MANIFEST",
            Self::Read { .. } => "CANNOT_READ",
            Self::Write { .. } => "CANNOT_WRITE",
            Self::Changed { .. } => "CHANGED",
            Self::OlderThanRun { .. } => "OUTPUT_OLDER_THAN_RUN",
            Self::Stopped => "STOPPED",
            Self::TimeOver => "TIME_OVER",
            Self::Threads => "NO_THREADS",
        }
    }

    /// One suggestion for how to fix the error, if there is one.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::UnknownLayout { .. } => {
                Some("build first, or pass `--server DIR` or `--file FILE`, and `--public DIR`")
            }
            Self::PublicBundle { .. } => Some("keep server bundles out of public folders"),
            Self::LinkLeavesTree { outermost: None, .. } => {
                Some("copy the file into the application's folder")
            }
            Self::LinkLeavesTree { outermost: Some(_), .. } => {
                Some("if you trust the build's links, pass `--root DIR` with a folder that contains both")
            }
            Self::NotAFile { .. } => Some("remove it, or build again"),
            Self::TooLarge { .. } => Some("split the bundle, or keep data out of it"),
            Self::Missing { .. } => Some("build again, or remove the remains of an earlier build"),
            Self::Busy { .. } => Some("wait for the other run, then try again"),
            Self::Changed { .. } => Some("wait for the build to end, then run it again"),
            Self::OlderThanRun { .. } => Some("build without the cache, or pass the build's folder"),
            Self::Stopped | Self::TimeOver => Some("run it again to finish"),
            Self::Write { .. } => Some("make room, or make the file writable, then run it again to finish"),
            _ => None,
        }
    }
}
