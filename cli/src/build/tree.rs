//! Copies folders: a source into the build, and an output out of it.
//!
//! A folder may hold folders, regular files, and links to something inside it. Every path goes
//! through [`capy_inliner::tree::Tree`], which nothing leads out of: a link is followed component
//! by component. Owners and set-uid bits are not kept. A link that leads out is refused, as it
//! would bring in or give away files of somebody else. A link that leads nowhere is refused, too: a
//! file that is created behind it later would be wherever the link leads by then.

use std::cell::RefCell;
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use capy_inliner::tree::{Entry, Kind, Tree, Watch};
use capy_inliner::{Error as TreeError, Limits};

use crate::error::BuildFault as Fault;
use crate::process::cancellation::Cancellation;

/// Opens a folder as a tree that no path leaves.
pub(super) fn open<'s>(folder: &Path, cancellation: &'s Cancellation) -> Result<Tree<'s>, Fault> {
    let watch = Watch { stop: Some(cancellation.flag()), deadline: None };
    Tree::alone(folder, watch, Limits::default()).map_err(|error| fault(error, cancellation))
}

/// Converts an error of a tree to a fault of the build.
pub(super) fn fault(error: TreeError, cancellation: &Cancellation) -> Fault {
    match error {
        TreeError::Stopped | TreeError::TimeOver => {
            cancellation.check().err().map_or(Fault::Stopped, Fault::from)
        }
        TreeError::LinkLeavesTree { path, .. } => Fault::LinkLeaves { path },
        TreeError::NotAFile { path } => Fault::SpecialFile { path },
        TreeError::TooLarge { path, most } => Fault::TooLarge { path, most },
        TreeError::Read { path, source } => Fault::File { doing: "read", path, source },
        TreeError::Write { path, source } => Fault::File { doing: "write", path, source },
        TreeError::NoFolder { path } => {
            Fault::File { doing: "read", path, source: ErrorKind::NotFound.into() }
        }
        error => {
            Fault::File { doing: "work in", path: Path::new(".").into(), source: io::Error::other(error) }
        }
    }
}

/// Copies what is in `from` into the empty folder `to`. `wanted` gets each path inside `from`, and
/// decides.
pub(super) fn copy(
    from: &Path,
    to: &Path,
    cancellation: &Cancellation,
    wanted: impl FnMut(&Path) -> bool,
) -> Result<(), Fault> {
    let (source, target, wanted) = (open(from, cancellation)?, open(to, cancellation)?, RefCell::new(wanted));
    let inside = |path: &Path| path.strip_prefix(from).unwrap_or(path).to_owned();
    let is_wanted = |entry: &Entry| (wanted.borrow_mut())(&inside(&entry.path));
    let failed = |error| fault(error, cancellation);
    for entry in source.all_below(from, is_wanted).map_err(failed)?.iter().filter(|entry| entry.depth > 0) {
        cancellation.check()?;
        let to = to.join(inside(&entry.path));
        match entry.kind {
            Kind::Folder => target.create_folder(&to, 0o755).map_err(failed)?,
            Kind::Link => {
                target.create_link(&checked_link(&source, &entry.path, cancellation)?, &to).map_err(failed)?
            }
            Kind::File => copy_file((&source, &entry.path), (&target, &to)).map_err(failed)?,
            Kind::Special => return Err(Fault::SpecialFile { path: entry.path.clone() }),
        }
    }
    Ok(())
}

fn copy_file((source, from): (&Tree<'_>, &Path), (target, to): (&Tree<'_>, &Path)) -> Result<(), TreeError> {
    let mut file = source.open(from)?;
    // The holes of a sparse file would be written out.
    if !source.may_read(file.size()) {
        return Err(TreeError::TooLarge { path: from.into(), most: source.limits().all_files });
    }
    let mode = file.mode() & 0o777 | 0o600;
    let mut copy = target.create_file(to, mode)?;
    let size = file.size();
    let copied = io::copy(&mut io::Read::take(&mut file, size), &mut copy);
    source.watch().goes_on()?;
    copied.map(drop).map_err(|source| TreeError::Write { path: to.into(), source })
}

/// Fails for the first link in a tree that leads out of it, or nowhere.
pub(super) fn check_links(root: &Path, cancellation: &Cancellation) -> Result<(), Fault> {
    let tree = open(root, cancellation)?;
    for link in links(&tree, root, cancellation)? {
        checked_link(&tree, &link.path, cancellation)?;
    }
    Ok(())
}

/// Fails for the first link that leads out. Links that lead nowhere, which some builds leave, are
/// accepted.
pub(super) fn check_ways_out(root: &Path, cancellation: &Cancellation) -> Result<(), Fault> {
    let tree = open(root, cancellation)?;
    for link in links(&tree, root, cancellation)? {
        tree.link_target(&link.path).map_err(|error| fault(error, cancellation))?;
    }
    Ok(())
}

