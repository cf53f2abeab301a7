//! The folders that the caller names, and what lies in them: nothing here leads out of them.
//!
//! Owns every way to the file system. A path is followed below a folder that is held open (`cap-std`: `openat2` with
//! `RESOLVE_BENEATH`, or step by step where there is none), so that neither `..` nor a link nor somebody who swaps
//! folders meanwhile leads out. It opens regular files only, without waiting for anybody, and in limits of size and time.
//! It refuses to widen: a manifest can name what lies in the tree, and nothing else.
//!
//! | room | owns |
//! |---|---|
//! | `around` | which folder is the tree: the named one, its repository, or `--root` |
//! | `limits` | how much is read, and until when |
//! | `walk` | every file below a folder, each real folder once |
//! | `write` | new contents for a file: whole, or not at all |

mod around;
mod limits;
mod walk;
mod write;

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, FileType, Metadata, OpenOptions};

use crate::Error;

pub use around::Within;
pub use limits::{Limits, Watch};
pub use walk::{Entry, Listed};
pub(crate) use write::Staged;

/// More links on one way than a kernel follows.
const MAX_LINKS: usize = 40;

/// The folders of a run.
#[derive(Debug, Default)]
pub struct Tree<'a> {
    roots: Vec<Root>,
    /// What relative paths are relative to.
    here: PathBuf,
    watch: Watch<'a>,
    limits: Limits,
    /// Bytes that all files together gave, unpacked ones and others.
    read: AtomicU64,
    unpacked: AtomicU64,
    /// Paths that were asked for and led out.
    left: Mutex<BTreeSet<PathBuf>>,
    /// The first path that could not be looked at, while nothing says that it is not there.
    fault: Mutex<Option<(PathBuf, io::Error)>>,
    /// Whether it is said what is at a path that leads out.
    looks_outside: bool,
}

/// A folder that is held open.
#[derive(Debug)]
struct Root {
    dir: Dir,
    real: PathBuf,
    /// What the caller wrote, and where in `real` that is.
    names: Vec<(PathBuf, PathBuf)>,
    may_write: bool,
}

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    File,
    Folder,
    /// Only where links are not followed.
    Link,
    /// A pipe, a device, a socket.
    Special,
}

impl From<FileType> for Kind {
    fn from(kind: FileType) -> Self {
        match kind {
            kind if kind.is_file() => Self::File,
            kind if kind.is_dir() => Self::Folder,
            kind if kind.is_symlink() => Self::Link,
            _ => Self::Special,
        }
    }
}

impl<'a> Tree<'a> {
    /// The tree that one named folder is, alone.
    ///
    /// # Errors
    /// [`Error::NoFolder`] when it is none.
    pub fn alone(folder: &Path, watch: Watch<'a>, limits: Limits) -> Result<Self, Error> {
        Self::of(&[folder.to_owned()], &[], &Within::Named, watch, limits)
    }

    /// Whether this path lies in the tree by its words. Links are not followed.
    pub(crate) fn holds(&self, path: &Path) -> bool {
        self.locate(path).is_some()
    }

    /// The same, where files may be written.
    pub(crate) fn may_write(&self, path: &Path) -> bool {
        self.locate(path).is_some_and(|(root, _)| root.may_write)
    }

    /// The root that a path lies in, and the way from there.
    fn locate(&self, path: &Path) -> Option<(&Root, PathBuf)> {
        if path.as_os_str().is_empty() {
            return None;
        }
        let named = self.roots.iter().flat_map(|root| {
            let inside = move |(name, at): &(PathBuf, PathBuf)| {
                let rest = path.strip_prefix(name).ok()?;
                Some((name.components().count(), root, at.join(rest)))
            };
            root.names.iter().filter_map(inside)
        });
        if let Some((_, root, inside)) = named.max_by_key(|(length, ..)| *length) {
            return Some((root, or_here(inside)));
        }
        self.locate_real(&self.here.join(path), false)
    }

    /// The same for an absolute path without links.
    fn locate_real(&self, real: &Path, to_write: bool) -> Option<(&Root, PathBuf)> {
        let roots = self.roots.iter().filter(|root| root.may_write || !to_write);
        let inside =
            |root: &'_ Root| real.strip_prefix(&root.real).ok().map(|inside| inside.components().count());
        let (_, root) =
            roots.filter_map(|root| Some((inside(root)?, root))).min_by_key(|(length, _)| *length)?;
        Some((root, or_here(real.strip_prefix(&root.real).ok()?.to_owned())))
    }

