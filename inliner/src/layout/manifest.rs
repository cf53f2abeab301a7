//! Reading manifests, and telling whether this run wrote them.
//!
//! Owns the formats in which frameworks and platforms write them. It refuses one that is not what it should be,
//! and never quotes it: configurations may hold values.

use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;

use crate::Error;
pub(super) use crate::error::ManifestFault;
use crate::tree::Tree;

/// File times come from a clock that ticks more slowly than the one that callers ask.
const CLOCK_TICK: Duration = Duration::from_millis(50);

/// A manifest in JSON.
pub(super) fn read_json<T: DeserializeOwned>(tree: &Tree<'_>, path: &Path) -> Result<T, Error> {
    let parsed = serde_json::from_str(&tree.read_text(path)?);
    parsed.map_err(|source| Error::Manifest { path: path.to_owned(), source: source.into() })
}

/// A path that a manifest names, relative to the manifest's folder; without `..` where that leads to the same place.
pub(super) fn join(tree: &Tree<'_>, folder: &Path, relative: &Path) -> PathBuf {
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
    let is_same = tree.real(&joined).is_ok_and(|real| tree.real(&short).is_ok_and(|same| same == real));
    if is_same { short } else { joined }
}

/// Whether the manifest was written since then.
pub(super) fn is_fresh(
    tree: &Tree<'_>,
    manifest: &Path,
    written_since: Option<SystemTime>,
) -> Result<bool, Error> {
    let Some(since) = written_since else {
        return Ok(true);
    };
    let written = tree.metadata(manifest)?.modified();
    let written = written.map_err(|source| Error::Read { path: manifest.to_owned(), source })?;
    Ok(written.into_std() + CLOCK_TICK >= since)
}
