//! Finding a program's file: in one folder, or in the folders of `PATH`.
//!
//! On Windows `next` is `next.exe`, or `next.cmd` as npm writes it: `PATHEXT` lists the extensions.
//! Unlike with Windows' own `cmd`, the current folder is not searched: nobody asked for a program
//! that happens to be there.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The file of a program in one folder.
pub(crate) fn in_folder(name: &str, folder: &Path) -> Option<PathBuf> {
    system::in_folder(name.as_ref(), folder)
}

/// The file of a program in the first folder of a list that has it.
pub(crate) fn on_path(name: &str, path: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(path).find_map(|folder| in_folder(name, &folder))
}

#[cfg(unix)]
mod system {
    use std::ffi::OsStr;
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};

    pub(super) fn in_folder(name: &OsStr, folder: &Path) -> Option<PathBuf> {
        Some(folder.join(name)).filter(|path| is_executable(path))
    }

    fn is_executable(path: &Path) -> bool {
        path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
    }
}

#[cfg(windows)]
mod system {
    use std::ffi::OsStr;
    use std::path::{Path, PathBuf};

    pub(super) fn in_folder(name: &OsStr, folder: &Path) -> Option<PathBuf> {
        // A relative folder is refused: it would be searched for below the current folder.
        folder.is_absolute().then(|| which::which_in(name, Some(folder), folder).ok()).flatten()
    }
}
