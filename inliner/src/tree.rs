//! File system access, restricted to the folders that the caller names.
//!
//! A path is resolved below a folder that is held open (`cap-std`: `openat2` with
//! `RESOLVE_BENEATH`, or step by step where that is missing), so that neither `..` nor a link nor a
//! concurrent swap of folders leads outside. Only regular files are opened, without blocking, and
//! within limits of size and time. A manifest can name only what lies in the tree. A tree may also
//! hold files in memory instead.
//!
//! | module | content |
//! |---|---|
//! | `around` | which folder is the tree: the named one, its repository, or `--root` |
//! | `walk` | every file below a folder, each real folder once |
//! | `write` | atomic replacement of a file's contents |

mod around;
mod walk;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, FileType, Metadata, OpenOptions};

use crate::Error;

pub use around::Within;
pub use walk::{Entry, Listed};
pub(crate) use write::Staged;

/// Limit of links in one path; Linux has the same.
const MAX_LINKS: usize = 40;

/// The folders of a run.
#[derive(Debug, Default)]
pub struct Tree<'a> {
    roots: Vec<Root>,
    /// The folder that relative paths are relative to.
    here: PathBuf,
    watch: Watch<'a>,
    limits: Limits,
    /// Bytes read from all files together, plain and unpacked.
    read: AtomicU64,
    unpacked: AtomicU64,
    /// Paths that were asked for, but lead outside.
    left: Mutex<BTreeSet<PathBuf>>,
    /// The first path whose inspection failed for a reason other than absence.
    fault: Mutex<Option<(PathBuf, io::Error)>>,
    /// Whether a path that leads outside may be inspected.
    looks_outside: bool,
    /// The files of a tree that is not on disk.
    in_memory: Option<BTreeMap<PathBuf, Vec<u8>>>,
}

/// A folder that is held open.
#[derive(Debug)]
struct Root {
    dir: Dir,
    real: PathBuf,
    /// The path as the caller wrote it, and the corresponding path in `real`.
    names: Vec<(PathBuf, PathBuf)>,
    may_write: bool,
}

