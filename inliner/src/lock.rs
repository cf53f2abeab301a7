//! Keeps two runs apart.
//!
//! Owns advisory locks on folders: one run at a time writes into a folder and what lies below it, whatever names the
//! folders were given by and in whatever order. It refuses to wait. Where folders cannot be locked, nothing is.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use crate::Error;

/// Locks that are given back when they are dropped.
#[derive(Debug)]
pub(crate) struct Locks(#[expect(dead_code, reason = "held, and read by nobody")] Vec<File>);

/// Takes these folders, and shares those that they lie in: another run cannot take one of them meanwhile.
pub(crate) fn lock<'p>(folders: impl Iterator<Item = &'p Path>) -> Result<Locks, Error> {
    let own: BTreeSet<PathBuf> = folders.filter_map(|folder| folder.canonicalize().ok()).collect();
    let around: BTreeSet<&Path> = own.iter().flat_map(|folder| folder.ancestors().skip(1)).collect();
    let mut locks = Vec::new();
    for folder in around.into_iter().filter(|folder| !own.contains(*folder)) {
        locks.extend(take(folder, File::try_lock_shared)?);
    }
    for folder in &own {
        locks.extend(take(folder, File::try_lock)?);
    }
    Ok(Locks(locks))
}

fn take(folder: &Path, how: fn(&File) -> Result<(), TryLockError>) -> Result<Option<File>, Error> {
    let Ok(file) = File::open(folder) else {
        return Ok(None);
    };
    match how(&file) {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(Error::Busy { path: folder.to_owned() }),
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_taken_with_all_that_lies_in_it_under_any_of_its_names() {
        let tree = tempfile::tempdir().unwrap();
        let at = |name: &str| tree.path().join(name);
        std::fs::create_dir_all(at("server/app")).unwrap();
        std::fs::create_dir_all(at("other")).unwrap();
        std::os::unix::fs::symlink(at("server"), at("link")).unwrap();
        let names = |names: &[&str]| names.iter().map(|name| at(name)).collect::<Vec<_>>();
        let lock = |folders: Vec<PathBuf>| lock(folders.iter().map(PathBuf::as_path));
        let held = lock(names(&["server", "server/app"])).unwrap();
        for busy in
            [["server", "other"], ["other", "server"], ["other", "server/app"], ["link", "link"], [".", "."]]
        {
            assert!(matches!(lock(names(&busy)), Err(Error::Busy { .. })), "{busy:?}");
        }
        lock(names(&["other"])).unwrap();
        drop(held);
        lock(names(&["link"])).unwrap();
    }
}
