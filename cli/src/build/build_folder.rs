//! Temporary folders of builds. Each holds a source and, for a while, its secrets.
//!
//! ```text
//! <temp>/.lock                       held while a folder is made, and while dead ones are searched
//! <temp>/<project>-<time>-<id>.lock  held while the build lives; holds a `LockNote`
//! <temp>/<project>-<time>-<id>/      the source, 0700; `/app` in the container
//! ```
//! A folder is removed when its build ends, however it ends, together with an incomplete copy of
//! its output. If the process was killed, or if the removal took longer than the build may, the
//! next build continues the removal. A location that others can write to is refused, and only what
//! this module made there is touched.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use serde::{Deserialize, Serialize};

use super::engine::Engine;
use super::id::BuildId;
use super::tree;
use crate::error::BuildFault as Fault;
use crate::local::private_file;
use crate::process::cancellation::{Cancellation, Cancelled, IgnoredSignals};

/// The location of all builds' folders.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TempFolder(PathBuf);

/// One build's folder.
pub(super) struct BuildFolder {
    folder: PathBuf,
    partial: PathBuf,
    lock_path: PathBuf,
    _lock: File,
    cleaner: Option<(Engine, String)>,
    cancellation: Cancellation,
    is_removed: bool,
}

/// The contents of a lock file, for the build that finds it after a kill.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LockNote {
    pub(super) build: BuildId,
    pub(super) engine: Option<Engine>,
    pub(super) image: Option<String>,
    /// The copy of the output while it is incomplete.
    pub(super) partial: PathBuf,
}

impl LockNote {
    /// The engine and image that can remove files of other users.
    fn cleaner(&self) -> Option<(Engine, String)> {
        self.engine.zip(self.image.clone())
    }
}

impl TempFolder {
    /// Opens the location, and creates it if it is missing.
    pub(super) fn open(path: &Path) -> Result<Self, Fault> {
        private_file::create_private_folder(path).map_err(Fault::file("create", path))?;
        let path = path.canonicalize().map_err(Fault::file("find", path))?;
        let data = fs::metadata(&path).map_err(Fault::file("read", &path))?;
        if data.mode() & 0o022 != 0 || data.uid() != rustix::process::geteuid().as_raw() {
            return Err(Fault::TempShared { path });
        }
        if path.as_os_str().as_encoded_bytes().contains(&b':') {
            return Err(Fault::ColonInPath { path });
        }
        Ok(Self(path))
    }

    /// Opens the location of earlier builds. Does not create it; none if it is missing or no longer
    /// fit.
    pub(super) fn find(path: &Path) -> Option<Self> {
        path.is_dir().then(|| Self::open(path).ok()).flatten()
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Whether a build is here: a running one, or one that could not be removed.
    pub(super) fn holds(&self, build: &BuildId) -> bool {
        let end = format!("-{}.lock", build.short());
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).any(|name| name.ends_with(&end))
    }

    /// Creates the folder of a build.
    pub(super) fn create_folder(
        &self,
        project: &str,
        note: LockNote,
        cancellation: &Cancellation,
    ) -> Result<BuildFolder, Fault> {
        let _all = self.lock()?;
        let name = format!("{}-{}-{}", folder_name(project)?, stamp(SystemTime::now()), note.build.short());
        let (folder, lock_path) = (self.0.join(&name), self.0.join(name + ".lock"));
        let create = |path: &Path| OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let mut lock = create(&lock_path).map_err(Fault::file("create", &lock_path))?;
        let text = serde_json::to_vec(&note).expect("words are always JSON");
        let made = lock
            .lock()
            .and_then(|()| lock.write_all(&text))
            .and_then(|()| DirBuilder::new().mode(0o700).create(&folder));
        if let Err(error) = made {
            let _ = fs::remove_file(&lock_path);
            return Err(Fault::file("create", &folder)(error));
        }
        let (cleaner, partial, cancellation) = (note.cleaner(), note.partial, cancellation.clone());
        Ok(BuildFolder { folder, partial, lock_path, _lock: lock, cleaner, cancellation, is_removed: false })
    }

