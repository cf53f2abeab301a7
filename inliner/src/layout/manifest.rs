//! Reading manifests, and telling whether this run wrote them.
//!
//! Owns the formats in which frameworks and platforms write them. It refuses one that is not what it should be,
//! and never quotes it: configurations may hold values.

use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use cap_std::fs::Metadata;
use serde::de::DeserializeOwned;

use crate::Error;
pub(super) use crate::error::ManifestFault;
use crate::tree::Tree;

/// File times come from a clock that ticks more slowly than the one that callers ask.
const CLOCK_TICK: Duration = Duration::from_millis(50);

/// A build is moved into place as a whole, or a folder that holds it.
const MOVED_ABOVE: usize = 4;

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
    let mut above = manifest.ancestors().skip(1).take(MOVED_ABOVE);
    Ok(is_written_since(&tree.metadata(manifest)?, since)
        || above.any(|folder| is_moved_since(tree, folder, since)))
}

/// Whether a folder was put in place since then as it was: its entries are older, and the folder's own record is not.
fn is_moved_since(tree: &Tree<'_>, folder: &Path, since: SystemTime) -> bool {
    let is_new = |time: SystemTime| time + CLOCK_TICK >= since;
    tree.metadata(folder).is_ok_and(|metadata| {
        changed(&metadata).is_some_and(is_new) && !modified(&metadata).is_some_and(is_new)
    })
}

/// Whether a file was written since then, or put in place: a cache's archive keeps the times of its files, and the
/// file system's own time of the last change still tells.
pub(super) fn is_written_since(metadata: &Metadata, since: SystemTime) -> bool {
    [modified(metadata), changed(metadata)].into_iter().flatten().any(|time| time + CLOCK_TICK >= since)
}

fn modified(metadata: &Metadata) -> Option<SystemTime> {
    metadata.modified().ok().map(cap_std::time::SystemTime::into_std)
}

#[cfg(unix)]
fn changed(metadata: &Metadata) -> Option<SystemTime> {
    use cap_std::fs::MetadataExt;
    let seconds = Duration::from_secs(u64::try_from(metadata.ctime()).ok()?);
    let more = Duration::from_nanos(u64::try_from(metadata.ctime_nsec()).ok()?);
    SystemTime::UNIX_EPOCH.checked_add(seconds)?.checked_add(more)
}

#[cfg(not(unix))]
fn changed(metadata: &Metadata) -> Option<SystemTime> {
    metadata.created().ok().map(cap_std::time::SystemTime::into_std)
}