/// The kind of file at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    File,
    Folder,
    /// Only where links are not followed.
    Link,
    /// A pipe, a device or a socket.
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
    /// A tree of one named folder.
    ///
    /// # Errors
    /// [`Error::NoFolder`] if the path is not a folder; [`Error::Read`] if it cannot be opened.
    pub fn alone(folder: &Path, watch: Watch<'a>, limits: Limits) -> Result<Self, Error> {
        Self::of(&[folder.to_owned()], &[], &Within::Named, watch, limits)
    }

    /// A tree of files that exist only in memory, and can only be found and read.
    pub(crate) fn in_memory(files: BTreeMap<PathBuf, Vec<u8>>) -> Self {
        Self { in_memory: Some(files), ..Self::default() }
    }

    /// Whether this path lies in the tree textually, without following links.
    pub(crate) fn holds(&self, path: &Path) -> bool {
        self.locate(path).is_some()
    }

    /// Whether this path lies textually where files may be written.
    pub(crate) fn may_write(&self, path: &Path) -> bool {
        self.locate(path).is_some_and(|(root, _)| root.may_write)
    }

    /// The root that contains a path, and the path relative to it.
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

    /// The root that contains an absolute path without links, and the path relative to it.
    fn locate_real(&self, real: &Path, to_write: bool) -> Option<(&Root, PathBuf)> {
        let roots = self.roots.iter().filter(|root| root.may_write || !to_write);
        let inside =
            |root: &'_ Root| real.strip_prefix(&root.real).ok().map(|inside| inside.components().count());
        let (_, root) =
            roots.filter_map(|root| Some((inside(root)?, root))).min_by_key(|(length, _)| *length)?;
        Some((root, or_here(real.strip_prefix(&root.real).ok()?.to_owned())))
    }

    /// Runs an operation below the root that contains a path, and records a failure: see
    /// [`Tree::refuse_what_was_passed_over`].
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

    /// Runs an operation below the root that contains a path; the caller reports a failure.
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

    /// Resolves a path link by link, reading each link below its root, because an absolute link may
    /// lead back into the tree. `asked` is the path that the caller asked for.
    fn resolve(&self, from: &Root, inside: &Path, asked: &Path) -> Result<(&Root, PathBuf), Error> {
        let outside = || self.outside(asked);
        let failed = |source| Error::Read { path: asked.to_owned(), source };
        // No link leads from a writable root to a read-only one.
        let locate = |real: &Path| self.locate_real(real, from.may_write);
        let (mut rest, mut done, mut links) = (parts(inside), from.real.clone(), 0);
        while let Some(part) = rest.pop() {
            match part.components().next() {
                Some(Component::ParentDir) => drop(done.pop()),
                Some(Component::Normal(_)) => {
                    let next = done.join(&part);
                    // Folders above a root have real names, and are not inspected.
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
                // The file system's root, or a drive.
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

    /// The kind of file at a path that leads outside; `None` if there is none. Nothing is opened.
    /// If the tree must not look outside (a build from somebody else), every such path counts as a
    /// file.
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

    /// The path without links, if it stays in the tree.
    ///
    /// # Errors
    /// [`Error::LinkLeavesTree`]; [`Error::Read`] if nothing is there.
    pub fn real(&self, path: &Path) -> Result<PathBuf, Error> {
        if let Some(files) = &self.in_memory {
            return files.get_key_value(path).map(|(path, _)| path.clone()).ok_or_else(|| absent(path));
        }
        self.at(path, |root, inside| {
            // Without `/proc` the path is found by opening what is there, and opening a named pipe
            // would wait for a writer.
            let kind = Kind::from(root.dir.metadata(inside)?.file_type());
            let inside = match (kind, inside.parent(), inside.file_name()) {
                (Kind::Special, Some(folder), Some(name)) => {
                    root.dir.canonicalize(or_here(folder.to_owned()))?.join(name)
                }
                _ => root.dir.canonicalize(inside)?,
            };
            Ok(if inside == Path::new(".") { root.real.clone() } else { root.real.join(inside) })
        })
    }

    /// The kind of file at a path, following links; `None` if nothing is there.
    ///
    /// # Errors
    /// [`Error::LinkLeavesTree`]; [`Error::Read`] if the path cannot be inspected.
    pub fn find(&self, path: &Path) -> Result<Option<Kind>, Error> {
        if let Some(files) = &self.in_memory {
            return Ok(files.contains_key(path).then_some(Kind::File));
        }
        match self.metadata(path) {
            Ok(metadata) => Ok(Some(metadata.file_type().into())),
            Err(Error::Read { source, .. }) if is_absent(&source) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether this is a file. A path that leads outside is not, and is recorded: see
    /// [`Tree::refuse_what_was_passed_over`].
    pub(crate) fn is_file(&self, path: &Path) -> bool {
        self.ask(path) == Some(Kind::File)
    }

    /// Whether this is a folder, with the same treatment of paths that lead outside.
    pub(crate) fn is_dir(&self, path: &Path) -> bool {
        self.ask(path) == Some(Kind::Folder)
    }

    /// Whether anything is there, with the same treatment of paths that lead outside.
    pub(crate) fn exists(&self, path: &Path) -> bool {
        self.ask(path).is_some()
    }

    fn ask(&self, path: &Path) -> Option<Kind> {
        // A search around a folder only looks for what is visible in the tree.
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

    /// Fails if a path that was asked for leads outside or could not be inspected, because its
    /// contents would be skipped silently.
    ///
    /// # Errors
    /// [`Error::LinkLeavesTree`], [`Error::Read`].
    pub(crate) fn refuse_what_was_passed_over(&self) -> Result<(), Error> {
        self.refuse_faults()?;
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        left.first().map_or(Ok(()), |path| Err(self.outside(path)))
    }

    /// Fails if a path could not be inspected.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub(crate) fn refuse_faults(&self) -> Result<(), Error> {
        let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner).take();
        fault.map_or(Ok(()), |(path, source)| Err(Error::Read { path, source }))
    }

    /// Runs a task, and ignores paths that lead outside and paths that this user may not read.
    pub(crate) fn without_refusals<T>(&self, task: impl FnOnce() -> T) -> T {
        let known = std::mem::take(&mut *self.left.lock().unwrap_or_else(PoisonError::into_inner));
        let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner).take();
        let result = task();
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = known;
        let mut found = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        // Denied permission is ignored here, but an I/O error is not.
        let is_denied =
            |(_, error): &mut (PathBuf, io::Error)| error.kind() == io::ErrorKind::PermissionDenied;
        drop(found.take_if(is_denied));
        *found = fault.or(found.take());
        result
    }

    /// The metadata of what a path leads to.
    ///
    /// # Errors
    /// As [`Tree::real`].
    pub fn metadata(&self, path: &Path) -> Result<Metadata, Error> {
        self.at(path, |root, inside| root.dir.metadata(inside))
    }

    /// The metadata of the path itself, which may be a link.
    ///
    /// # Errors
    /// As [`Tree::real`].
    pub fn link_metadata(&self, path: &Path) -> Result<Metadata, Error> {
        self.at(path, |root, inside| root.dir.symlink_metadata(inside))
    }

    /// The target of a link as written, if it stays in the tree wherever the tree lies: it must not
    /// be absolute, and must not lead out and back in. The target need not exist.
    ///
    /// # Errors
    /// [`Error::LinkLeavesTree`], also for every absolute link; [`Error::Read`].
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

    /// Opens a regular file for reading, without blocking on a pipe.
    ///
    /// # Errors
    /// As [`Tree::real`]; [`Error::NotAFile`] for a folder, a pipe, a device or a socket;
    /// [`Error::Stopped`], [`Error::TimeOver`].
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

    /// Reads a whole file.
    ///
    /// # Errors
    /// As [`Tree::open`]; [`Error::TooLarge`].
    pub fn read(&self, path: &Path) -> Result<Vec<u8>, Error> {
        self.read_whole(path).inspect_err(|error| self.note_fault(path, error, |_| true))
    }

    fn read_whole(&self, path: &Path) -> Result<Vec<u8>, Error> {
        if let Some(files) = &self.in_memory {
            return files.get(path).cloned().ok_or_else(|| absent(path));
        }
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
        // The file may have grown while it was read.
        if bytes.len() as u64 > most { Err(too_large()) } else { Ok(bytes) }
    }

    /// Reads a whole file as text.
    ///
    /// # Errors
    /// As [`Tree::read`].
    pub fn read_text(&self, path: &Path) -> Result<String, Error> {
        String::from_utf8(self.read(path)?).map_err(|_| {
            let source = io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8");
            Error::Read { path: path.to_owned(), source }
        })
    }

    /// The limits of what a run may read.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The stop flag and deadline of the run.
    pub fn watch(&self) -> &Watch<'a> {
        &self.watch
    }

    /// Counts bytes of a file that is read in pieces against the limit for all files; `false`
    /// beyond it.
    pub fn may_read(&self, bytes: u64) -> bool {
        self.read.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.limits.all_files
    }

    /// Counts unpacked bytes against the limit for all packed files; `false` beyond it.
    pub(crate) fn may_unpack(&self, bytes: u64) -> bool {
        self.unpacked.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.limits.all_unpacked
    }
}

/// A regular file that is open for reading. Reading fails once the run is stopped or past its
/// deadline.
#[derive(Debug)]
pub struct File<'t> {
    file: std::fs::File,
    watch: &'t Watch<'t>,
    size: u64,
}

impl File<'_> {
    /// The size when the file was opened.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The Unix permission bits; zero if they cannot be read.
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

/// Stops a run from outside.
#[derive(Debug, Clone, Copy, Default)]
pub struct Watch<'a> {
    /// Set from outside: the run fails with [`Error::Stopped`].
    pub stop: Option<&'a AtomicBool>,
    /// After this time the run fails with [`Error::TimeOver`].
    pub deadline: Option<Instant>,
}

