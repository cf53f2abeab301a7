//! Where a program is: in one folder, or in those of `PATH`.
//!
//! Owns what a program's file is called. On Windows `next` is `next.exe`, or `next.cmd` as npm writes it: `PATHEXT` lists
//! the endings. The folder in which somebody works is not searched, unlike by Windows' own `cmd`: a program that lies
//! there was not asked for.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The program of this name in one folder.
pub(crate) fn in_folder(name: &str, folder: &Path) -> Option<PathBuf> {
    system::in_folder(name.as_ref(), folder)
}

/// The first one in a list of folders.
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
        // Not a relative one, which is searched for below the folder in which somebody works.
        folder.is_absolute().then(|| which::which_in(name, Some(folder), folder).ok()).flatten()
    }
}
