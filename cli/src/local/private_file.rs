//! Atomic file writes, and files that only this user can read. After a crash the old file or the
//! new one is there, whole.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

pub(crate) use capy_access::{Access, create_private_folder, make_folder_private};
use capy_client::regular_file;
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// Largest buffer that [`read_private`] allocates in advance, in bytes. No key is longer.
const MAX_CAPACITY: usize = 64 * 1024;

/// Creates a file that must not exist yet.
pub(crate) fn create(path: &Path, content: &[u8], access: &Access) -> io::Result<()> {
    let mut file = capy_access::create_new(path, access)?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    drop(file);
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written?;
    capy_access::sync_folder(parent(path))
}

/// [`create`] for a file that only this user may read.
pub(crate) fn create_private(path: &Path, content: &[u8]) -> Result<()> {
    create(path, content, &Access::PRIVATE).map_err(Error::file("write", path))
}

/// Replaces a file's content atomically: temporary file beside it, fsync, rename, fsync of the
/// folder.
///
/// A symbolic link is followed and stays a link. An existing file keeps its access; a new one gets
/// `access`. Something other than a regular file is left alone, and is an error.
pub(crate) fn replace(path: &Path, content: &[u8], access: &Access) -> io::Result<()> {
    let target = follow(path)?;
    match fs::metadata(&target) {
        Ok(data) => match regular_file::other_kind(&data) {
            None => write_over(&target, content, &Access::of(&target)?),
            Some(what) => Err(io::Error::other(format!("it is {what}, and no regular file"))),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => write_over(&target, content, access),
        Err(error) => Err(error),
    }
}

/// [`replace`] for a file that only this user may read: the new file is private whatever the access
/// of the old one.
pub(crate) fn replace_private(path: &Path, content: &[u8]) -> io::Result<()> {
    write_over(&follow(path)?, content, &Access::PRIVATE)
}

/// Replaces a file that is not a link, and gives the new file `access`.
pub(crate) fn write_over(target: &Path, content: &[u8], access: &Access) -> io::Result<()> {
    let mut temporary = create_temporary(target)?;
    temporary.write_all(content)?;
    access.give(temporary.as_file())?;
    rename_over(temporary, target)
}

/// Creates an empty private temporary file beside `target`. Dropping the handle removes the file.
pub(crate) fn create_temporary(target: &Path) -> io::Result<NamedTempFile> {
    let create = |path: &Path| capy_access::create_new(path, &Access::PRIVATE);
    tempfile::Builder::new().prefix(&temporary_prefix(target)).make_in(parent(target), create)
}

/// Renames a temporary file of [`create_temporary`] over `target`.
pub(crate) fn rename_over(temporary: NamedTempFile, target: &Path) -> io::Result<()> {
    temporary.as_file().sync_all()?;
    // Closed first: Windows does not rename a file that is open for this program alone.
    let temporary = temporary.into_temp_path();
    capy_access::replace(&temporary, target)?;
    capy_access::sync_folder(parent(target))
}

/// Reads a private file; `None` if other users can access it.
pub(crate) fn read_private(path: &Path) -> io::Result<Option<Zeroizing<String>>> {
    let mut file = File::open(path)?;
    if capy_access::is_exposed(&file)? {
        return Ok(None);
    }
    // Allocates everything at once: a buffer that grows leaves copies behind that are not wiped.
    let capacity = usize::try_from(file.metadata()?.len()).unwrap_or(0).min(MAX_CAPACITY);
    let mut text = Zeroizing::new(String::with_capacity(capacity));
    file.read_to_string(&mut text)?;
    Ok(Some(text))
}

/// Reads a file; `None` if it does not exist.
pub(crate) fn read_if_exists(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        result => result.map(Some).map_err(Error::file("read", path)),
    }
}

/// Removes a file. Returns whether it existed.
pub(crate) fn remove_if_exists(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        result => result.map(|()| true),
    }
}

/// Prefix of a temporary file's name, such as `.env.capy-`. If an edit of `.env` is killed, the
/// rules that keep `.env` out of git also match the file that is left behind.
fn temporary_prefix(target: &Path) -> OsString {
    let mut prefix = target.file_name().unwrap_or_default().to_owned();
    prefix.push(".capy-");
    prefix
}

/// Resolves symbolic links. A path that does not exist is returned as it is; a dangling link is an
/// error.
pub(crate) fn follow(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => Ok(path.into()),
        result => result,
    }
}

/// Locks the folder of `path`, so that edits of its files happen one after another. Dropping the
/// file releases the lock.
///
/// The folder is locked and not the file, because each edit replaces the file with another one.
pub(crate) fn lock_beside(path: &Path) -> Result<File> {
    let lock = || {
        let lock = folder_lock::open(parent(&follow(path)?))?;
        lock.lock()?;
        Ok(lock)
    };
    lock().map_err(Error::file("lock the folder of", path))
}

#[cfg(unix)]
mod folder_lock {
    use std::fs::File;
    use std::io;
    use std::path::Path;

    /// Opens the folder itself as the lock.
    pub(super) fn open(folder: &Path) -> io::Result<File> {
        File::open(folder)
    }
}

#[cfg(windows)]
mod folder_lock {
    use std::fs::File;
    use std::io;
    use std::path::Path;

    use sha2::{Digest, Sha256};

    /// Windows cannot lock folders: a file in the user's folder for temporary files takes the place
    /// of the folder, under a hash of its path.
    pub(super) fn open(folder: &Path) -> io::Result<File> {
        let real = folder.canonicalize()?;
        let name = hex::encode(&Sha256::digest(real.as_os_str().as_encoded_bytes())[..16]);
        let path = std::env::temp_dir().join(format!("capy-{name}.lock"));
        File::options().write(true).create(true).truncate(false).open(path)
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
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
    fn a_new_file_is_private_and_an_old_one_keeps_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        replace(&path, b"1", &Access::PRIVATE).unwrap();
        assert_eq!(mode(&path), 0o600);
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        replace(&path, b"2", &Access::PRIVATE).unwrap();
        assert_eq!((mode(&path), fs::read(&path).unwrap()), (0o640, b"2".to_vec()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_no_regular_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, link) = (folder.path().join("pipe"), folder.path().join("link"));
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        std::os::unix::fs::symlink("pipe", &link).unwrap();
        for path in [&pipe, &link, &folder.path().to_owned()] {
            replace(path, b"canary", &Access::PRIVATE).unwrap_err();
        }
        use std::os::unix::fs::FileTypeExt;
        assert!(fs::metadata(&link).unwrap().file_type().is_fifo());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&target, "1").unwrap();
        std::os::unix::fs::symlink("real", &link).unwrap();
        replace(&link, b"2", &Access::PRIVATE).unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read(&target).unwrap(), b"2");
    }

    #[test]
    fn an_existing_file_is_never_created_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        create(&path, b"1", &Access::PRIVATE).unwrap();
        let error = create(&path, b"2", &Access::PRIVATE).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"1");
    }
}