impl Watch<'_> {
    /// Fails once the run is stopped or past its deadline. Also checked while a file is read.
    ///
    /// # Errors
    /// [`Error::Stopped`], [`Error::TimeOver`].
    pub fn goes_on(&self) -> Result<(), Error> {
        if self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
            return Err(Error::Stopped);
        }
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(Error::TimeOver);
        }
        Ok(())
    }
}

/// Limits in bytes. Files beyond a limit are reported as not searched, or rejected if they must be
/// read whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// For a file that is processed whole: a server bundle, a source map, a manifest.
    pub whole_file: u64,
    /// For one file that is searched in pieces.
    pub one_file: u64,
    /// For all files that are searched, together.
    pub all_files: u64,
    /// For the contents of one packed file.
    pub one_unpacked: u64,
    /// For the contents of all packed files, together.
    pub all_unpacked: u64,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: u64 = 1 << 20;
        Self {
            whole_file: 64 * MIB,
            one_file: 2048 * MIB,
            all_files: 16 * 1024 * MIB,
            one_unpacked: 512 * MIB,
            all_unpacked: 4 * 1024 * MIB,
        }
    }
}

/// The error of a path at which nothing is.
fn absent(path: &Path) -> Error {
    Error::Read { path: path.to_owned(), source: io::ErrorKind::NotFound.into() }
}

/// `.` for the root itself, whose relative path is empty.
fn or_here(inside: PathBuf) -> PathBuf {
    if inside.as_os_str().is_empty() { PathBuf::from(".") } else { inside }
}

/// The components of a path, last first.
fn parts(path: &Path) -> Vec<PathBuf> {
    let is_part = |part: &Component<'_>| !matches!(part, Component::CurDir);
    path.components().filter(is_part).map(|part| PathBuf::from(part.as_os_str())).rev().collect()
}

/// Whether a path leads outside: `cap-std` reports that with an error without an OS error code.
fn leads_out(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_none()
}

/// Whether nothing is there: no entry, a file in place of a folder on the path, or a cycle of
/// links.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) || is_loop(error)
}

/// Whether an error describes the path rather than a failure of the machine: nothing is there, or
/// another kind of file, or the path leads outside or is invalid.
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