    /// Does something below the root that holds a path. A fault is kept in mind: see [`Tree::refuse_what_was_passed_over`].
    fn at<T>(&self, path: &Path, act: impl Fn(&Root, &Path) -> io::Result<T>) -> Result<T, Error> {
        self.try_at(path, act).inspect_err(|error| self.note_fault(path, error, |_| true))
    }

    fn note_fault(&self, path: &Path, error: &Error, counts: impl FnOnce(&io::Error) -> bool) {
        let Error::Read { source, .. } = error else { return };
        if !says_what_is_there(source) && counts(source) {
            let copy =
                source.raw_os_error().map_or_else(|| source.kind().into(), io::Error::from_raw_os_error);
            let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
            fault.get_or_insert_with(|| (path.to_owned(), copy));
        }
    }

    /// The same where whoever asks tells of a fault.
    fn try_at<T>(&self, path: &Path, act: impl Fn(&Root, &Path) -> io::Result<T>) -> Result<T, Error> {
        let failed = |source| Error::Read { path: path.to_owned(), source };
        let (root, inside) = self.locate(path).ok_or_else(|| self.outside(path))?;
        match act(root, &inside) {
            Err(error) if leads_out(&error) => {
                // An absolute link may lead back into the tree.
                let (root, inside) = self.resolve(root, &inside, path)?;
                act(root, &inside).map_err(failed)
            }
            result => result.map_err(failed),
        }
    }

    /// Follows a path link by link, each read below its root, for an absolute link may lead back into the tree; `asked` is
    /// what the caller asked for.
    fn resolve(&self, from: &Root, inside: &Path, asked: &Path) -> Result<(&Root, PathBuf), Error> {
        let outside = || self.outside(asked);
        let failed = |source| Error::Read { path: asked.to_owned(), source };
        // From where may be written no link leads to where only may be read.
        let locate = |real: &Path| self.locate_real(real, from.may_write);
        let (mut rest, mut done, mut links) = (parts(inside), from.real.clone(), 0);
        while let Some(part) = rest.pop() {
            match part.components().next() {
                Some(Component::ParentDir) => drop(done.pop()),
                Some(Component::Normal(_)) => {
                    let next = done.join(&part);
                    // Folders around a root have real names, and are not looked into.
                    if !self.roots.iter().any(|root| root.real.starts_with(&next)) {
                        let (root, inside) = locate(&next).ok_or_else(outside)?;
                        if root.dir.symlink_metadata(&inside).map_err(failed)?.is_symlink() {
                            links += 1;
                            if links > MAX_LINKS {
                                return Err(failed(io::Error::other("too many links")));
                            }
                            let target = root.dir.read_link_contents(&inside).map_err(failed)?;
                            rest.extend(parts(&target));
                            continue;
                        }
                    }
                    done = next;
                }
                // The root, or a drive.
                _ => done = done.join(part),
            }
        }
        locate(&done).ok_or_else(outside)
    }

    pub(crate) fn outside(&self, path: &Path) -> Error {
        let located = self.locate(path).map(|(root, _)| root).filter(|root| root.may_write);
        let root = located.or(self.roots.first());
        let outermost = Some(root.map(|root| root.real.clone()).unwrap_or_default());
        Error::LinkLeavesTree { path: path.to_owned(), outermost }
    }

    /// What is at a path that leads out: `None` for nothing. Nothing is opened, and only the caller of a run at a desk may
    /// know it; in a build of somebody else's everything that leads out counts as a file.
    fn outside_kind(&self, path: &Path) -> Option<Kind> {
        if !self.looks_outside {
            return Some(Kind::File);
        }
        let kind = std::fs::metadata(path).ok()?.file_type();
        Some(match () {
            () if kind.is_file() => Kind::File,
            () if kind.is_dir() => Kind::Folder,
            () => Kind::Special,
        })
    }

    /// The path without any link, if it stays in the tree.
    ///
    /// # Errors
    /// [`Error::LinkLeavesTree`]; [`Error::Read`] for what is not there.
    pub fn real(&self, path: &Path) -> Result<PathBuf, Error> {
        self.at(path, |root, inside| {
            let inside = root.dir.canonicalize(inside)?;
            Ok(if inside == Path::new(".") { root.real.clone() } else { root.real.join(inside) })
        })
    }

