//! Where builds may be: the folders of an application, and files by parts of their names.
//!
//! Owns the walk that every framework's module shares. It refuses to look into packages, into
//! the caches of builds and into repositories.

use std::fs;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

/// An output such as `apps/web/.svelte-kit/cloudflare` is looked for this deep.
pub(super) const DEEPEST: usize = 4;
/// Folders that hold no build of the application's own.
const SKIPPED: [&str; 2] = ["node_modules", ".git"];
/// Files of builds whose `cache` holds no build: Next's and OpenNext's.
const BUILDS_WITH_CACHE: [&str; 2] = ["required-server-files.json", "cloudflare/init.js"];

/// The folder itself and those below it, parents first.
pub(super) fn below(folder: &Path, depth: usize) -> Vec<PathBuf> {
    let wanted = |entry: &DirEntry| {
        entry.depth() == 0
            || !SKIPPED.iter().any(|name| entry.file_name() == *name) && !is_cache(entry.path())
    };
    let entries = WalkDir::new(folder).max_depth(depth).sort_by_file_name().into_iter().filter_entry(wanted);
    entries.flatten().filter(|entry| entry.file_type().is_dir()).map(DirEntry::into_path).collect()
}

/// Whether this is what a build keeps for the next one. Other folders of that name are people's own.
pub(super) fn is_cache(path: &Path) -> bool {
    let is_of_build = |build: &Path| BUILDS_WITH_CACHE.iter().any(|manifest| build.join(manifest).is_file());
    path.ends_with("cache") && path.parent().is_some_and(is_of_build)
}

/// This folder and those above it, the nearest first, up to the first that has one of these.
pub(super) fn up_to<'p>(real: &'p Path, marks: &[&str]) -> impl Iterator<Item = &'p Path> {
    let is_last = |folder: &Path| marks.iter().any(|mark| folder.join(mark).exists());
    let last = real.ancestors().position(is_last);
    real.ancestors().take(last.map_or(usize::MAX, |last| last + 1))
}

/// The file in this folder with this beginning and end, the first by name.
pub(super) fn named(folder: &Path, begins: &str, ends: &str) -> Option<PathBuf> {
    let mut names: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().collect();
    names.sort_by_key(fs::DirEntry::file_name);
    let fits = |entry: &fs::DirEntry| {
        entry.file_name().to_str().is_some_and(|name| name.starts_with(begins) && name.ends_with(ends))
    };
    names.iter().find(|entry| fits(entry)).map(fs::DirEntry::path)
}

/// Variables that tools copy into what they build: `.dev.vars`, `.env`, and those of each environment; and wrangler's
/// configuration with its `vars`.
pub(super) fn copied_variables(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let holds =
        |name: &str| name.starts_with(".dev.vars") || name.starts_with(".env") || name == "wrangler.json";
    files.filter(|file| file.file_name().and_then(|name| name.to_str()).is_some_and(holds)).collect()
}

/// Whether a file's text contains this; no, when it cannot be read.
pub(super) fn says(file: &Path, text: &str) -> bool {
    fs::read(file).is_ok_and(|bytes| memchr::memmem::find(&bytes, text.as_bytes()).is_some())
}
