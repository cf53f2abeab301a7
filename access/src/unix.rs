//! Unix implementation: file modes and user ids.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::process::geteuid;

/// The twelve permission bits of the mode.
pub(crate) type Access = u32;

pub(crate) const PRIVATE: Access = 0o600;
pub(crate) const READABLE: Access = 0o644;

const ROOT: u32 = 0;

pub(crate) fn of(path: &Path) -> io::Result<Access> {
    Ok(fs::metadata(path)?.mode() & 0o7777)
}

pub(crate) fn give(file: &File, mode: &Access) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(*mode))
}

pub(crate) fn create_new(path: &Path, mode: &Access) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(*mode).open(path)
}

pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

pub(crate) fn make_folder_private(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(0o700))
}

pub(crate) fn is_exposed(file: &File) -> io::Result<bool> {
    Ok(file.metadata()?.mode() & 0o077 != 0)
}

pub(crate) fn foreign_owner(path: &Path) -> Option<String> {
    let known = [geteuid().as_raw(), ROOT];
    let found = [path.symlink_metadata(), path.metadata()];
    let owners = found.into_iter().flatten().map(|data| data.uid());
    owners.into_iter().find(|owner| !known.contains(owner)).map(|owner| owner.to_string())
}

pub(crate) fn owner(path: &Path) -> io::Result<String> {
    Ok(path.metadata()?.uid().to_string())
}

pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

pub(crate) fn replace(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}
