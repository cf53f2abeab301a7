//! Scripts that a command wrote and that belong to no known layout.
//!
//! Finds possible bundles that no layout would inline. Only the caller knows whether such a script
//! runs on a server.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::manifest::is_written_since;
use super::{Layout, find, is_prelude, is_script};
use crate::Error;
use crate::tree::{Entry, Kind, Tree};

/// The folders of such scripts below these applications, or the scripts themselves if they lie
/// directly in an application's folder.
pub(super) fn written<'l>(
    tree: &Tree<'_>,
    apps: &[PathBuf],
    since: SystemTime,
    known: impl Iterator<Item = &'l Layout>,
) -> Result<Vec<PathBuf>, Error> {
    let real = |path: &Path| tree.real(path).unwrap_or_else(|_| path.to_owned());
    let known: Vec<PathBuf> = known.flat_map(owned).map(|path| real(path)).collect();
    let mut found = BTreeSet::new();
    for app in apps {
        for script in scripts(tree, app, since)? {
            if known.iter().any(|known| real(&script).starts_with(known)) {
                continue;
            }
            let folder = script.parent().filter(|folder| *folder != app);
            found.insert(folder.map_or_else(|| script.clone(), Path::to_owned));
        }
    }
    let outermost =
        found.iter().filter(|path| !found.iter().any(|other| other != *path && path.starts_with(other)));
    Ok(outermost.cloned().collect())
}

fn scripts(tree: &Tree<'_>, app: &Path, since: SystemTime) -> Result<Vec<PathBuf>, Error> {
    let wanted = |entry: &Entry| {
        let name = entry.name().to_string_lossy();
        name != "node_modules" && !name.starts_with('.')
    };
    let is_new = |path: &Path| tree.metadata(path).is_ok_and(|metadata| is_written_since(&metadata, since));
    let entries = tree.below(app, find::DEEPEST + 1, wanted)?.into_iter();
    let scripts = entries.filter(|entry| entry.kind == Kind::File && is_script(&entry.path));
    let scripts = scripts.map(|entry| entry.path).filter(|path| !is_prelude(path) && is_new(path));
    Ok(scripts.collect())
}

/// The paths that take part in a run because of this layout.
fn owned(layout: &Layout) -> impl Iterator<Item = &PathBuf> {
    let parts = [&layout.server, &layout.server_files, &layout.public, &layout.searched, &layout.withheld];
    parts.into_iter().flatten()
}
