//! Reads the project's files to follow a command: `package.json`, scripts, makefiles.
//!
//! The number of files and the bytes of each are limited, and only regular files are read; the
//! search for a workspace has `MAX_FOLDERS` instead. Nothing fails: a file that cannot be read
//! counts as missing.

use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use serde_json::{Map, Value};
use walkdir::{DirEntry, WalkDir};

use super::Reader;

/// The most files that are read for one command line.
const MAX_FILES: usize = 64;
/// The most bytes of one file. No script that a person wrote is longer.
const MAX_BYTES: u64 = 256 << 10;
/// How deep workspaces lie, such as `packages/apps/web`.
const DEEPEST_WORKSPACE: usize = 4;
/// The most folders that are examined to find a workspace by its name.
const MAX_FOLDERS: usize = 5000;

impl Reader<'_> {
    /// Reads a text file, whose path is relative to where the first command starts.
    pub(super) fn read(&mut self, path: &Path) -> Option<String> {
        self.files += 1;
        if self.files > MAX_FILES { None } else { read_text(&self.here.join(path)) }
    }

    /// The scripts of the nearest package at or above a folder, and the package's folder.
    pub(super) fn package(&mut self, folder: &Path) -> Option<(PathBuf, Map<String, Value>)> {
        let above = [folder.to_owned()].into_iter().chain(folder.ancestors().skip(1).map(Path::to_owned));
        for folder in above {
            let Some(text) = self.read(&folder.join("package.json")) else { continue };
            let scripts = serde_json::from_str::<Value>(&text).ok()?.get("scripts")?.as_object()?.clone();
            return Some((folder, scripts));
        }
        None
    }

    /// Finds the folder of a workspace by its package, its path or a filter such as `./web` or
    /// `web...`.
    pub(super) fn workspace(&mut self, from: &Path, named: &str) -> Option<PathBuf> {
        let name = named.trim_matches(['{', '}', '.', '^', '/']);
        if name.is_empty() || name.contains(['*', '!', '[']) {
            return None;
        }
        let direct = join(from, Path::new(name));
        if self.here.join(&direct).join("package.json").is_file() {
            return Some(direct);
        }
        let root = self.here.join(from);
        let wanted = |entry: &DirEntry| {
            let folder = entry.file_name().to_string_lossy();
            entry.depth() == 0 || folder != "node_modules" && !folder.starts_with('.')
        };
        let entries = WalkDir::new(&root).max_depth(DEEPEST_WORKSPACE).sort_by_file_name().into_iter();
        let folders = entries.filter_entry(wanted).flatten().filter(|entry| entry.file_type().is_dir());
        let mut candidates =
            folders.take(MAX_FOLDERS).filter(|entry| entry.path().join("package.json").is_file());
        let found = candidates.find(|entry| is_package(entry.path(), name))?;
        Some(join(from, found.path().strip_prefix(&root).ok()?))
    }
}

/// The text of a regular file that is not too long.
fn read_text(path: &Path) -> Option<String> {
    // Opening a named pipe would wait for a writer.
    if !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    let read = fs::File::open(path).ok()?.take(MAX_BYTES + 1).read_to_string(&mut text).ok()?;
    // Editors on Windows write a byte order mark, and package managers skip it.
    if text.starts_with('\u{feff}') {
        text.remove(0);
    }
    (read as u64 <= MAX_BYTES).then_some(text)
}

/// Whether a workspace's package has this name, with its scope or without, or its folder has it.
fn is_package(folder: &Path, wanted: &str) -> bool {
    let text = read_text(&folder.join("package.json")).unwrap_or_default();
    let package = serde_json::from_str::<Value>(&text).unwrap_or_default();
    let name = package.get("name").and_then(Value::as_str).unwrap_or_default();
    name == wanted || name.rsplit('/').next() == Some(wanted) || folder.ends_with(wanted)
}

/// Joins a folder that a command names to the folder that the command is in, without `.` and, as
/// far as that can be told, `..`.
pub(super) fn join(from: &Path, folder: &Path) -> PathBuf {
    let mut joined = PathBuf::new();
    for part in from.join(folder).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(joined.components().next_back(), Some(Component::Normal(_))) => {
                joined.pop();
            }
            part => joined.push(part),
        }
    }
    joined
}
