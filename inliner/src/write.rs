//! A plan to the disk.
//!
//! Owns the only writes of the crate: a temporary file in the same folder, its contents on the disk, then a rename.
//! Each file is whole at every moment, old or new. Changes are made in the order given: a map goes before its bundle,
//! so that a bundle that was written is proof that its map was.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::Error;

pub(crate) const TEMPORARY_PREFIX: &str = ".capy-inline-";
pub(crate) const TEMPORARY_SUFFIX: &str = ".tmp";

/// New contents for a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// Makes the changes one after the other with `replace`, and stops at the first that fails.
pub(crate) fn commit(
    changes: &[Change],
    mut replace: impl FnMut(&Path, &[u8]) -> io::Result<()>,
) -> Result<(), Error> {
    for change in changes {
        replace(&change.path, change.text.as_bytes())
            .map_err(|source| Error::Write { path: change.path.clone(), source })?;
    }
    Ok(())
}

/// Replaces a file whole, with the permissions it had; a new one is for those who may use its folder.
pub(crate) fn replace_file(path: &Path, text: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let (metadata, permissions) = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => of_a_new_file(folder)?,
        found => found.map(|metadata| (metadata.clone(), metadata.permissions()))?,
    };
    // A file that may not be written is not replaced behind its owner's back.
    if permissions.readonly() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let mut builder = tempfile::Builder::new();
    let mut temporary = builder.prefix(TEMPORARY_PREFIX).suffix(TEMPORARY_SUFFIX).tempfile_in(folder)?;
    temporary.write_all(text)?;
    keep_owner(temporary.as_file(), &metadata);
    temporary.as_file().set_permissions(permissions)?;
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    sync_folder(folder)
}

#[cfg(unix)]
fn of_a_new_file(folder: &Path) -> io::Result<(fs::Metadata, Permissions)> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = fs::metadata(folder)?;
    let mode = metadata.permissions().mode() & 0o666;
    Ok((metadata, Permissions::from_mode(mode)))
}

#[cfg(not(unix))]
fn of_a_new_file(folder: &Path) -> io::Result<(fs::Metadata, Permissions)> {
    let metadata = fs::metadata(folder)?;
    let permissions = metadata.permissions();
    Ok((metadata, permissions))
}

/// Only the superuser can give files away; for everyone else the owner is right already.
#[cfg(unix)]
fn keep_owner(file: &File, metadata: &fs::Metadata) {
    use std::os::unix::fs::{MetadataExt, fchown};
    let _ = fchown(file, Some(metadata.uid()), Some(metadata.gid()));
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &fs::Metadata) {}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Removes what a killed run left: half a bundle, perhaps with values in it.
pub(crate) fn sweep(leftovers: &[PathBuf]) -> Result<(), Error> {
    for path in leftovers {
        match fs::remove_file(path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(Error::Write { path: path.clone(), source });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Keeps other runs out of these folders while it lives. Where folders cannot be locked, nothing is.
pub(crate) fn lock<'p>(folders: impl Iterator<Item = &'p Path>) -> Result<Vec<File>, Error> {
    let mut locks = Vec::new();
    for folder in folders {
        let Ok(file) = File::open(folder) else { continue };
        match file.try_lock() {
            Ok(()) => locks.push(file),
            Err(fs::TryLockError::WouldBlock) => {
                return Err(Error::Busy { path: folder.to_owned() });
            }
            Err(fs::TryLockError::Error(_)) => {}
        }
    }
    Ok(locks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_stops_the_rest() {
        let change = |name: &str| Change { path: name.into(), text: name.to_owned() };
        let mut done = Vec::new();
        let result = commit(&[change("a"), change("b"), change("c")], |path, _| {
            if path == Path::new("b") {
                return Err(io::ErrorKind::StorageFull.into());
            }
            done.push(path.to_owned());
            Ok(())
        });
        assert!(matches!(result, Err(Error::Write { path, .. }) if path == Path::new("b")));
        assert_eq!(done, [Path::new("a")]);
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_kept_and_nothing_is_left() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.js");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o754)).unwrap();
        replace_file(&path, b"new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o754);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
