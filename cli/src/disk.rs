//! Writing files so that a crash leaves the old one or the new one, whole, and nobody else may read it.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use capy_client::regular_file;
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

/// The mode of what holds a secret.
pub(crate) const PRIVATE: u32 = 0o600;

/// No key is longer.
const MAX_ROOM: usize = 64 * 1024;

/// Creates a file that must not exist yet.
pub(crate) fn create(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written?;
    sync_folder(path)
}

/// Puts `content` in a file's place: temporary file beside it, fsync, rename, fsync of the folder.
///
/// A link is followed and stays. A file that exists keeps its mode; a new one gets `mode`. What is no regular file
/// stays, too.
pub(crate) fn replace(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let target = follow(path)?;
    let mode = match fs::metadata(&target) {
        Ok(data) => match regular_file::other_kind(&data) {
            None => data.permissions().mode() & 0o7777,
            Some(what) => return Err(io::Error::other(format!("it is {what}, and no regular file"))),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => mode,
        Err(error) => return Err(error),
    };
    write_over(&target, content, mode)
}

/// [`replace`] for what is this user's alone, whatever mode it had.
pub(crate) fn replace_private(path: &Path, content: &[u8]) -> io::Result<()> {
    write_over(&follow(path)?, content, PRIVATE)
}

fn write_over(target: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut temporary = aside(target)?;
    temporary.write_all(content)?;
    temporary.as_file().set_permissions(Permissions::from_mode(mode))?;
    put(temporary, target)
}

/// An empty file beside `target`, this user's alone; gone when it is dropped.
pub(crate) fn aside(target: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(&temporary_prefix(target)).tempfile_in(parent(target))
}

/// Puts such a file in the place of `target`.
pub(crate) fn put(temporary: NamedTempFile, target: &Path) -> io::Result<()> {
    temporary.as_file().sync_all()?;
    temporary.persist(target).map_err(|error| error.error)?;
    sync_folder(target)
}

/// Reads a file that nobody else may read; `None` when others may.
pub(crate) fn read_private(path: &Path) -> io::Result<Option<Zeroizing<String>>> {
    let mut file = File::open(path)?;
    let data = file.metadata()?;
    if data.permissions().mode() & 0o077 != 0 {
        return Ok(None);
    }
    // Room for everything at once: a buffer that grows leaves copies behind that nobody wipes.
    let room = usize::try_from(data.len()).unwrap_or(0).min(MAX_ROOM);
    let mut text = Zeroizing::new(String::with_capacity(room));
    file.read_to_string(&mut text)?;
    Ok(Some(text))
}

/// `.env.capy-…`: the rules that keep `.env` out of git keep out what a killed edit of it leaves behind, too.
fn temporary_prefix(target: &Path) -> OsString {
    let mut prefix = target.file_name().unwrap_or_default().to_owned();
    prefix.push(".capy-");
    prefix
}

/// Where a chain of links ends; the path itself when nothing is there yet.
pub(crate) fn follow(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => Ok(path.into()),
        result => result,
    }
}

/// Creates a folder, and what is missing above it, for this user alone.
pub(crate) fn create_private_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Takes a folder away from everybody else.
pub(crate) fn make_private(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o700))
}

/// A lock on the folder of `path`, so that two edits of one file follow each other. Released on drop.
///
/// The folder and not the file: each edit puts another file in the file's place.
pub(crate) fn lock_beside(path: &Path) -> io::Result<File> {
    let target = follow(path)?;
    let folder = File::open(parent(&target))?;
    folder.lock()?;
    Ok(folder)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(parent(path))?.sync_all()
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_new_file_is_private_and_an_old_one_keeps_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        replace(&path, b"1", PRIVATE).unwrap();
        assert_eq!(mode(&path), 0o600);
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        replace(&path, b"2", PRIVATE).unwrap();
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
            replace(path, b"canary", PRIVATE).unwrap_err();
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
        replace(&link, b"2", PRIVATE).unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read(&target).unwrap(), b"2");
    }

    #[test]
    fn an_existing_file_is_never_created_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        create(&path, b"1", PRIVATE).unwrap();
        let error = create(&path, b"2", PRIVATE).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"1");
    }
}