    /// What is at a path, its links followed; `None` where nothing is.
    ///
    /// # Errors
    /// [`Error::LinkLeavesTree`]; [`Error::Read`] for what cannot be looked at.
    pub fn find(&self, path: &Path) -> Result<Option<Kind>, Error> {
        match self.metadata(path) {
            Ok(metadata) => Ok(Some(metadata.file_type().into())),
            Err(Error::Read { source, .. }) if is_absent(&source) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether this is a file. A path that leads out is none, and is kept in mind: see [`Tree::refuse_what_was_passed_over`].
    pub(crate) fn is_file(&self, path: &Path) -> bool {
        self.ask(path) == Some(Kind::File)
    }

    /// The same for a folder.
    pub(crate) fn is_dir(&self, path: &Path) -> bool {
        self.ask(path) == Some(Kind::Folder)
    }

    /// The same for anything.
    pub(crate) fn exists(&self, path: &Path) -> bool {
        self.ask(path).is_some()
    }

    fn ask(&self, path: &Path) -> Option<Kind> {
        // Whoever looks around a folder looks for what is there to be seen.
        if !self.holds(path) {
            return None;
        }
        match self.find(path) {
            Ok(kind) => kind,
            Err(error) if error.is_outside() => {
                if self.outside_kind(path).is_some() {
                    self.left.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned());
                }
                None
            }
            Err(_) => None,
        }
    }

    /// Fails if a file or folder that was asked for led out, or could not be looked at: what is there would be passed over
    /// without a word.
    ///
    /// # Errors
    /// [`Error::LinkLeavesTree`], [`Error::Read`].
    pub(crate) fn refuse_what_was_passed_over(&self) -> Result<(), Error> {
        self.refuse_faults()?;
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        left.first().map_or(Ok(()), |path| Err(self.outside(path)))
    }

    /// Fails if something could not be looked at.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub(crate) fn refuse_faults(&self) -> Result<(), Error> {
        let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner).take();
        fault.map_or(Ok(()), |(path, source)| Err(Error::Read { path, source }))
    }

    /// Does something whose ways out, and what this user may not look at, concern nobody.
    pub(crate) fn without_refusals<T>(&self, task: impl FnOnce() -> T) -> T {
        let known = std::mem::take(&mut *self.left.lock().unwrap_or_else(PoisonError::into_inner));
        let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner).take();
        let result = task();
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = known;
        let mut found = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        // What this user may not look at is passed over there; a disk that breaks is not.
        let is_denied =
            |(_, error): &mut (PathBuf, io::Error)| error.kind() == io::ErrorKind::PermissionDenied;
        drop(found.take_if(is_denied));
        *found = fault.or(found.take());
        result
    }

    /// Of what a path leads to.
    ///
    /// # Errors
    /// As [`Tree::real`].
    pub fn metadata(&self, path: &Path) -> Result<Metadata, Error> {
        self.at(path, |root, inside| root.dir.metadata(inside))
    }

    /// Of the path itself, where it may be a link.
    ///
    /// # Errors
    /// As [`Tree::real`].
    pub fn link_metadata(&self, path: &Path) -> Result<Metadata, Error> {
        self.at(path, |root, inside| root.dir.symlink_metadata(inside))
    }

    /// Where a link leads, as it is written, if that stays in the tree wherever its folder lies: not by an absolute path,
    /// and never out and back in. It may lead to nothing.
    ///
    /// # Errors
    /// [`Error::LinkLeavesTree`], for every absolute link too; [`Error::Read`].
    pub fn link_target(&self, path: &Path) -> Result<PathBuf, Error> {
        let target = self.at(path, |root, inside| root.dir.read_link_contents(inside))?;
        let (root, inside) = self.locate(path).ok_or_else(|| self.outside(path))?;
        match root.dir.metadata(inside) {
            _ if target.has_root() => Err(self.outside(path)),
            Err(error) if leads_out(&error) => Err(self.outside(path)),
            Err(source) if !is_absent(&source) => Err(Error::Read { path: path.to_owned(), source }),
            _ => Ok(target),
        }
    }

    /// Opens a regular file to read it. Nobody waits for the other end of a pipe.
    ///
    /// # Errors
    /// As [`Tree::real`]; [`Error::NotAFile`] for a folder, a pipe, a device, a socket.
    pub fn open(&self, path: &Path) -> Result<File<'_>, Error> {
        self.watch.goes_on()?;
        let mut options = OpenOptions::new();
        options.read(true).nonblock(true).follow(FollowSymlinks::Yes);
        let file = self.try_at(path, |root, inside| root.dir.open_with(inside, &options))?;
        let metadata = file.metadata().map_err(|source| Error::Read { path: path.to_owned(), source })?;
        if !metadata.is_file() {
            return Err(Error::NotAFile { path: path.to_owned() });
        }
        Ok(File { file: file.into_std(), watch: &self.watch, size: metadata.len() })
    }

    /// The whole of a file that is worked on as a whole.
    ///
    /// # Errors
    /// As [`Tree::open`]; [`Error::TooLarge`].
    pub fn read(&self, path: &Path) -> Result<Vec<u8>, Error> {
        self.read_whole(path).inspect_err(|error| self.note_fault(path, error, |_| true))
    }

    fn read_whole(&self, path: &Path) -> Result<Vec<u8>, Error> {
        let most = self.limits.whole_file;
        let too_large = || Error::TooLarge { path: path.to_owned(), most };
        let mut file = self.open(path)?;
        if file.size > most {
            return Err(too_large());
        }
        let mut bytes = Vec::with_capacity(usize::try_from(file.size).unwrap_or(0) + 1);
        let read = file.by_ref().take(most + 1).read_to_end(&mut bytes);
        self.watch.goes_on()?;
        read.map_err(|source| Error::Read { path: path.to_owned(), source })?;
        // One that grows while it is read.
        if bytes.len() as u64 > most { Err(too_large()) } else { Ok(bytes) }
    }

    /// The same as text.
    ///
    /// # Errors
    /// As [`Tree::read`].
    pub fn read_text(&self, path: &Path) -> Result<String, Error> {
        String::from_utf8(self.read(path)?).map_err(|_| {
            let source = io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8");
            Error::Read { path: path.to_owned(), source }
        })
    }

    /// What a run may still read.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether the run goes on.
    pub fn watch(&self) -> &Watch<'a> {
        &self.watch
    }

    /// Takes bytes of a file that is read piece by piece from what all files together may give.
    pub fn may_read(&self, bytes: u64) -> bool {
        self.read.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.limits.all_files
    }

    /// The same for bytes that a packed file gave.
    pub(crate) fn may_unpack(&self, bytes: u64) -> bool {
        self.unpacked.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.limits.all_unpacked
    }
}

