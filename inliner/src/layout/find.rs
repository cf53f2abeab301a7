//! Where builds may be: the folders of an application, and files by parts of their names.
//!
//! Owns the walk that every framework's module shares. It refuses to look into packages, into
//! the caches of builds and into repositories.

use std::path::{Path, PathBuf};

use crate::Error;
use crate::tree::{Entry, Kind, Listed, Tree};

/// An output such as `apps/web/.svelte-kit/cloudflare` is looked for this deep.
pub(super) const DEEPEST: usize = 4;
/// Folders that hold no build of the application's own.
const SKIPPED: [&str; 2] = ["node_modules", ".git"];
/// Files of builds whose `cache` holds no build: Next's and OpenNext's.
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

/// Whether this is what a build keeps for the next one. Other folders of that name are people's own.
pub(super) fn is_cache(tree: &Tree<'_>, path: &Path) -> bool {
    let is_of_build =
        |build: &Path| BUILDS_WITH_CACHE.iter().any(|manifest| tree.is_file(&build.join(manifest)));
    path.ends_with("cache") && path.parent().is_some_and(is_of_build)
}

/// This folder and those above it, the nearest first, up to the first that has one of these, and none outside of the tree.
pub(super) fn up_to<'p>(tree: &Tree<'_>, real: &'p Path, marks: &[&str]) -> Vec<&'p Path> {
    let above: Vec<&Path> = real.ancestors().take_while(|folder| tree.holds(folder)).collect();
    let last = above.iter().position(|folder| has_any(tree, folder, marks));
    above.into_iter().take(last.map_or(usize::MAX, |last| last + 1)).collect()
}

/// Whether one of these lies in a folder.
pub(super) fn has_any(tree: &Tree<'_>, folder: &Path, names: &[&str]) -> bool {
    names.iter().any(|name| tree.exists(&folder.join(name)))
}

/// The file in this folder with this beginning and end, the first by name.
pub(super) fn named(tree: &Tree<'_>, folder: &Path, begins: &str, ends: &str) -> Option<PathBuf> {
    let fits = |name: &&Listed| {
        name.name.to_str().is_some_and(|name| name.starts_with(begins) && name.ends_with(ends))
    };
    listed(tree, folder).iter().find(fits).map(|name| folder.join(&name.name))
}

/// The names in a folder; none where it cannot be read.
pub(super) fn listed(tree: &Tree<'_>, folder: &Path) -> Vec<Listed> {
    if tree.is_dir(folder) { tree.list(folder).unwrap_or_default() } else { Vec::new() }
}

/// Variables that tools copy into what they build: `.dev.vars`, `.env`, and those of each environment; and wrangler's
/// configuration with its `vars`.
pub(super) fn copied_variables(tree: &Tree<'_>, folder: &Path) -> Vec<PathBuf> {
    let files = listed(tree, folder).into_iter().map(|name| folder.join(name.name));
    let holds =
        |name: &str| name.starts_with(".dev.vars") || name.starts_with(".env") || name == "wrangler.json";
    files.filter(|file| file.file_name().and_then(|name| name.to_str()).is_some_and(holds)).collect()
}

/// Whether a file's text contains this; no, when it cannot be read.
pub(super) fn says(tree: &Tree<'_>, file: &Path, text: &str) -> bool {
    tree.is_file(file)
        && tree.read(file).is_ok_and(|bytes| memchr::memmem::find(&bytes, text.as_bytes()).is_some())
}
