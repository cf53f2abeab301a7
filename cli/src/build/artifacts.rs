//! Build artifacts: finds the output directory, searches it for values, and copies it out.
//!
//! The copy is made next to its destination and renamed when it is complete. A link that leads out
//! of the output is refused, and so is a destination that already holds something.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use capy_inliner::tree::Kind;
use capy_inliner::{Leak, Request, Within};
use capy_protocol::env_map::EnvMap;

use super::id::BuildId;
use super::output::Output;
use super::tree;
use crate::error::BuildFault as Fault;
use crate::process::cancellation::Cancellation;

/// Resolves the output directory to a real path inside the source's folder.
pub(super) fn output(
    folder: &Path,
    named: Option<&str>,
    cancellation: &Cancellation,
) -> Result<PathBuf, Fault> {
    let named = Path::new(named.unwrap_or("."));
    let is_inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    if !named.components().all(is_inside) {
        return Err(Fault::SettingUnusable {
            what: "the output directory",
            reason: "it leads out of the source",
        });
    }
    let (tree, path) = (tree::open(folder, cancellation)?, folder.join(named));
    match tree.find(&path) {
        Ok(Some(Kind::Folder)) => tree.real(&path).map_err(|error| tree::fault(error, cancellation)),
        Err(capy_inliner::Error::LinkLeavesTree { .. }) => Err(Fault::LinkLeaves { path: named.into() }),
        Err(capy_inliner::Error::Stopped) => Err(tree::fault(capy_inliner::Error::Stopped, cancellation)),
        _ => Err(Fault::NoOutput { path: named.into() }),
    }
}

/// Refuses, before anything is built, a destination that already holds something.
pub(super) fn check_place(to: &Path) -> Result<(), Fault> {
    match fs::read_dir(to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Fault::file("read", to)(error)),
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(Fault::ArtifactsExist { path: to.into() }),
        },
    }
}