/// All links below a folder, where this user may read. The build reads nothing elsewhere, either.
fn links(tree: &Tree<'_>, root: &Path, cancellation: &Cancellation) -> Result<Vec<Entry>, Fault> {
    let mut found = tree.below(root, usize::MAX, |_| true).map_err(|error| fault(error, cancellation))?;
    found.retain(|entry| entry.kind == Kind::Link);
    Ok(found)
}

/// The target of a link, as it is written, if it exists inside the root. Such a link works in the
/// container, too, where the root is another folder.
fn checked_link(
    tree: &Tree<'_>,
    path: &Path,
    cancellation: &Cancellation,
) -> Result<std::path::PathBuf, Fault> {
    let target = tree.link_target(path).map_err(|error| fault(error, cancellation))?;
    match tree.find(path).map_err(|error| fault(error, cancellation))? {
        Some(_) => Ok(target),
        None => Err(Fault::LinkDangles { path: path.into() }),
    }
}

/// Removes a folder with everything in it, even where nobody may write into its folders.
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

/// Makes all folders accessible. A folder comes before what is in it, so that the walk finds what
/// could not be read before.
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
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_stay_inside_and_lead_to_something_or_stop_the_copy() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("source");
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(root.join("a/file"), "1").unwrap();
        // By its spelling, a path through `up` is deeper; in fact it is higher, as `up` is a link.
        symlink("..", root.join("a/up")).unwrap();
        let absolute = root.join("a/file");
        let cancellation = Cancellation::default();
        for (target, code) in [
            ("file", None),
            ("./b/../file", None),
            ("../a", None),
            ("..", None),
            ("up/a/file", None),
            ("not there", Some("LINK_LEADS_NOWHERE")),
            ("b/../../not there", Some("LINK_LEADS_NOWHERE")),
            ("link", Some("LINK_LEADS_NOWHERE")),
            ("../..", Some("LINK_LEAVES_TREE")),
            ("../../not there", Some("LINK_LEAVES_TREE")),
            ("up/../not there", Some("LINK_LEAVES_TREE")),
            ("up/../source/a/file", Some("LINK_LEAVES_TREE")),
            ("../../source", Some("LINK_LEAVES_TREE")),
            ("b/up/../../../source/a/file", Some("LINK_LEADS_NOWHERE")),
            (absolute.to_str().unwrap(), Some("LINK_LEAVES_TREE")),
            ("/etc", Some("LINK_LEAVES_TREE")),
            ("/", Some("LINK_LEAVES_TREE")),
        ] {
            let link = root.join("a/link");
            symlink(target, &link).unwrap();
            let to = tempfile::tempdir().unwrap();
            let result = copy(&root, to.path(), &cancellation, |_| true);
            assert_eq!(result.err().map(|fault| fault.facts().0), code, "{target}");
            assert_eq!(
                check_links(&root, &cancellation).err().map(|fault| fault.facts().0),
                code,
                "{target}"
            );
            let leads_out = code == Some("LINK_LEAVES_TREE");
            assert_eq!(check_ways_out(&root, &cancellation).is_err(), leads_out, "{target}");
            if code.is_none() {
                assert_eq!(fs::read_link(to.path().join("a/link")).unwrap(), Path::new(target));
            }
            fs::remove_file(link).unwrap();
        }
    }

    #[test]
    fn a_file_that_is_mostly_holes_is_not_written_out() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::File::create(from.path().join("big")).unwrap().set_len(40 << 30).unwrap();
        let result = copy(from.path(), to.path(), &Cancellation::default(), |_| true);
        assert!(matches!(result, Err(Fault::TooLarge { path, .. }) if path == from.path().join("big")));
        assert_eq!(fs::read_dir(to.path()).unwrap().count(), 0);
    }

    #[test]
    fn modes_are_kept_and_what_runs_as_somebody_else_is_not() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (name, mode) in [("run", 0o755), ("suid", 0o4755), ("locked", 0o400)] {
            fs::write(from.path().join(name), "1").unwrap();
            fs::set_permissions(from.path().join(name), Permissions::from_mode(mode)).unwrap();
        }
        copy(from.path(), to.path(), &Cancellation::default(), |_| true).unwrap();
        let mode = |name: &str| fs::metadata(to.path().join(name)).unwrap().permissions().mode() & 0o7777;
        assert_eq!([mode("run"), mode("suid"), mode("locked")], [0o755, 0o755, 0o600]);
        let pipe = from.path().join("socket");
        std::os::unix::net::UnixListener::bind(&pipe).unwrap();
        let to = tempfile::tempdir().unwrap();
        let result = copy(from.path(), to.path(), &Cancellation::default(), |_| true);
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