    /// Removes what killed builds left, containers first. Returns these builds, and what could not
    /// be removed.
    pub(super) fn sweep(&self, cancellation: &Cancellation) -> Result<(Vec<BuildId>, Vec<Fault>), Fault> {
        let (mut gone, mut left) = (Vec::new(), Vec::new());
        for (folder, _lock) in self.dead()? {
            let lock_path = lock_path(&folder);
            let note = fs::read(&lock_path).ok();
            let note: Option<LockNote> = note.and_then(|note| serde_json::from_slice(&note).ok());
            if let Some((build, engine)) = note.as_ref().and_then(|note| Some((&note.build, note.engine?))) {
                engine.remove_container(build, cancellation);
            }
            let (cleaner, partial) =
                note.as_ref().map_or((None, None), |note| (note.cleaner(), Some(&*note.partial)));
            // Nothing of this build exists yet, so the first signal ends the removal.
            match remove_all(partial, &folder, cleaner.as_ref(), cancellation, IgnoredSignals::None) {
                Err(fault) => left.push(fault),
                Ok(()) => {
                    let _ = fs::remove_file(passwd_path(&folder));
                    let _ = fs::remove_file(&lock_path);
                    gone.extend(note.map(|note| note.build));
                }
            }
        }
        Ok((gone, left))
    }

    /// The folders of dead builds. Their locks are held, so that no other process takes them.
    fn dead(&self) -> Result<Vec<(PathBuf, Option<File>)>, Fault> {
        let _all = self.lock()?;
        let mut dead = Vec::new();
        for entry in fs::read_dir(&self.0).map_err(Fault::file("read", &self.0))?.flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let folder = self.0.join(name.strip_suffix(".lock").unwrap_or(name));
            if !is_ours(name) || dead.iter().any(|(known, _)| *known == folder) {
                continue;
            }
            match File::open(lock_path(&folder)) {
                Ok(lock) if lock.try_lock().is_ok() => dead.push((folder, Some(lock))),
                Ok(_) => {}
                Err(_) => dead.push((folder, None)),
            }
        }
        Ok(dead)
    }

    fn lock(&self) -> Result<File, Fault> {
        let path = self.0.join(".lock");
        let open = || {
            let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path)?;
            file.lock()?;
            Ok(file)
        };
        open().map_err(Fault::file("lock", &path))
    }
}

impl BuildFolder {
    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of a file that is removed with the folder.
    pub(super) fn passwd_path(&self) -> PathBuf {
        passwd_path(&self.folder)
    }

    /// Removes the folder.
    pub(super) fn remove(mut self) -> Result<(), Fault> {
        self.remove_once()
    }

    fn remove_once(&mut self) -> Result<(), Fault> {
        if std::mem::replace(&mut self.is_removed, true) {
            return Ok(());
        }
        remove_all(
            Some(&self.partial),
            &self.folder,
            self.cleaner.as_ref(),
            &self.cancellation,
            IgnoredSignals::All,
        )?;
        let _ = fs::remove_file(self.passwd_path());
        let _ = fs::remove_file(&self.lock_path);
        Ok(())
    }
}

/// Removes the folder even after a panic.
impl Drop for BuildFolder {
    fn drop(&mut self) {
        let _ = self.remove_once();
    }
}

/// Removes what a build left: the incomplete copy of its output, and its folder. The engine removes
/// files of other users, which it made and this user cannot remove.
fn remove_all(
    partial: Option<&Path>,
    folder: &Path,
    cleaner: Option<&(Engine, String)>,
    cancellation: &Cancellation,
    ignored: IgnoredSignals,
) -> Result<(), Fault> {
    let left = |path: &Path| {
        let path = path.to_owned();
        move |source| Fault::Left { path, source }
    };
    if let Some(partial) = partial {
        remove(partial, cancellation, ignored).map_err(left(partial))?;
    }
    match (remove(folder, cancellation, ignored), cleaner) {
        (Err(error), Some((engine, image))) if error.kind() == io::ErrorKind::PermissionDenied => {
            engine.empty(folder, image, cancellation);
            remove(folder, cancellation, ignored)
        }
        (result, _) => result,
    }
    .map_err(left(folder))
}