/// Removes copies of the build's `.env` from an output, and returns how many there were. The
/// servers of some frameworks get such a copy.
pub(super) fn remove_env_copies(
    output: &Path,
    env: &str,
    cancellation: &Cancellation,
) -> Result<usize, Fault> {
    if env.is_empty() {
        return Ok(0);
    }
    let tree = tree::open(output, cancellation)?;
    let failed = |error| tree::fault(error, cancellation);
    let mut removed = 0;
    for entry in tree.below(output, usize::MAX, |_| true).map_err(failed)? {
        let is_named_so = entry.kind == Kind::File && entry.name() == ".env";
        if is_named_so && tree.read(&entry.path).is_ok_and(|text| text == env.as_bytes()) {
            tree.remove(&entry.path).map_err(failed)?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// The result of a search that found no value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Searched {
    Clean,
    /// Some files were not searched: packed in a way that is not read, too large, or not regular
    /// files.
    InPart,
}

/// Searches the whole output for values, and reports where they are. Scripts in `servers` may hold
/// values.
pub(super) fn search(
    made: &Path,
    values: &EnvMap,
    servers: &[PathBuf],
    output: &Output,
    cancellation: &Cancellation,
) -> Result<Searched, crate::error::Error> {
    let mut request = Request::new(values);
    request.public.push(made.into());
    request.within = Within::Named;
    request.stop = Some(cancellation.flag());
    let report = match capy_inliner::inline(&request) {
        Err(
            error @ (capy_inliner::Error::Stopped
            | capy_inliner::Error::TimeOver
            | capy_inliner::Error::LinkLeavesTree { .. }),
        ) => return Err(tree::fault(error, cancellation).into()),
        report => report?,
    };
    let tree = tree::open(made, cancellation)?;
    let may_hold = |leak: &Leak| {
        let is_script =
            leak.file.extension().is_some_and(|end| ["js", "mjs", "cjs"].iter().any(|script| end == *script));
        let real = tree.real(&leak.file).unwrap_or_else(|_| leak.file.clone());
        is_script && servers.iter().any(|place| real.starts_with(place))
    };
    let unknown = report.unscanned_files.len();
    if unknown > 0 {
        output.say(&format!(
            "warning: {unknown} files of the output were not searched for values, or not whole"
        ));
    }
    let found: Vec<&Leak> = report.leaks.iter().filter(|leak| !may_hold(leak)).collect();
    if found.is_empty() {
        return Ok(if unknown > 0 { Searched::InPart } else { Searched::Clean });
    }
    for leak in &found {
        let file = leak.file.strip_prefix(made).unwrap_or(&leak.file).display();
        output.say(&format!("error: {file}:{}: contains the value of {}", leak.line, leak.name));
    }
    let mut names: Vec<String> = found.iter().map(|leak| leak.name.clone()).collect();
    names.sort();
    names.dedup();
    Err(Fault::Leak { names }.into())
}

/// The path of the copy until it is complete, next to its destination.
pub(super) fn partial_path(to: &Path, build: &BuildId) -> PathBuf {
    to.with_file_name(format!(".capy-artifacts-{build}"))
}

/// Copies the output to `partial`, then renames that to `to`. A `partial` that stays behind is
/// removed with the build's folder. If the output holds values, only this user gets access to it.
pub(super) fn hand_out(
    output: &Path,
    partial: &Path,
    to: &Path,
    holds_values: bool,
    cancellation: &Cancellation,
) -> Result<(), Fault> {
    let parent = partial.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(parent).map_err(Fault::file("create", parent))?;
    DirBuilder::new().mode(0o700).create(partial).map_err(Fault::file("create", partial))?;
    tree::copy(output, partial, cancellation, |_| true)?;
    if !holds_values {
        fs::set_permissions(partial, Permissions::from_mode(0o755))
            .map_err(Fault::file("protect", partial))?;
    }
    cancellation.check()?;
    // A rename onto an empty folder works, and onto any other it fails: of two builds with the same
    // destination, the second one fails.
    match fs::rename(partial, to) {
        Err(error)
            if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotADirectory) =>
        {
            Err(Fault::ArtifactsExist { path: to.into() })
        }
        result => result.map_err(Fault::file("write", to)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::build_folder::{LockNote, TempFolder};
    use super::*;

    #[test]
    fn an_output_directory_lies_in_the_source() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("source");
        fs::create_dir_all(root.join("dist/a")).unwrap();
        fs::write(root.join("file"), "").unwrap();
        std::os::unix::fs::symlink("..", root.join("out")).unwrap();
        std::os::unix::fs::symlink("dist", root.join("in")).unwrap();
        for good in [None, Some("."), Some("dist"), Some("./dist/a/"), Some("in")] {
            assert!(output(&root, good, &Cancellation::default()).is_ok(), "{good:?}");
        }
        for bad in ["..", "/", "dist/../..", "out", "file", "none"] {
            assert!(output(&root, Some(bad), &Cancellation::default()).is_err(), "{bad}");
        }
    }

    /// Interrupts the copy of an output of many files once some of them are there; returns the
    /// fault.
    fn copied_in_part(interrupt: impl FnOnce(&Cancellation) + Send) -> Fault {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir(&from).unwrap();
        (0..5000).for_each(|number| fs::write(from.join(number.to_string()), "1").unwrap());
        let (temp, cancellation) =
            (TempFolder::open(&folder.path().join("temp")).unwrap(), Cancellation::default());
        let build = BuildId::draw().unwrap();
        let partial = partial_path(&to, &build);
        let note = LockNote { build, engine: None, image: None, partial: partial.clone() };
        let place = temp.create_folder("shop", note, &cancellation).unwrap();
        let fault = std::thread::scope(|scope| {
            scope.spawn(|| {
                while fs::read_dir(&partial).map_or(0, Iterator::count) == 0 {
                    std::thread::yield_now();
                }
                interrupt(&cancellation);
            });
            hand_out(&from, &partial, &to, true, &cancellation).unwrap_err()
        });
        let copied = fs::read_dir(&partial).unwrap().count();
        assert!((1..5000).contains(&copied) && !to.exists(), "{copied}");
        place.remove().unwrap();
        assert!(!partial.exists());
        fault
    }

    #[test]
    fn a_signal_or_the_deadline_in_the_middle_of_copying_leaves_nothing_of_the_output() {
        let signalled =
            copied_in_part(|cancellation| cancellation.count_signal(signal_hook::consts::SIGTERM));
        assert!(matches!(signalled, Fault::Stopped));
        let late =
            copied_in_part(|cancellation| cancellation.set_deadline(std::time::Instant::now()).unwrap());
        assert!(matches!(late, Fault::TimeOver));
    }

    #[test]
    fn of_two_builds_into_one_place_one_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("new/to"));
        fs::create_dir(&from).unwrap();
        fs::write(from.join("a"), "1").unwrap();
        check_place(&to).unwrap();
        let partial = partial_path(&to, &BuildId::draw().unwrap());
        hand_out(&from, &partial, &to, false, &Cancellation::default()).unwrap();
        assert!(matches!(check_place(&to), Err(Fault::ArtifactsExist { .. })));
        assert!(matches!(
            hand_out(&from, &partial, &to, false, &Cancellation::default()),
            Err(Fault::ArtifactsExist { .. })
        ));
        tree::remove(&partial).unwrap();
        assert_eq!(fs::read_dir(folder.path().join("new")).unwrap().count(), 1);
    }
}
