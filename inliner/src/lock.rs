//! Advisory locks that keep concurrent runs apart.
//!
//! Only one run at a time writes into a folder and everything below it, whatever paths name the
//! folders and in whatever order. A run does not wait for another one to finish. The lock files lie
//! in a private folder of the user: a lock on the target folder itself could be held forever by
//! anyone who can open that folder. If no private folder can be made, nothing is locked.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Error;
use crate::digest::short_digest;
use crate::tree::Tree;

/// Waiting times for a shared lock, two seconds in all. A run that ends briefly takes an exclusive
/// lock to see whether it is the last holder, and on a busy machine that moment lasts as long as
/// the scheduler delays the process.
const PATIENCE: [Duration; 10] = {
    let mut waits = [Duration::from_millis(2); 10];
    let mut next = 1;
    while next < waits.len() {
        waits[next] = Duration::from_millis(2 << next);
        next += 1;
    }
    waits
};
/// How often a lock file is created anew because another run removed it at the same moment.
const MAX_ATTEMPTS: usize = 100;

/// Held locks, which are released on drop.
#[derive(Debug, Default)]
pub(crate) struct Locks {
    held: Vec<(PathBuf, File)>,
    place: PathBuf,
}

/// Locks these folders exclusively and their ancestors shared, so that no other run can lock an
/// ancestor meanwhile.
pub(crate) fn lock<'p>(tree: &Tree<'_>, folders: impl Iterator<Item = &'p Path>) -> Result<Locks, Error> {
    match place() {
        Some(place) => lock_in(place, tree, folders),
        None => Ok(Locks::default()),
    }
}

fn lock_in<'p>(
    place: PathBuf,
    tree: &Tree<'_>,
    folders: impl Iterator<Item = &'p Path>,
) -> Result<Locks, Error> {
    let own: BTreeSet<PathBuf> = folders.filter_map(|folder| tree.real(folder).ok()).collect();
    let around: BTreeSet<&Path> = own.iter().flat_map(|folder| folder.ancestors().skip(1)).collect();
    let mut locks = Locks { held: Vec::new(), place };
    for folder in around.into_iter().filter(|folder| !own.contains(*folder)) {
        locks.take(folder, File::try_lock_shared, &PATIENCE)?;
    }
    for folder in &own {
        locks.take(folder, File::try_lock, &[])?;
    }
    Ok(locks)
}

impl Locks {
    fn take(
        &mut self,
        folder: &Path,
        how: fn(&File) -> Result<(), TryLockError>,
        patience: &[Duration],
    ) -> Result<(), Error> {
        let name = short_digest(folder.as_os_str().as_encoded_bytes(), 16);
        let path = self.place.join(name);
        let mut patience = patience.iter();
        for _ in 0..MAX_ATTEMPTS {
            let Ok(file) = open(&self.place, &path) else { return Ok(()) };
            match how(&file) {
                Ok(()) if is_same(&file, &path) => {
                    self.held.push((path, file));
                    return Ok(());
                }
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => match patience.next() {
                    Some(time) => std::thread::sleep(*time),
                    None => return Err(Error::Busy { path: folder.to_owned() }),
                },
                Err(TryLockError::Error(_)) => return Ok(()),
            }
        }
        Err(Error::Busy { path: folder.to_owned() })
    }
}

/// Removes each lock file of which this run is the last holder.
impl Drop for Locks {
    fn drop(&mut self) {
        for (path, file) in self.held.drain(..) {
            if file.try_lock().is_ok() {
                let _ = fs::remove_file(path);
            }
        }
        // Only an empty folder is removed.
        let _ = fs::remove_dir(&self.place);
    }
}

