//! Finds folders where builds may be, and files by parts of their names.
//!
//! The walk that all layout modules share. It skips packages, the caches of builds, and
//! repositories.

use std::path::{Path, PathBuf};

use crate::Error;
use crate::tree::{Entry, Kind, Listed, Tree};

/// Depth at which outputs such as `apps/web/.svelte-kit/cloudflare` are still found.
pub(super) const DEEPEST: usize = 4;
/// Folders that hold no build of the application's own.
const SKIPPED: [&str; 2] = ["node_modules", ".git"];
/// Files that mark a build whose `cache` folder holds no build: of Next and of OpenNext.
const BUILDS_WITH_CACHE: [&str; 2] = ["required-server-files.json", "cloudflare/init.js"];

/// The folder itself and those below it, parents first.
pub(super) fn below(tree: &Tree<'_>, folder: &Path, depth: usize) -> Result<Vec<PathBuf>, Error> {
    let wanted = |entry: &Entry| {
        entry.kind == Kind::Folder
            && !SKIPPED.iter().any(|name| entry.name() == *name)
            && !is_cache(tree, &entry.path)
    };
    let entries = tree.below(folder, depth, wanted)?.into_iter();
    Ok(entries.filter(|entry| entry.kind == Kind::Folder).map(|entry| entry.path).collect())
}

/// Whether this is a build's cache. Other folders named `cache` belong to the application.
pub(super) fn is_cache(tree: &Tree<'_>, path: &Path) -> bool {
    let is_of_build =
        |build: &Path| BUILDS_WITH_CACHE.iter().any(|manifest| tree.is_file(&build.join(manifest)));
    path.ends_with("cache") && path.parent().is_some_and(is_of_build)
}

/// This folder and its ancestors, nearest first, up to the first that contains one of these marks,
/// and only inside the tree.
pub(super) fn up_to<'p>(tree: &Tree<'_>, real: &'p Path, marks: &[&str]) -> Vec<&'p Path> {
    let above: Vec<&Path> = real.ancestors().take_while(|folder| tree.holds(folder)).collect();
    let last = above.iter().position(|folder| has_any(tree, folder, marks));
    above.into_iter().take(last.map_or(usize::MAX, |last| last + 1)).collect()
}

/// Whether a folder contains one of these names.
pub(super) fn has_any(tree: &Tree<'_>, folder: &Path, names: &[&str]) -> bool {
    names.iter().any(|name| tree.exists(&folder.join(name)))
}

/// The first file by name in this folder with this prefix and suffix.
pub(super) fn named(tree: &Tree<'_>, folder: &Path, begins: &str, ends: &str) -> Option<PathBuf> {
    let fits = |name: &&Listed| {
        name.name.to_str().is_some_and(|name| name.starts_with(begins) && name.ends_with(ends))
    };
    listed(tree, folder).iter().find(fits).map(|name| folder.join(&name.name))
}

/// The names in a folder; empty if it cannot be read.
pub(super) fn listed(tree: &Tree<'_>, folder: &Path) -> Vec<Listed> {
    if tree.is_dir(folder) { tree.list(folder).unwrap_or_default() } else { Vec::new() }
}

/// Files with variables that tools copy into builds: `.dev.vars*`, `.env*`, and wrangler's
/// configuration with its `vars`.
pub(super) fn copied_variables(tree: &Tree<'_>, folder: &Path) -> Vec<PathBuf> {
    let files = listed(tree, folder).into_iter().map(|name| folder.join(name.name));
    let holds =
        |name: &str| name.starts_with(".dev.vars") || name.starts_with(".env") || name == "wrangler.json";
    files.filter(|file| file.file_name().and_then(|name| name.to_str()).is_some_and(holds)).collect()
}

/// Whether a file contains this text; `false` if it cannot be read.
pub(super) fn says(tree: &Tree<'_>, file: &Path, text: &str) -> bool {
    tree.is_file(file)
        && tree.read(file).is_ok_and(|bytes| memchr::memmem::find(&bytes, text.as_bytes()).is_some())
}
