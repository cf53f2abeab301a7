//! Writing a blob to a file: the old content is kept, and restored if the deployment is revoked
//! right away.
//!
//! ```text
//! before the registration         a temporary file is created beside the target, so that a folder
//!                                 that cannot be written to is known in time
//! after the registration          the blob is written to it and renamed over the target
//! when it is revoked right away   the old content is restored, unless somebody changed the file
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

use super::request::BlobFile;
use crate::error::{DeploymentFault, Error, Result};
use crate::local::private_file::{self, Access};

/// The deployment whose blob a file holds; `None` if the file is missing or empty.
///
/// # Errors
///
/// [`DeploymentFault::BlobFileTaken`] if the file holds something other than a blob.
pub(super) fn holder(path: &Path) -> Result<Option<DeployId>> {
    let Some(bytes) = read(path).map_err(Error::file("read", path))?.filter(|bytes| !bytes.is_empty()) else {
        return Ok(None);
    };
    let blob = std::str::from_utf8(&bytes).ok().and_then(|text| SecretsBlob::parse(text).ok());
    match blob {
        Some(blob) => Ok(Some(blob.deploy_id())),
        None => Err(DeploymentFault::BlobFileTaken { path: path.into() }.into()),
    }
}

/// A temporary file for a blob, beside the target. The target has not changed yet.
pub(super) struct PendingFile {
    file: BlobFile,
    target: PathBuf,
    temporary: NamedTempFile,
}

/// A blob that was written to its file.
pub(crate) struct WrittenFile {
    pub(crate) file: BlobFile,
    target: PathBuf,
    blob: String,
    /// The content and the access of the file that the blob replaced.
    before: Option<(Vec<u8>, Access)>,
}

impl PendingFile {
    pub(super) fn create(file: &BlobFile) -> Result<Self> {
        let created = private_file::follow(&file.path)
            .and_then(|target| Ok((private_file::create_temporary(&target)?, target)));
        let (temporary, target) = created.map_err(Error::file("write", &file.path))?;
        Ok(Self { file: file.clone(), target, temporary })
    }

    /// Writes the blob, and renames the temporary file over the target.
    pub(super) fn write(self, blob: String) -> Result<WrittenFile> {
        let Self { file, target, mut temporary } = self;
        let before = read_with_access(&target).and_then(|before| {
            temporary.write_all(blob.as_bytes())?;
            Access::READABLE.give(temporary.as_file())?;
            private_file::rename_over(temporary, &target).map(|()| before)
        });
        let before = before.map_err(Error::file("write", &file.path))?;
        Ok(WrittenFile { file, target, blob, before })
    }
}

impl WrittenFile {
    /// Restores the old content, or removes the file if there was none before. A file that somebody
    /// changed since is left alone.
    pub(super) fn restore(&self) -> Result<()> {
        let is_ours = |held: Option<Vec<u8>>| held.is_some_and(|held| held == self.blob.as_bytes());
        let done = match (read(&self.target).map(is_ours), &self.before) {
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
        drop(PendingFile::create(&file).unwrap());
        assert_eq!(fs::read(&file.path).unwrap(), b"old");
        let written = PendingFile::create(&file).unwrap().write("new".into()).unwrap();
        assert_eq!((fs::read(&file.path).unwrap(), mode(&file.path)), (b"new".to_vec(), 0o644));
        written.restore().unwrap();
        assert_eq!((fs::read(&file.path).unwrap(), mode(&file.path)), (b"old".to_vec(), 0o600));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_somebody_else_wrote_since_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = BlobFile::in_folder(folder.path());
        let written = PendingFile::create(&file).unwrap().write("new".into()).unwrap();
        fs::write(&file.path, "newer").unwrap();
        written.restore().unwrap();
        assert_eq!(fs::read(&file.path).unwrap(), b"newer");
        let written = PendingFile::create(&file).unwrap().write("newest".into()).unwrap();
        fs::remove_file(&file.path).unwrap();
        written.restore().unwrap();
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