/// A regular file that is read. It ends with an error when the run is stopped or its time is over.
#[derive(Debug)]
pub struct File<'t> {
    file: std::fs::File,
    watch: &'t Watch<'t>,
    size: u64,
}

impl File<'_> {
    /// As it was when it was opened.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Who may do what with it, as Unix has it; nobody anything where that cannot be told.
    #[cfg(unix)]
    pub fn mode(&self) -> u32 {
        use std::os::unix::fs::MetadataExt;
        self.file.metadata().map_or(0, |metadata| metadata.mode())
    }
}

impl Read for File<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.watch.goes_on().map_err(io::Error::other)?;
        self.file.read(buffer)
    }
}

/// `.` for the root itself, which has no name.
fn or_here(inside: PathBuf) -> PathBuf {
    if inside.as_os_str().is_empty() { PathBuf::from(".") } else { inside }
}

/// The last first.
fn parts(path: &Path) -> Vec<PathBuf> {
    let is_part = |part: &Component<'_>| !matches!(part, Component::CurDir);
    path.components().filter(is_part).map(|part| PathBuf::from(part.as_os_str())).rev().collect()
}

/// `cap-std` says so with an error of its own, which has no number.
fn leads_out(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_none()
}

/// Nothing is there, or what should be a folder on the way is none, or links lead to each other.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) || is_loop(error)
}

/// Whether an error tells of the path rather than of the machine: nothing is there, or nothing of the kind that was asked
/// for, or it leads out, or it can be no path.
fn says_what_is_there(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidFilename, InvalidInput, IsADirectory};
    let kinds = [InvalidData, InvalidFilename, InvalidInput, IsADirectory];
    is_absent(error) || leads_out(error) || kinds.contains(&error.kind()) || error.raw_os_error().is_none()
}

#[cfg(unix)]
fn is_loop(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

#[cfg(not(unix))]
fn is_loop(_: &io::Error) -> bool {
    false
}
