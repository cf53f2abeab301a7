//! Writing a blob to a file: the old content is kept, and restored if the deployment is revoked
//! right away.
//!
//! ```text
//! before the registration         a temporary file is created beside the target, so that a folder
//!                                 that cannot be written to is known in time
//! after the registration          the blob is written to it and renamed over the target
//! when it is taken back           the old content is restored, unless somebody changed the file
//! ```
//!
//! Everybody may read the file: the blob is sealed, and the user that a container runs as has to
//! read it.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use capy_protocol::blob::SecretsBlob;
use capy_protocol::id::DeployId;
use tempfile::NamedTempFile;

use super::wish::BlobFile;
use crate::error::DeploymentFault as Fault;
use crate::error::{Error, Result};
use crate::local::private_file::{self, Access};

/// The deployment whose blob a file holds; `None` if the file is missing or empty.
///
/// # Errors
///
/// [`Fault::BlobFileTaken`] if the file holds something other than a blob.
pub(super) fn holder(path: &Path) -> Result<Option<DeployId>> {
    let Some(bytes) = read(path).map_err(Error::file("read", path))?.filter(|bytes| !bytes.is_empty()) else {
        return Ok(None);
    };
    let blob = std::str::from_utf8(&bytes).ok().and_then(|text| SecretsBlob::parse(text).ok());
    match blob {
        Some(blob) => Ok(Some(blob.deploy_id())),
        None => Err(Fault::BlobFileTaken { path: path.into() }.into()),
    }
}

/// A temporary file for a blob, beside the target. The target has not changed yet.
pub(super) struct Room {
    file: BlobFile,
    target: PathBuf,
    aside: NamedTempFile,
}

/// A blob that was written to its file.
pub(crate) struct Placed {
    pub(crate) file: BlobFile,
    target: PathBuf,
    blob: String,
    /// The content and the access of the file that the blob replaced.
    before: Option<(Vec<u8>, Access)>,
}

impl Room {
    pub(super) fn make(file: &BlobFile) -> Result<Self> {
        let made =
            private_file::follow(&file.path).and_then(|target| Ok((private_file::aside(&target)?, target)));
        let (aside, target) = made.map_err(Error::file("write", &file.path))?;
        Ok(Self { file: file.clone(), target, aside })
    }

    /// Writes the blob, and renames the temporary file over the target.
    pub(super) fn fill(self, blob: String) -> Result<Placed> {
        let Self { file, target, mut aside } = self;
        let before = read_with_access(&target).and_then(|before| {
            aside.write_all(blob.as_bytes())?;
            Access::READABLE.give(aside.as_file())?;
            private_file::put(aside, &target).map(|()| before)
        });
        let before = before.map_err(Error::file("write", &file.path))?;
        Ok(Placed { file, target, blob, before })
    }
}

impl Placed {
    /// Restores the old content, or removes the file if there was none before. A file that somebody
    /// changed since is left alone.
    pub(super) fn take_back(&self) -> Result<()> {
        let ours = |held: Option<Vec<u8>>| held.is_some_and(|held| held == self.blob.as_bytes());
        let done = match (read(&self.target).map(ours), &self.before) {
            (Ok(false), _) => Ok(()),
            (Ok(true), Some((before, access))) => private_file::write_over(&self.target, before, access),
            (Ok(true), None) => fs::remove_file(&self.target),
            (Err(error), _) => Err(error),
        };
        done.map_err(Error::file("restore", &self.file.path))
    }
}

fn read_with_access(path: &Path) -> io::Result<Option<(Vec<u8>, Access)>> {
    let Some(bytes) = read(path)? else { return Ok(None) };
    Ok(Some((bytes, Access::of(path)?)))
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_a_file_held_stays_until_the_blob_is_sure_and_comes_back_when_it_was_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = BlobFile::in_folder(folder.path());
        fs::write(&file.path, "old").unwrap();
        fs::set_permissions(&file.path, Permissions::from_mode(0o600)).unwrap();
        drop(Room::make(&file).unwrap());
        assert_eq!(fs::read(&file.path).unwrap(), b"old");
        let placed = Room::make(&file).unwrap().fill("new".into()).unwrap();
        assert_eq!((fs::read(&file.path).unwrap(), mode(&file.path)), (b"new".to_vec(), 0o644));
        placed.take_back().unwrap();
        assert_eq!((fs::read(&file.path).unwrap(), mode(&file.path)), (b"old".to_vec(), 0o600));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_somebody_else_wrote_since_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = BlobFile::in_folder(folder.path());
        let placed = Room::make(&file).unwrap().fill("new".into()).unwrap();
        fs::write(&file.path, "newer").unwrap();
        placed.take_back().unwrap();
        assert_eq!(fs::read(&file.path).unwrap(), b"newer");
        let placed = Room::make(&file).unwrap().fill("newest".into()).unwrap();
        fs::remove_file(&file.path).unwrap();
        placed.take_back().unwrap();
        assert!(!file.path.exists());
    }

    #[test]
    fn a_file_that_holds_no_blob_is_somebody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        assert_eq!(holder(&path).unwrap(), None);
        fs::write(&path, "").unwrap();
        assert_eq!(holder(&path).unwrap(), None);
        fs::write(&path, "my notes").unwrap();
        assert_eq!(holder(&path).unwrap_err().code(), "BLOB_FILE_TAKEN");
    }
}