/// Opens a lock file, and creates the file and its folder if they are missing.
fn open(place: &Path, path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    for _ in 0..MAX_ATTEMPTS {
        match options.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(place)?,
            result => return result,
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

/// Creates a folder for this user only, unless it exists.
fn make(place: &Path) -> io::Result<()> {
    match private_folder().create(place) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ if is_private(place) => Ok(()),
        _ => Err(io::ErrorKind::PermissionDenied.into()),
    }
}

#[cfg(unix)]
fn private_folder() -> DirBuilder {
    let mut builder = DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

#[cfg(not(unix))]
fn private_folder() -> DirBuilder {
    DirBuilder::new()
}

/// The folder of lock files: the same for every run of a user on a machine, whatever the
/// environment sets.
fn place() -> Option<PathBuf> {
    candidates().into_iter().find(|place| make(place).is_ok())
}

#[cfg(unix)]
fn candidates() -> Vec<PathBuf> {
    let user = rustix::process::geteuid().as_raw();
    let session = PathBuf::from(format!("/run/user/{user}/capy-inline"));
    let shared = PathBuf::from(format!("/tmp/capy-inline-{user}"));
    // Another user may have created `/tmp/capy-inline-…` first.
    let own = std::env::home_dir().map(|home| home.join(".capy-inline-locks"));
    [session, shared].into_iter().chain(own).collect()
}

#[cfg(not(unix))]
fn candidates() -> Vec<PathBuf> {
    vec![std::env::temp_dir().join("capy-inline")]
}

#[cfg(unix)]
fn is_private(place: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let user = rustix::process::geteuid().as_raw();
    place.symlink_metadata().is_ok_and(|data| data.is_dir() && data.uid() == user && data.mode() & 0o077 == 0)
}

/// Temporary folders of Windows are private to the user.
#[cfg(not(unix))]
fn is_private(place: &Path) -> bool {
    place.is_dir()
}

/// Whether the locked file is still the one at this path.
#[cfg(unix)]
fn is_same(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |data: fs::Metadata| (data.dev(), data.ino());
    file.metadata().is_ok_and(|data| path.symlink_metadata().is_ok_and(|found| id(found) == id(data)))
}

#[cfg(not(unix))]
fn is_same(_: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    struct Folders {
        folder: tempfile::TempDir,
        tree: Tree<'static>,
    }

    impl Folders {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir_all(folder.path().join("server/app")).unwrap();
            fs::create_dir_all(folder.path().join("other")).unwrap();
            symlink("server", folder.path().join("link")).unwrap();
            let tree = Tree::alone(folder.path(), Default::default(), Default::default()).unwrap();
            Self { folder, tree }
        }

        fn lock(&self, names: &[&str]) -> Result<Locks, Error> {
            let folders: Vec<PathBuf> = names.iter().map(|name| self.folder.path().join(name)).collect();
            lock_in(self.place(), &self.tree, folders.iter().map(PathBuf::as_path))
        }

        fn place(&self) -> PathBuf {
            self.folder.path().join("locks")
        }
    }

    #[test]
    fn a_folder_is_taken_with_all_that_lies_in_it_under_any_of_its_names() {
        let folders = Folders::new();
        let held = folders.lock(&["server", "server/app"]).unwrap();
        for busy in
            [["server", "other"], ["other", "server"], ["other", "server/app"], ["link", "link"], [".", "."]]
        {
            assert!(matches!(folders.lock(&busy), Err(Error::Busy { .. })), "{busy:?}");
        }
        folders.lock(&["other"]).unwrap();
        drop(held);
        folders.lock(&["link"]).unwrap();
        assert!(!folders.place().exists(), "nothing is left");
    }

    #[test]
    fn a_lock_of_somebody_elses_on_a_folder_blocks_no_run() {
        let folders = Folders::new();
        let others: Vec<File> =
            [Path::new("/"), folders.folder.path(), &folders.folder.path().join("server")]
                .into_iter()
                .filter_map(|folder| File::open(folder).ok())
                .collect();
        // Another process of this machine may hold a lock on the root folder right now.
        let held: Vec<bool> = others.iter().map(|folder| folder.try_lock().is_ok()).collect();
        assert_eq!(held[1..], [true, true]);
        let locks = folders.lock(&["server"]).unwrap();
        assert!(!locks.held.is_empty());
        for (path, _) in &locks.held {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::metadata(folders.place()).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_folder_around_that_is_taken_for_a_moment_is_waited_for() {
        let folders = Folders::new();
        let around = folders.lock(&["."]).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(200));
                drop(around);
            });
            folders.lock(&["server"]).unwrap();
        });
    }

    #[test]
    fn a_place_that_others_may_enter_holds_no_lock() {
        let folders = Folders::new();
        fs::create_dir(folders.place()).unwrap();
        fs::set_permissions(folders.place(), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(make(&folders.place()).is_err());
        fs::remove_dir(folders.place()).unwrap();
        symlink("other", folders.place()).unwrap();
        assert!(make(&folders.place()).is_err());
        let place = place().unwrap();
        assert!(is_private(&place));
    }

    #[test]
    fn many_runs_side_by_side_share_what_lies_around_them() {
        let folders = Folders::new();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let folders = &folders;
                scope.spawn(move || {
                    let name = format!("other/{thread}");
                    fs::create_dir(folders.folder.path().join(&name)).unwrap();
                    for _ in 0..200 {
                        drop(folders.lock(&[&name]).unwrap());
                    }
                });
            }
        });
    }
}
