//! Folders that are copied: a source on its way in, an output on its way out.
//!
//! Owns what may be in them: folders, files, and links that stay inside. Owners are not kept, nor are set-uid bits. It
//! refuses a link that leads out, which would bring in, or give away, what is somebody else's.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::error::Fault;
use super::stops::Stops;

/// Copies what is in `from` into the folder `to`, which is empty. `wanted` is asked with the path inside `from`.
pub(super) fn copy(
    from: &Path,
    to: &Path,
    stops: &Stops,
    mut wanted: impl FnMut(&Path, &DirEntry) -> bool,
) -> Result<(), Fault> {
    let real = from.canonicalize().map_err(Fault::file("find", from))?;
    let inside = |path: &Path| path.strip_prefix(from).unwrap_or(path).to_owned();
    let entries = WalkDir::new(from)
        .min_depth(1)
        .into_iter()
        .filter_entry(|entry| wanted(&inside(entry.path()), entry));
    for entry in entries {
        stops.check()?;
        let entry = entry.map_err(|error| unreadable(from, error))?;
        let target = to.join(inside(entry.path()));
        copy_one(&entry, &real, &target)?;
    }
    Ok(())
}

fn copy_one(entry: &DirEntry, real_root: &Path, to: &Path) -> Result<(), Fault> {
    let (path, kind) = (entry.path(), entry.file_type());
    if kind.is_dir() {
        return DirBuilder::new().mode(0o755).create(to).map_err(Fault::file("create", to));
    }
    if kind.is_symlink() {
        let target = checked_link(path, real_root)?;
        return symlink(target, to).map_err(Fault::file("create", to));
    }
    if !kind.is_file() {
        return Err(Fault::SpecialFile { path: path.into() });
    }
    let mode = entry.metadata().map_or(0o644, |data| data.permissions().mode());
    fs::copy(path, to).map_err(Fault::file("copy", path))?;
    fs::set_permissions(to, Permissions::from_mode(mode & 0o777 | 0o600)).map_err(Fault::file("protect", to))
}

/// Fails for the first link in a tree that leads out of it.
pub(super) fn check_links(root: &Path) -> Result<(), Fault> {
    let real = root.canonicalize().map_err(Fault::file("find", root))?;
    for entry in WalkDir::new(root) {
        let entry = entry.map_err(|error| unreadable(root, error))?;
        if entry.path_is_symlink() {
            checked_link(entry.path(), &real)?;
        }
    }
    Ok(())
}

/// Where a link leads, as it is written, if that is inside of the root: also in the container, where the root is
/// another folder.
fn checked_link(path: &Path, real_root: &Path) -> Result<PathBuf, Fault> {
    let target = fs::read_link(path).map_err(Fault::file("follow", path))?;
    let stays = target.is_relative()
        && match path.canonicalize() {
            Ok(real) => real.starts_with(real_root),
            Err(_) => path.parent().is_some_and(|folder| {
                folder.canonicalize().is_ok_and(|folder| normal(&folder.join(&target)).starts_with(real_root))
            }),
        };
    if stays { Ok(target) } else { Err(Fault::LinkLeaves { path: path.into() }) }
}

/// The path without `.` and `..`, by its words alone.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(normal.pop()),
            Component::CurDir => {}
            part => normal.push(part),
        }
    }
    normal
}

fn unreadable(root: &Path, error: walkdir::Error) -> Fault {
    let path = error.path().unwrap_or(root).to_owned();
    let text = error.to_string();
    Fault::File {
        doing: "read",
        path,
        source: error.into_io_error().unwrap_or_else(|| io::Error::other(text)),
    }
}

/// Removes a folder with everything in it, folders that nobody may write into as well.
pub(super) fn remove(root: &Path) -> io::Result<()> {
    match fs::remove_dir_all(root) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(_) => {
            open_folders(root);
            match fs::remove_dir_all(root) {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                result => result,
            }
        }
        Ok(()) => Ok(()),
    }
}

/// A folder comes before what is in it, so that the walk finds what it could not read before.
fn open_folders(root: &Path) {
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let _ = fs::set_permissions(&folder, Permissions::from_mode(0o700));
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        folders.extend(
            entries
                .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
                .map(|entry| entry.path()),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_inside_or_stop_the_copy() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("source");
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(root.join("a/file"), "1").unwrap();
        for (target, stays) in [
            ("file", true),
            ("./b/../file", true),
            ("../a", true),
            ("not there", true),
            ("b/../../not there", true),
            ("..", true),
            ("../..", false),
            ("../../not there", false),
            ("../../source", true),
            ("/etc", false),
            ("/", false),
        ] {
            let link = root.join("a/link");
            symlink(target, &link).unwrap();
            let to = tempfile::tempdir().unwrap();
            let result = copy(&root, to.path(), &Stops::default(), |_, _| true);
            assert_eq!(result.is_ok(), stays, "{target}");
            assert_eq!(check_links(&root).is_ok(), stays, "{target}");
            if stays {
                assert_eq!(fs::read_link(to.path().join("a/link")).unwrap(), Path::new(target));
            }
            fs::remove_file(link).unwrap();
        }
    }

    #[test]
    fn modes_are_kept_and_what_runs_as_somebody_else_is_not() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (name, mode) in [("run", 0o755), ("suid", 0o4755), ("locked", 0o400)] {
            fs::write(from.path().join(name), "1").unwrap();
            fs::set_permissions(from.path().join(name), Permissions::from_mode(mode)).unwrap();
        }
        copy(from.path(), to.path(), &Stops::default(), |_, _| true).unwrap();
        let mode = |name: &str| fs::metadata(to.path().join(name)).unwrap().permissions().mode() & 0o7777;
        assert_eq!([mode("run"), mode("suid"), mode("locked")], [0o755, 0o755, 0o600]);
        let pipe = from.path().join("socket");
        std::os::unix::net::UnixListener::bind(&pipe).unwrap();
        let to = tempfile::tempdir().unwrap();
        let result = copy(from.path(), to.path(), &Stops::default(), |_, _| true);
        assert!(matches!(result, Err(Fault::SpecialFile { path }) if path == pipe));
    }

    #[test]
    fn a_folder_that_nobody_may_write_into_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("a");
        fs::create_dir_all(root.join("b/c")).unwrap();
        fs::write(root.join("b/c/file"), "1").unwrap();
        for part in ["b/c", "b"] {
            fs::set_permissions(root.join(part), Permissions::from_mode(0o000)).unwrap();
        }
        remove(&root).unwrap();
        assert!(!root.exists());
        remove(&root).unwrap();
    }
}
