//! A plan to the disk.
//!
//! Owns the only writes of the crate: temporary files in the same folders, their contents on the disk, then renames.
//! Each file is whole at every moment, old or new. Changes are made in the order given: a map goes before its bundle,
//! so that a bundle that was written is proof that its map was.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use tempfile::TempPath;

use crate::Error;
use crate::rewrite::NewText;
use crate::seen::{Print, Seen};
use crate::work::{Phase, Work};

pub(crate) const TEMPORARY_PREFIX: &str = ".capy-inline-";
pub(crate) const TEMPORARY_SUFFIX: &str = ".tmp";

/// What is written at once; longer pieces go out as they are.
const BUFFER: usize = 64 << 10;

/// New contents for a file.
pub(crate) struct Change {
    pub(crate) path: PathBuf,
    pub(crate) contents: Contents,
}

pub(crate) enum Contents {
    Whole(String),
    /// Made of the old ones when they are written, and of no others.
    Edited(NewText, Print),
}

/// A file that was written beside the one that it replaces.
struct Staged<'a> {
    temporary: TempPath,
    path: &'a Path,
}

/// Writes every new file beside its old one, then puts them in place in the order given. A disk that is full or a file
/// that may not be written, or that somebody else wrote meanwhile, shows before anything was replaced.
///
/// What was staged is removed when a run fails or is stopped.
pub(crate) fn commit(changes: &[Change], seen: &Seen, work: &Work<'_>) -> Result<(), Error> {
    let failed = |path: &Path, source| Error::Write { path: path.to_owned(), source };
    let stage = |change: &'_ Change| {
        seen.check(&change.path)?;
        match &change.contents {
            Contents::Whole(text) => stage(&change.path, &[text.as_str()]),
            Contents::Edited(new, print) => stage(&change.path, &new.pieces(&print.read(&change.path)?)),
        }
        .map_err(|source| failed(&change.path, source))
    };
    work.begin(Phase::Write, changes.len());
    // Side by side: the disk commits many files at once as quickly as one.
    let staged = changes.par_iter().with_max_len(1);
    let staged = staged.map(|change| {
        let temporary = work.file(Phase::Write, || stage(change))?;
        Ok(Staged { temporary, path: &change.path })
    });
    let staged: Vec<Staged<'_>> = staged.collect::<Result<_, Error>>()?;
    changes.iter().try_for_each(|change| seen.check(&change.path))?;
    let folders: BTreeSet<&Path> = changes.iter().filter_map(|change| change.path.parent()).collect();
    for Staged { temporary, path } in staged {
        work.goes_on()?;
        work.time(Phase::Write, || temporary.persist(path)).map_err(|error| failed(path, error.error))?;
    }
    let sync = |folder| sync_folder(folder).map_err(|source| failed(folder, source));
    work.time(Phase::Write, || folders.into_iter().try_for_each(sync))
}

/// A whole file with the permissions of the one that it is to replace; a new one is for those who may use its folder.
fn stage(path: &Path, pieces: &[&str]) -> io::Result<TempPath> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let (metadata, permissions) = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => of_a_new_file(folder)?,
        found => found.map(|metadata| (metadata.clone(), metadata.permissions()))?,
    };
    // A file that may not be written is not replaced behind its owner's back.
    if permissions.readonly() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let mut builder = tempfile::Builder::new();
    let mut temporary = builder.prefix(TEMPORARY_PREFIX).suffix(TEMPORARY_SUFFIX).tempfile_in(folder)?;
    let mut out = BufWriter::with_capacity(BUFFER, &mut temporary);
    pieces.iter().try_for_each(|piece| out.write_all(piece.as_bytes()))?;
    out.flush()?;
    drop(out);
    keep_owner(temporary.as_file(), &metadata);
    temporary.as_file().set_permissions(permissions)?;
    temporary.as_file().sync_all()?;
    // Closed: there may be more of them than files that may be open.
    Ok(temporary.into_temp_path())
}

#[cfg(unix)]
fn of_a_new_file(folder: &Path) -> io::Result<(fs::Metadata, Permissions)> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = fs::metadata(folder)?;
    let mode = metadata.permissions().mode() & 0o666;
    Ok((metadata, Permissions::from_mode(mode)))
}

#[cfg(not(unix))]
fn of_a_new_file(folder: &Path) -> io::Result<(fs::Metadata, Permissions)> {
    let metadata = fs::metadata(folder)?;
    let permissions = metadata.permissions();
    Ok((metadata, permissions))
}

/// Only the superuser can give files away; for everyone else the owner is right already.
#[cfg(unix)]
fn keep_owner(file: &File, metadata: &fs::Metadata) {
    use std::os::unix::fs::{MetadataExt, fchown};
    let _ = fchown(file, Some(metadata.uid()), Some(metadata.gid()));
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &fs::Metadata) {}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Removes what a killed run left: half a bundle, perhaps with values in it.
pub(crate) fn sweep(leftovers: &BTreeSet<PathBuf>) -> Result<(), Error> {
    for path in leftovers {
        match fs::remove_file(path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(Error::Write { path: path.clone(), source });
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    fn change(path: PathBuf, text: &str) -> Change {
        Change { path, contents: Contents::Whole(text.to_owned()) }
    }

    fn texts(folder: &Path) -> Vec<String> {
        let mut paths: Vec<PathBuf> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
    }

    #[test]
    fn a_failure_or_a_stop_leaves_everything_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        ["a", "b"].iter().for_each(|name| fs::write(at(name), "old").unwrap());
        let changes = [change(at("a"), "new"), change(at("missing/c"), "new"), change(at("b"), "new")];
        let result = commit(&changes, &Seen::default(), &Work::default());
        assert!(matches!(result, Err(Error::Write { path, .. }) if path == at("missing/c")));
        let stopped = commit(&changes[..1], &Seen::default(), &Work::new(Some(&AtomicBool::new(true)), None));
        assert!(matches!(stopped, Err(Error::Stopped)));
        assert_eq!(texts(folder.path()), ["old", "old"]);
        commit(&changes[..1], &Seen::default(), &Work::new(Some(&AtomicBool::new(false)), None)).unwrap();
        assert_eq!(texts(folder.path()), ["new", "old"]);
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_kept_and_nothing_is_left() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.js");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o754)).unwrap();
        commit(&[change(path.clone(), "new")], &Seen::default(), &Work::default()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o754);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
