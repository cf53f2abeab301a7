//! Detects files that changed after the run planned with them.
//!
//! Compares length, times and inode number with those recorded before anything was read, and the
//! contents of a file that is read more than once. A build or an editor may still be writing, and
//! such changes must not be overwritten.

use std::collections::HashMap;
use std::hash::Hasher;
use std::path::{Path, PathBuf};

use cap_std::fs::Metadata;
use rayon::prelude::*;
use rustc_hash::FxHasher;

use crate::Error;
use crate::tree::Tree;

/// The state of files at one moment.
#[derive(Debug, Default)]
pub(crate) struct Snapshot(HashMap<PathBuf, Option<State>>);

type State = (u64, [i64; 5]);

impl Snapshot {
    pub(crate) fn take<'p>(tree: &Tree<'_>, files: impl Iterator<Item = &'p PathBuf>) -> Self {
        let files: Vec<&PathBuf> = files.collect();
        Self(files.into_par_iter().map(|path| (path.clone(), state(tree, path))).collect())
    }

    /// Fails if a recorded file has changed since.
    pub(crate) fn check(&self, tree: &Tree<'_>, path: &Path) -> Result<(), Error> {
        match self.0.get(path) {
            Some(before) if *before != state(tree, path) => Err(Error::Changed { path: path.to_owned() }),
            _ => Ok(()),
        }
    }
}

/// A fast fingerprint of a text that detects accidental changes. It does not resist deliberate
/// collisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint(usize, u64);

impl Fingerprint {
    pub(crate) fn of(text: &str) -> Self {
        let mut hasher = FxHasher::default();
        hasher.write(text.as_bytes());
        Self(text.len(), hasher.finish())
    }

    /// Reads the file again, and fails unless it still has this fingerprint: offsets into its text
    /// are valid only for the same text.
    pub(crate) fn read(self, tree: &Tree<'_>, path: &Path) -> Result<String, Error> {
        let changed = || Error::Changed { path: path.to_owned() };
        let text = String::from_utf8(tree.read(path)?).map_err(|_| changed())?;
        if Self::of(&text) == self { Ok(text) } else { Err(changed()) }
    }
}

fn state(tree: &Tree<'_>, path: &Path) -> Option<State> {
    tree.metadata(path).ok().map(|metadata| (metadata.len(), times(&metadata)))
}

/// Modification time, status change time and inode number: a file may be moved here with an old
/// modification time.
#[cfg(unix)]
fn times(metadata: &Metadata) -> [i64; 5] {
    use cap_std::fs::MetadataExt;
    let number = metadata.ino().cast_signed();
    [metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec(), number]
}

#[cfg(not(unix))]
fn times(metadata: &Metadata) -> [i64; 5] {
    let modified = metadata.modified().ok().map(cap_std::time::SystemTime::into_std);
    let since = modified.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    let since = since.unwrap_or_default();
    [since.as_secs().cast_signed(), since.subsec_nanos().into(), 0, 0, 0]
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn tree(folder: &tempfile::TempDir) -> Tree<'static> {
        Tree::alone(folder.path(), Default::default(), Default::default()).unwrap()
    }

    #[test]
    fn a_text_is_only_read_again_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let (tree, path) = (tree(&folder), folder.path().join("a.js"));
        let fingerprint = Fingerprint::of("some text");
        for (text, is_same) in [("some text", true), ("some texT", false), ("some text ", false), ("", false)]
        {
            fs::write(&path, text).unwrap();
            match fingerprint.read(&tree, &path) {
                Ok(read) => assert!(is_same && read == text),
                Err(error) => assert!(!is_same && matches!(error, Error::Changed { .. })),
            }
        }
        fs::write(&path, b"some t\xffxt").unwrap();
        assert!(matches!(fingerprint.read(&tree, &path), Err(Error::Changed { .. })));
    }

    #[test]
    fn a_file_that_is_written_moved_or_removed_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let (tree, path) = (tree(&folder), folder.path().join("a.js"));
        let other = folder.path().join("b.js");
        for change in [
            (|path, _| fs::write(path, "new").unwrap()) as fn(&Path, &Path),
            |path, other| fs::rename(other, path).unwrap(),
            |path, _| fs::remove_file(path).unwrap(),
        ] {
            fs::write(&path, "old").unwrap();
            fs::write(&other, "old").unwrap();
            let snapshot = Snapshot::take(&tree, [&path].into_iter());
            snapshot.check(&tree, &path).unwrap();
            // File times come from a coarse clock.
            std::thread::sleep(std::time::Duration::from_millis(30));
            change(&path, &other);
            assert!(matches!(snapshot.check(&tree, &path), Err(Error::Changed { .. })));
            snapshot.check(&tree, &other).unwrap();
        }
    }
}
