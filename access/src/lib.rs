//! Who may read and write a file: its mode on Unix, its access list on Windows.
//!
//! Owns the creation of files and folders for this user alone, the question whether others may read a file, and
//! whose file it is. It refuses to say anything about a file's content.

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

/// Who may do what with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access(system::Access);

impl Access {
    /// This user alone reads and writes it: 0600 on Unix.
    pub const PRIVATE: Self = Self(system::PRIVATE);
    /// Everybody reads it, as far as the process's umask lets them: 0644 on Unix. On Windows it has the access list
    /// that its folder hands on.
    pub const READABLE: Self = Self(system::READABLE);

    /// That of a file.
    ///
    /// # Errors
    /// Those of reading it.
    pub fn of(path: &Path) -> io::Result<Self> {
        system::of(path).map(Self)
    }

    /// Gives it to a file that [`create_new`] has made, whatever the umask is.
    ///
    /// # Errors
    /// Those of writing it.
    pub fn give(&self, file: &File) -> io::Result<()> {
        system::give(file, &self.0)
    }
}

/// Creates a file that must not exist yet, for reading and writing. Nobody opens it before it has its access.
///
/// # Errors
/// Those of creating it.
pub fn create_new(path: &Path, access: &Access) -> io::Result<File> {
    system::create_new(path, &access.0)
}

/// Creates a folder, and what is missing above it, for this user alone. One that exists stays as it is.
///
/// # Errors
/// Those of creating them.
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

/// Takes a folder away from everybody else.
///
/// # Errors
/// Those of writing its access.
pub fn make_folder_private(path: &Path) -> io::Result<()> {
    system::make_folder_private(path)
}

/// Whether anybody but this user, and who administers the machine, may do something with an open file.
///
/// # Errors
/// Those of reading its access.
pub fn is_exposed(file: &File) -> io::Result<bool> {
    system::is_exposed(file)
}

/// The owner of a file where that is neither this user nor who administers the machine; of a link, and of what it
/// leads to. What is not there has none.
pub fn foreign_owner(path: &Path) -> Option<String> {
    system::foreign_owner(path)
}

/// The owner of a folder or file, as a text that only compares.
///
/// # Errors
/// Those of reading it.
pub fn owner(path: &Path) -> io::Result<String> {
    system::owner(path)
}

/// Makes what was written to a folder's list of files last through a power cut, where a system has a call for that.
///
/// # Errors
/// Those of the call.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    system::sync_folder(folder)
}

/// Puts `from` in the place of `to`, which keeps its content until then.
///
/// # Errors
/// Those of renaming.
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
