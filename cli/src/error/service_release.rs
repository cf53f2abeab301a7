//! Why a release of the key service cannot be read.

use std::io;
use std::path::PathBuf;

/// Why a release cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is not a release of the key service: it has no wrangler.toml", path.display())]
    NoSettings { path: PathBuf },
    #[error("{} is not a release of the key service: {reason}", path.display())]
    Malformed { path: PathBuf, reason: String },
}