/// Removes a folder, and gives up at the deadline: a removal cannot be interrupted, and a disk may
/// hang.
fn remove(folder: &Path, cancellation: &Cancellation, ignored: IgnoredSignals) -> io::Result<()> {
    let path = folder.to_owned();
    in_time(cancellation, ignored, cancellation.cleanup_deadline(), move || tree::remove(&path))
}

fn in_time(
    cancellation: &Cancellation,
    ignored: IgnoredSignals,
    until: Instant,
    work: impl FnOnce() -> io::Result<()> + Send + 'static,
) -> io::Result<()> {
    let reason = match cancellation.run(until, ignored, work) {
        Ok(result) => return result,
        Err(Cancelled::Timeout) => "it takes too long, and the next build goes on with it",
        Err(Cancelled::Signal) => "a signal came, and the next build goes on with it",
    };
    Err(io::Error::new(io::ErrorKind::TimedOut, reason))
}

fn lock_path(folder: &Path) -> PathBuf {
    beside(folder, ".lock")
}

fn passwd_path(folder: &Path) -> PathBuf {
    beside(folder, ".passwd")
}

fn beside(folder: &Path, end: &str) -> PathBuf {
    let mut path = folder.as_os_str().to_owned();
    path.push(end);
    path.into()
}

/// Checks that the project's name can be part of a folder's name. The service accepts no other
/// names; this is a second check.
pub(super) fn folder_name(project: &str) -> Result<&str, Fault> {
    let is_fit = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let begins = project.starts_with(|letter: char| letter.is_ascii_alphanumeric());
    if begins && project.len() <= 100 && project.chars().all(is_fit) {
        return Ok(project);
    }
    Err(Fault::NameUnfit { name: project.into() })
}

/// The time as `20260102T030405Z`.
fn stamp(now: SystemTime) -> String {
    humantime::format_rfc3339_seconds(now).to_string().replace(['-', ':'], "")
}

