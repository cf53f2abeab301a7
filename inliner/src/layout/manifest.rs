//! Reads manifests, and tells whether this run wrote them.
//!
//! Rejects a malformed manifest without quoting it, because configurations may hold values.

use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use cap_std::fs::Metadata;
use serde::de::DeserializeOwned;

use crate::Error;
pub(super) use crate::error::ManifestFault;
use crate::tree::Tree;

/// Tolerance for file times: they come from a coarser clock than the one that callers read.
const CLOCK_TICK: Duration = Duration::from_millis(50);

/// How many ancestors of a manifest are checked for having been moved into place with the build.
const MOVED_ABOVE: usize = 4;

/// A manifest in JSON.
pub(super) fn read_json<T: DeserializeOwned>(tree: &Tree<'_>, path: &Path) -> Result<T, Error> {
    let parsed = serde_json::from_str(&tree.read_text(path)?);
    parsed.map_err(|source| Error::Manifest { path: path.to_owned(), source: source.into() })
}

/// Resolves a path in a manifest relative to the manifest's folder; removes `..` where that leads
/// to the same place.
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

/// Whether the manifest was written, or moved into place, since that time.
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

/// Whether a folder was moved into place unchanged since that time: its modification time is older,
/// but its status change time is not.
fn is_moved_since(tree: &Tree<'_>, folder: &Path, since: SystemTime) -> bool {
    let is_new = |time: SystemTime| time + CLOCK_TICK >= since;
    tree.metadata(folder).is_ok_and(|metadata| {
        changed(&metadata).is_some_and(is_new) && !modified(&metadata).is_some_and(is_new)
    })
}

/// Whether a file was written or put into place since that time. Unpacking a cache's archive keeps
/// modification times, but the file system's status change time still shows it.
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
