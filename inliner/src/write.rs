//! Writes planned changes to disk.
//!
//! All temporary files are written before any is renamed, so each file is complete at every moment,
//! old or new. Changes are applied in the order given: a map before its bundle, so that a written
//! bundle proves that its map was written.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::Error;
use crate::progress::{Phase, Run};
use crate::rewrite::NewText;
use crate::snapshot::{Fingerprint, Snapshot};
use crate::tree::{Staged, Tree};

pub(crate) const TEMPORARY_PREFIX: &str = ".capy-inline-";
pub(crate) const TEMPORARY_SUFFIX: &str = ".tmp";

/// New contents for a file.
pub(crate) struct Change {
    pub(crate) path: PathBuf,
    pub(crate) contents: Contents,
}

pub(crate) enum Contents {
    Whole(String),
    /// Built from the old contents when the file is written, and only if these are unchanged.
    Edited(NewText, Fingerprint),
}

/// Writes every new file beside its old one, then renames them in the order given. A full disk, a
/// file that may not be written, or a file that another process changed meanwhile is detected
/// before anything is replaced.
///
/// Staged files are removed if a run fails or is stopped.
pub(crate) fn commit(
    tree: &Tree<'_>,
    changes: &[Change],
    snapshot: &Snapshot,
    run: &Run<'_>,
) -> Result<(), Error> {
    let stage = |change: &'_ Change| {
        snapshot.check(tree, &change.path)?;
        let names = (TEMPORARY_PREFIX, TEMPORARY_SUFFIX);
        match &change.contents {
            Contents::Whole(text) => tree.stage(&change.path, names, &[text.as_str()]),
            Contents::Edited(new, fingerprint) => {
                tree.stage(&change.path, names, &new.pieces(&fingerprint.read(tree, &change.path)?))
            }
        }
    };
    run.begin(Phase::Write, changes.len());
    // In parallel, because the disk commits many files at once as quickly as one.
    let staged = changes.par_iter().with_max_len(1);
    let staged = staged.map(|change| run.file(Phase::Write, || stage(change)));
    let staged: Vec<Staged<'_>> = staged.collect::<Result<_, Error>>()?;
    changes.iter().try_for_each(|change| snapshot.check(tree, &change.path))?;
    let folders: BTreeSet<&Path> = changes.iter().filter_map(|change| change.path.parent()).collect();
    for staged in staged {
        run.goes_on()?;
        run.time(Phase::Write, || staged.persist())?;
    }
    run.time(Phase::Write, || folders.into_iter().try_for_each(|folder| tree.sync_folder(folder)))
}

/// Removes what a killed run left: partial bundles, perhaps with values in them.
pub(crate) fn sweep(tree: &Tree<'_>, leftovers: &BTreeSet<PathBuf>) -> Result<(), Error> {
    leftovers.iter().try_for_each(|path| tree.remove(path))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::tree::Watch;

    fn tree(folder: &tempfile::TempDir) -> Tree<'static> {
        Tree::alone(folder.path(), Default::default(), Default::default()).unwrap()
    }

    fn watched(stop: &AtomicBool) -> Run<'_> {
        Run::new(Watch { stop: Some(stop), deadline: None }, None)
    }

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
        let (tree, at) = (tree(&folder), |name: &str| folder.path().join(name));
        ["a", "b"].iter().for_each(|name| fs::write(at(name), "old").unwrap());
        let changes = [change(at("a"), "new"), change(at("missing/c"), "new"), change(at("b"), "new")];
        let result = commit(&tree, &changes, &Snapshot::default(), &Run::default());
        assert!(matches!(result, Err(Error::Write { path, .. }) if path == at("missing/c")));
        let stopped = commit(&tree, &changes[..1], &Snapshot::default(), &watched(&AtomicBool::new(true)));
        assert!(matches!(stopped, Err(Error::Stopped)));
        assert_eq!(texts(folder.path()), ["old", "old"]);
        commit(&tree, &changes[..1], &Snapshot::default(), &watched(&AtomicBool::new(false))).unwrap();
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
        commit(&tree(&folder), &[change(path.clone(), "new")], &Snapshot::default(), &Run::default())
            .unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o754);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
