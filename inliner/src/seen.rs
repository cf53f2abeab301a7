//! Whether a file is still the one that was planned with.
//!
//! Owns what is compared: length, times and the file's number, as they were before anything was read. It refuses to let
//! somebody else's change be written over: a build may still run, or an editor.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::Error;

/// Files as they were at one moment.
#[derive(Debug, Default)]
pub(crate) struct Seen(HashMap<PathBuf, Option<State>>);

type State = (u64, [i64; 5]);

impl Seen {
    pub(crate) fn now<'p>(files: impl Iterator<Item = &'p PathBuf>) -> Self {
        let files: Vec<&PathBuf> = files.collect();
        Self(files.into_par_iter().map(|path| (path.clone(), state(path))).collect())
    }

    /// Fails for a file that was looked at and is another one now.
    pub(crate) fn check(&self, path: &Path) -> Result<(), Error> {
        match self.0.get(path) {
            Some(before) if *before != state(path) => Err(Error::Changed { path: path.to_owned() }),
            _ => Ok(()),
        }
    }
}

fn state(path: &Path) -> Option<State> {
    fs::metadata(path).ok().map(|metadata| (metadata.len(), times(&metadata)))
}

/// The last change of the contents, that of anything else, and the number: a file may be moved here with an old time.
#[cfg(unix)]
fn times(metadata: &Metadata) -> [i64; 5] {
    use std::os::unix::fs::MetadataExt;
    let number = metadata.ino().cast_signed();
    [metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec(), number]
}

#[cfg(not(unix))]
fn times(metadata: &Metadata) -> [i64; 5] {
    let since = metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    let since = since.unwrap_or_default();
    [since.as_secs().cast_signed(), since.subsec_nanos().into(), 0, 0, 0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_written_moved_or_removed_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.js");
        let other = folder.path().join("b.js");
        for change in [
            (|path, _| fs::write(path, "new").unwrap()) as fn(&Path, &Path),
            |path, other| fs::rename(other, path).unwrap(),
            |path, _| fs::remove_file(path).unwrap(),
        ] {
            fs::write(&path, "old").unwrap();
            fs::write(&other, "old").unwrap();
            let seen = Seen::now([&path].into_iter());
            seen.check(&path).unwrap();
            // File times come from a clock that ticks slowly.
            std::thread::sleep(std::time::Duration::from_millis(30));
            change(&path, &other);
            assert!(matches!(seen.check(&path), Err(Error::Changed { .. })));
            seen.check(&other).unwrap();
        }
    }
}
