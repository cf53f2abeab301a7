//! Reading manifests, and telling whether this run wrote them.
//!
//! Owns the formats in which frameworks and platforms write them. It refuses one that is not what it should be,
//! and never quotes it: configurations may hold values.

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;

use crate::Error;
pub(super) use crate::error::ManifestFault;

/// File times come from a clock that ticks more slowly than the one that callers ask.
const CLOCK_TICK: Duration = Duration::from_millis(50);

/// A manifest in JSON.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let parsed = serde_json::from_str(&read_text(path)?);
    parsed.map_err(|source| Error::Manifest { path: path.to_owned(), source: source.into() })
}

/// A manifest as text.
pub(super) fn read_text(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}

/// A path that a manifest names, relative to the manifest's folder; without `..` where that leads to the same place.
pub(super) fn join(folder: &Path, relative: &Path) -> PathBuf {
    let joined = folder.join(relative);
    let mut short = PathBuf::new();
    for part in joined.components() {
        match part {
            Component::ParentDir if matches!(short.components().next_back(), Some(Component::Normal(_))) => {
                short.pop();
            }
            Component::CurDir => {}
            part => short.push(part),
        }
    }
    let is_same =
        joined.canonicalize().ok().is_some_and(|real| short.canonicalize().is_ok_and(|same| same == real));
    if is_same { short } else { joined }
}

/// Whether the manifest was written since then.
pub(super) fn is_fresh(manifest: &Path, written_since: Option<SystemTime>) -> Result<bool, Error> {
    let Some(since) = written_since else {
        return Ok(true);
    };
    let written = fs::metadata(manifest).and_then(|metadata| metadata.modified());
    let written = written.map_err(|source| Error::Read { path: manifest.to_owned(), source })?;
    Ok(written + CLOCK_TICK >= since)
}
