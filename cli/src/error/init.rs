//! Errors of what `capy init` offers to change, and of taking it back.

use std::path::{Path, PathBuf};

use super::exit;

/// Why a file of the project cannot be changed, or a change cannot be taken back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("{} is not JSON: {reason}", path.display())]
    PackageJson { path: PathBuf, reason: String },
    #[error("{} is read-only", path.display())]
    ReadOnly { path: PathBuf },
    #[error("{} changed since capy showed the difference, so it was not written", path.display())]
    ChangedMeanwhile { path: PathBuf },
    #[error("`capy init` changed nothing in this folder that it could take back")]
    NothingToUndo,
    #[error("nothing was taken back, because {} changed after `capy init`", list(paths))]
    ChangedSince { paths: Vec<PathBuf> },
}

impl Fault {
    capy_client::error_codes! {
        pub(crate) fn facts;
        Self::PackageJson { .. } => ("PACKAGE_JSON_MALFORMED", exit::FAILED,
            "correct it as npm would need it, then run `capy init` again"),
        Self::ReadOnly { .. } => ("FILE_READ_ONLY", exit::FAILED,
            "make it writable, then run `capy init` again"),
        Self::ChangedMeanwhile { .. } => ("FILE_CHANGED", exit::FAILED, "run `capy init` again"),
        Self::NothingToUndo => ("NOTHING_TO_UNDO", exit::FAILED),
        Self::ChangedSince { paths } => ("FILE_CHANGED", exit::FAILED, by_hand(paths)),
    }
}

/// How to take changes back in files that somebody edited since.
fn by_hand(paths: &[PathBuf]) -> String {
    let way = |path: &PathBuf| match path.file_name().and_then(|name| name.to_str()) {
        Some("package.json") => "remove `capy run -- ` from the script in package.json".to_owned(),
        Some(".env") => "write values into .env again, which `capy run -- printenv NAME` shows".to_owned(),
        _ => format!("remove the lines that capy added to {}", display(path)),
    };
    let ways: Vec<_> = paths.iter().map(way).collect();
    format!("take your edits back, or undo by hand, then try again; by hand: {}", ways.join("; "))
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| display(path)).collect::<Vec<_>>().join(" and ")
}

fn display(path: &Path) -> String {
    path.display().to_string()
}
