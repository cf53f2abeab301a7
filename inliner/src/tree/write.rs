//! Atomic replacement of files.
//!
//! New contents go to a temporary file, which is created in the same folder, never through a link,
//! synced to disk, and renamed. Nothing is written outside the writable roots of the tree.

use std::fs::Permissions;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt};
use cap_std::fs::{Dir, Metadata, OpenOptions};

use super::{Root, Tree};
use crate::Error;

/// Size of the write buffer; longer pieces bypass it.
const BUFFER: usize = 64 << 10;
/// How many names are tried for a temporary file.
const MAX_NAMES: u32 = 1000;

/// A temporary file beside the one that it is to replace. It is removed on drop, unless it was
/// persisted.
#[derive(Debug)]
pub(crate) struct Staged<'t> {
    root: &'t Root,
    temporary: PathBuf,
    /// The target's path; `None` once the file is in place.
    inside: Option<PathBuf>,
    path: PathBuf,
}

impl Tree<'_> {
    /// Writes a temporary file with the permissions of the file that it is to replace; a new file
    /// gets its permissions from its folder. `path` contains no links.
    pub(crate) fn stage(
        &self,
        path: &Path,
        (prefix, suffix): (&str, &str),
        pieces: &[&str],
    ) -> Result<Staged<'_>, Error> {
        let failed = |source| Error::Write { path: path.to_owned(), source };
        let (root, inside) = self.to_write(path)?;
        let (folder, name) = split(&inside).map_err(failed)?;
        let dir = root.dir.open_dir(folder).map_err(failed)?;
        let (metadata, permissions) = like(&dir, name).map_err(failed)?;
        // A read-only file is not replaced, although a rename could replace it.
        if permissions.readonly() {
            return Err(failed(io::ErrorKind::PermissionDenied.into()));
        }
        let (file, name) = create(&dir, prefix, suffix).map_err(failed)?;
        let staged = Staged {
            root,
            temporary: folder.join(name),
            inside: Some(inside.clone()),
            path: path.to_owned(),
        };
        fill(file, pieces, &metadata, permissions).map_err(failed)?;
        // The file is closed, because there may be more staged files than open files are allowed.
        Ok(staged)
    }

    /// Removes a file or a link, if it exists. The folders in `path` contain no links.
    ///
    /// # Errors
    /// [`Error::LinkLeavesTree`], [`Error::Write`].
    pub fn remove(&self, path: &Path) -> Result<(), Error> {
        let (root, inside) = self.to_write(path)?;
        match root.dir.remove_file_or_symlink(&inside) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(Error::Write { path: path.to_owned(), source })
            }
            _ => Ok(()),
        }
    }

    /// Syncs a folder's entries to disk.
    #[cfg(unix)]
    pub(crate) fn sync_folder(&self, folder: &Path) -> Result<(), Error> {
        let failed = |source| Error::Write { path: folder.to_owned(), source };
        let (root, inside) = self.to_write(folder)?;
        let open = || root.dir.open_dir(&inside)?.open(".")?.sync_all();
        open().map_err(failed)
    }

    #[cfg(not(unix))]
    pub(crate) fn sync_folder(&self, _: &Path) -> Result<(), Error> {
        Ok(())
    }

    /// Creates a new, empty file with these permissions, regardless of the umask; never opens an
    /// existing file or follows a link.
    ///
    /// # Errors
    /// [`Error::LinkLeavesTree`], [`Error::Write`].
    #[cfg(unix)]
    pub fn create_file(&self, path: &Path, mode: u32) -> Result<std::fs::File, Error> {
        use std::os::unix::fs::PermissionsExt;

        use cap_std::fs::OpenOptionsExt;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).follow(FollowSymlinks::No).mode(0o600);
        self.make(path, |dir, name| {
            let file = dir.open_with(name, &options)?.into_std();
            file.set_permissions(Permissions::from_mode(mode))?;
            Ok(file)
        })
    }

    /// Creates a new folder, subject to the umask.
    ///
    /// # Errors
    /// As [`Tree::create_file`].
    #[cfg(unix)]
    pub fn create_folder(&self, path: &Path, mode: u32) -> Result<(), Error> {
        use cap_std::fs::DirBuilderExt;
        let mut builder = cap_std::fs::DirBuilder::new();
        builder.mode(mode);
        self.make(path, |dir, name| dir.create_dir_with(name, &builder))
    }

    /// Creates a new link with this target, as read from a link of another tree.
    ///
    /// # Errors
    /// As [`Tree::create_file`].
    #[cfg(unix)]
    pub fn create_link(&self, target: &Path, path: &Path) -> Result<(), Error> {
        self.make(path, |dir, name| dir.symlink_contents(target, name))
    }

    /// Creates something new in an existing folder.
    #[cfg(unix)]
    fn make<T>(&self, path: &Path, make: impl Fn(&Dir, &Path) -> io::Result<T>) -> Result<T, Error> {
        let failed = |source| Error::Write { path: path.to_owned(), source };
        let (root, inside) = self.to_write(path)?;
        let (folder, name) = split(&inside).map_err(failed)?;
        root.dir.open_dir(folder).and_then(|dir| make(&dir, name)).map_err(failed)
    }

    fn to_write(&self, path: &Path) -> Result<(&Root, PathBuf), Error> {
        self.locate(path).filter(|(root, _)| root.may_write).ok_or_else(|| self.outside(path))
    }
}

