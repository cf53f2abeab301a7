//! File permissions: the mode on Unix, the access list on Windows.
//!
//! Creates files and folders that only this user can access, tells whether others can access a
//! file, and who owns it. This crate never looks at a file's content.

#[cfg_attr(not(any(windows, test)), expect(dead_code, reason = "only Windows has such texts"))]
mod descriptor;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::fs::File;
use std::io;
use std::path::Path;

#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

/// The permissions of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access(system::Access);

impl Access {
    /// Only this user reads and writes the file: 0600 on Unix.
    pub const PRIVATE: Self = Self(system::PRIVATE);
    /// Everybody can read the file, within the process's umask: 0644 on Unix. On Windows the file
    /// inherits the access list of its folder.
    pub const READABLE: Self = Self(system::READABLE);

    /// Reads the permissions of a file.
    ///
    /// # Errors
    /// I/O errors of reading the permissions.
    pub fn of(path: &Path) -> io::Result<Self> {
        system::of(path).map(Self)
    }

    /// Sets these permissions on a file that [`create_new`] made, regardless of the umask.
    ///
    /// # Errors
    /// I/O errors of setting the permissions.
    pub fn give(&self, file: &File) -> io::Result<()> {
        system::give(file, &self.0)
    }
}

/// Creates a file, which must not exist yet, for reading and writing. Nobody can open the file
/// before its permissions are set.
///
/// # Errors
/// I/O errors of creating the file.
pub fn create_new(path: &Path, access: &Access) -> io::Result<File> {
    system::create_new(path, &access.0)
}

/// Creates a folder, and missing parent folders, for this user alone. An existing folder keeps its
/// permissions.
///
/// # Errors
/// I/O errors of creating the folders.
pub fn create_private_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        create_private_folder(parent)?;
    }
    match system::create_folder(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        result => result,
    }
}

/// Restricts a folder to this user.
///
/// # Errors
/// I/O errors of setting the permissions.
pub fn make_folder_private(path: &Path) -> io::Result<()> {
    system::make_folder_private(path)
}

/// Whether an open file gives any permission to others. On Windows, administrators and the system
/// do not count as others.
///
/// # Errors
/// I/O errors of reading the permissions.
pub fn is_exposed(file: &File) -> io::Result<bool> {
    system::is_exposed(file)
}

/// The owner of a file, if that is neither this user nor root or an administrator. For a symbolic
/// link, checks the link and its target. `None` also if the file does not exist.
pub fn foreign_owner(path: &Path) -> Option<String> {
    system::foreign_owner(path)
}

/// The owner of a folder or file, as text that is only good for comparison.
///
/// # Errors
/// I/O errors of reading the owner.
pub fn owner(path: &Path) -> io::Result<String> {
    system::owner(path)
}

/// Flushes a folder's directory entries to disk, so that they survive a power cut; does nothing on
/// systems without such a call.
///
/// # Errors
/// I/O errors of the call.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    system::sync_folder(folder)
}

/// Renames `from` to `to` and replaces `to`, which keeps its content until then.
///
/// # Errors
/// I/O errors of renaming.
pub fn replace(from: &Path, to: &Path) -> io::Result<()> {
    system::replace(from, to)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    #[test]
    fn a_private_file_is_exposed_to_nobody_and_is_created_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut file = create_new(&path, &Access::PRIVATE).unwrap();
        file.write_all(b"1").unwrap();
        assert!(!is_exposed(&file).unwrap());
        assert_eq!(foreign_owner(&path), None);
        drop(file);
        let again = create_new(&path, &Access::PRIVATE).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"1");
        let readable = create_new(&folder.path().join("b"), &Access::READABLE).unwrap();
        Access::of(&path).unwrap().give(&readable).unwrap();
        assert!(!is_exposed(&readable).unwrap());
    }

    #[test]
    fn a_private_folder_is_made_with_what_is_above_it() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("a/b/c");
        create_private_folder(&deep).unwrap();
        create_private_folder(&deep).unwrap();
        make_folder_private(&deep).unwrap();
        assert!(deep.is_dir());
        fs::write(root.path().join("file"), "").unwrap();
        create_private_folder(&root.path().join("file/x")).unwrap_err();
    }
}