/// Whether this module made a file of that name: it ends with a time and eight hexadecimal digits.
fn is_ours(name: &str) -> bool {
    let name = name.strip_suffix(".lock").unwrap_or(name);
    let mut parts = name.rsplit('-');
    let is_id = |part: &str| part.len() == 8 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_stamp = |part: &str| {
        let is_digit = |(at, byte): (usize, u8)| match at {
            8 => byte == b'T',
            15 => byte == b'Z',
            _ => byte.is_ascii_digit(),
        };
        part.len() == 16 && part.bytes().enumerate().all(is_digit)
    };
    parts.next().is_some_and(is_id) && parts.next().is_some_and(is_stamp) && parts.next().is_some()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    use super::*;

    fn temp() -> (tempfile::TempDir, TempFolder) {
        let folder = tempfile::tempdir().unwrap();
        let temp = TempFolder::open(&folder.path().join("temp")).unwrap();
        (folder, temp)
    }

    fn note(temp: &TempFolder) -> LockNote {
        let (build, partial) = (BuildId::draw().unwrap(), temp.0.join("../partial"));
        LockNote { build, engine: None, image: None, partial }
    }

    fn names(temp: &TempFolder) -> Vec<String> {
        let entries = fs::read_dir(&temp.0).unwrap().flatten();
        entries.map(|entry| entry.file_name().into_string().unwrap()).filter(|name| name != ".lock").collect()
    }

    #[test]
    fn a_name_that_leads_elsewhere_names_no_folder() {
        for bad in [
            "",
            ".",
            "..",
            "../../etc",
            "a/b",
            "/etc",
            ".hidden",
            "a\nb",
            "a\0b",
            "a:b",
            "a b",
            "-a",
            "é",
            &"a".repeat(101),
        ] {
            assert!(folder_name(bad).is_err(), "{bad:?}");
        }
        assert_eq!(folder_name("My-shop_2.0").unwrap(), "My-shop_2.0");
    }

    #[test]
    fn a_folder_is_private_and_goes_with_its_build() {
        let (_keep, temp) = temp();
        let place = temp.create_folder("shop", note(&temp), &Cancellation::default()).unwrap();
        assert_eq!(fs::metadata(place.folder()).unwrap().permissions().mode() & 0o777, 0o700);
        let name = place.folder().file_name().unwrap().to_str().unwrap().to_owned();
        assert!(is_ours(&name) && name.starts_with("shop-2"), "{name}");
        fs::write(place.folder().join(".env"), "A=1").unwrap();
        // A folder whose build lives is not removed.
        let (gone, left) = temp.sweep(&Cancellation::default()).unwrap();
        assert!(gone.is_empty() && left.is_empty() && place.folder().exists());
        place.remove().unwrap();
        assert!(names(&temp).is_empty());
        drop(temp.create_folder("shop", note(&temp), &Cancellation::default()).unwrap());
        assert!(names(&temp).is_empty());
    }

    #[test]
    fn what_a_killed_build_left_is_swept_and_nothing_else() {
        let (_keep, temp) = temp();
        let note = note(&temp);
        let (build, partial) = (note.build.clone(), note.partial.clone());
        fs::create_dir(&partial).unwrap();
        let place = temp.create_folder("shop", note, &Cancellation::default()).unwrap();
        // The state after a kill: the lock is released, and the files are there.
        let BuildFolder { folder, .. } = &place;
        let (folder, lock) = (folder.clone(), place._lock.try_clone().unwrap());
        std::mem::forget(place);
        lock.unlock().unwrap();
        let without_lock = temp.0.join("shop-20260102T030405Z-0123abcd");
        fs::create_dir(&without_lock).unwrap();
        let others = ["notes", "shop-2026-0123abcd", "20260102T030405Z-0123abcd"];
        others.iter().for_each(|name| fs::create_dir(temp.0.join(name)).unwrap());
        assert!(temp.holds(&build));
        let (gone, left) = temp.sweep(&Cancellation::default()).unwrap();
        assert!(left.is_empty() && !temp.holds(&build));
        assert_eq!(gone, [build]);
        assert!(!folder.exists() && !without_lock.exists() && !partial.exists());
        assert_eq!(names(&temp).len(), others.len());
    }

    #[test]
    fn removal_that_hangs_is_left_when_its_time_is_over() {
        let cancellation = Cancellation::default();
        let hang = || {
            let (keep, never) = std::sync::mpsc::channel::<()>();
            move || {
                let _ = never.recv();
                drop(keep);
                Ok(())
            }
        };
        let reason =
            |ignored, until: Instant| in_time(&cancellation, ignored, until, hang()).unwrap_err().to_string();
        cancellation.count_signal(signal_hook::consts::SIGINT);
        cancellation.count_signal(signal_hook::consts::SIGINT);
        let soon = Instant::now() + Duration::from_millis(5);
        assert!(reason(IgnoredSignals::All, soon).starts_with("it takes too long"), "signals end no removal");
        let late = Instant::now() + Duration::from_secs(3600);
        assert!(
            reason(IgnoredSignals::None, late).starts_with("a signal came"),
            "of what another build left they do"
        );
        assert!(in_time(&cancellation, IgnoredSignals::All, late, || Ok(())).is_ok());
    }

    #[test]
    fn tidying_up_has_the_time_of_the_build_and_a_grace_at_least() {
        let cancellation = Cancellation::default();
        let now = Instant::now();
        assert!(cancellation.cleanup_deadline() >= now + Duration::from_secs(10));
        cancellation.set_deadline(now + Duration::from_secs(3600)).unwrap();
        assert_eq!(cancellation.cleanup_deadline(), now + Duration::from_secs(3600));
        cancellation.set_deadline(now).unwrap();
        assert!(cancellation.cleanup_deadline() >= now + Duration::from_secs(10));
    }

    #[test]
    fn a_place_that_others_can_write_into_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(TempFolder::open(folder.path()), Err(Fault::TempShared { .. })));
        let colon = tempfile::tempdir().unwrap();
        assert!(matches!(TempFolder::open(&colon.path().join("a:b")), Err(Fault::ColonInPath { .. })));
    }

    #[test]
    fn the_time_in_a_name_has_no_colon() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_322_245);
        assert_eq!(stamp(at), "20260102T025045Z");
    }
}