impl Staged<'_> {
    /// Renames the file to its target.
    pub(crate) fn persist(mut self) -> Result<(), Error> {
        let Some(inside) = self.inside.take() else { return Ok(()) };
        let renamed = self.root.dir.rename(&self.temporary, &self.root.dir, &inside);
        renamed.map_err(|source| {
            self.inside = Some(inside);
            Error::Write { path: self.path.clone(), source }
        })
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        if self.inside.is_some() {
            let _ = self.root.dir.remove_file(&self.temporary);
        }
    }
}

fn split(inside: &Path) -> io::Result<(&Path, &Path)> {
    let name = inside.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let folder = inside.parent().filter(|folder| !folder.as_os_str().is_empty());
    Ok((folder.unwrap_or(Path::new(".")), Path::new(name)))
}

/// Creates a new temporary file that is private to this user.
fn create(dir: &Dir, prefix: &str, suffix: &str) -> io::Result<(std::fs::File, String)> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).follow(FollowSymlinks::No);
    #[cfg(unix)]
    {
        use cap_std::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let own = std::process::id();
    for _ in 0..MAX_NAMES {
        let name = format!("{prefix}{own:x}-{:x}{suffix}", NEXT.fetch_add(1, Ordering::Relaxed));
        match dir.open_with(&name, &options) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => return Ok((result?.into_std(), name)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn fill(
    mut file: std::fs::File,
    pieces: &[&str],
    metadata: &Metadata,
    permissions: Permissions,
) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(BUFFER, &mut file);
    pieces.iter().try_for_each(|piece| out.write_all(piece.as_bytes()))?;
    out.flush()?;
    drop(out);
    keep_owner(&file, metadata);
    file.set_permissions(permissions)?;
    file.sync_all()
}

/// Metadata and permissions of the file that is replaced, or, for a new file, of its folder.
#[cfg(unix)]
fn like(dir: &Dir, name: &Path) -> io::Result<(Metadata, Permissions)> {
    use std::os::unix::fs::PermissionsExt;

    use cap_std::fs::MetadataExt;
    match dir.symlink_metadata(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let metadata = dir.dir_metadata()?;
            let mode = metadata.mode() & 0o666;
            Ok((metadata, Permissions::from_mode(mode)))
        }
        // A link is not replaced by a file: it must have been created meanwhile.
        Ok(metadata) if !metadata.is_file() => Err(io::ErrorKind::InvalidInput.into()),
        found => {
            let metadata = found?;
            let mode = metadata.mode() & 0o7777;
            Ok((metadata, Permissions::from_mode(mode)))
        }
    }
}

#[cfg(not(unix))]
fn like(dir: &Dir, name: &Path) -> io::Result<(Metadata, Permissions)> {
    match dir.symlink_metadata(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut permissions = dir.try_clone()?.into_std_file().metadata()?.permissions();
            // On Windows, a folder's read-only attribute does not protect its contents.
            #[expect(clippy::permissions_set_readonly_false, reason = "it lets nobody else write here")]
            permissions.set_readonly(false);
            Ok((dir.dir_metadata()?, permissions))
        }
        // A link is not replaced by a file: it must have been created meanwhile.
        Ok(metadata) if !metadata.is_file() => Err(io::ErrorKind::InvalidInput.into()),
        found => Ok((found?, dir.open(name)?.into_std().metadata()?.permissions())),
    }
}

/// Keeps the owner. Only the superuser can change owners; for everyone else the owner is right
/// already.
#[cfg(unix)]
fn keep_owner(file: &std::fs::File, metadata: &Metadata) {
    use std::os::unix::fs::fchown;

    use cap_std::fs::MetadataExt;
    let _ = fchown(file, Some(metadata.uid()), Some(metadata.gid()));
}

#[cfg(not(unix))]
fn keep_owner(_: &std::fs::File, _: &Metadata) {}
