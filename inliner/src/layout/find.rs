//! Where builds may be: the folders of an application, and files by parts of their names.
//!
//! Owns the walk that every framework's module shares. It refuses to look into packages, caches and repositories.

use std::fs;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::tree;
use crate::Error;

/// An output such as `apps/web/.svelte-kit/cloudflare` is looked for this deep.
pub(super) const DEEPEST: usize = 4;
/// Folders that hold no build of the application's own.
const SKIPPED: [&str; 3] = ["node_modules", "cache", ".git"];

/// The folder itself and those below it, parents first.
pub(super) fn below(folder: &Path, depth: usize) -> Vec<PathBuf> {
    let wanted =
        |entry: &DirEntry| entry.depth() == 0 || !SKIPPED.iter().any(|name| entry.file_name() == *name);
    let entries = WalkDir::new(folder).max_depth(depth).sort_by_file_name().into_iter().filter_entry(wanted);
    entries.flatten().filter(|entry| entry.file_type().is_dir()).map(DirEntry::into_path).collect()
}

/// Each folder above this one with what lies right inside it, the nearest first.
pub(super) fn above(folder: &Path) -> Result<Vec<Vec<PathBuf>>, Error> {
    let real = tree::real(folder)?;
    Ok(real.ancestors().skip(1).map(|ancestor| below(ancestor, 1)).collect())
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

/// Whether a file's text contains this; no, when it cannot be read.
pub(super) fn says(file: &Path, text: &str) -> bool {
    fs::read(file).is_ok_and(|bytes| memchr::memmem::find(&bytes, text.as_bytes()).is_some())
}
