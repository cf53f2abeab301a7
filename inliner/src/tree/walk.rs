//! Lists all files below a folder.
//!
//! Entries are in order of their names, with folders behind links last. Each real folder is visited
//! once, so folders that link to each other do not multiply entries; depth and number of entries
//! are limited. A link that leads out of the tree fails a walk that follows links. A dangling link
//! counts as no file.

use std::cell::Cell;
use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use cap_fs_ext::MetadataExt;
use cap_std::fs::Dir;

use super::{Kind, Tree, is_absent};
use crate::Error;

/// Limit of depth; real folders are less deep.
const MAX_DEPTH: usize = 256;
/// Limit of entries; real outputs have fewer.
const MAX_ENTRIES: usize = 1_000_000;

/// A file or folder found below a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Begins with the folder as the caller wrote it.
    pub path: PathBuf,
    /// The path without links.
    pub real: PathBuf,
    pub kind: Kind,
    /// Whether there is a link between the folder and this entry.
    pub linked: bool,
    /// Zero for the folder itself.
    pub depth: usize,
}

impl Entry {
    /// The last component of the path.
    pub fn name(&self) -> &std::ffi::OsStr {
        self.path.file_name().unwrap_or_default()
    }
}

/// A name in a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    pub name: OsString,
    /// The kind of the entry itself: links are not followed.
    pub kind: Kind,
}

/// What a walk does with links, and with unreadable folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Links {
    /// Follows links; an unreadable folder fails the walk.
    Followed,
    /// Lists links as entries; skips unreadable folders.
    Listed,
    /// Lists links as entries; an unreadable folder fails the walk.
    ListedAll,
}

impl Tree<'_> {
    /// All entries below this folder, following links, including special files; skips those that
    /// are not `wanted`.
    ///
    /// # Errors
    /// [`Error::LinkLeavesTree`] for a link that leads outside; [`Error::Read`];
    /// [`Error::Stopped`], [`Error::TimeOver`].
    pub fn walk(&self, folder: &Path, wanted: impl Fn(&Entry) -> bool) -> Result<Vec<Entry>, Error> {
        self.entries(folder, MAX_DEPTH, Links::Followed, &wanted)
    }

    /// All entries below this folder down to a depth, without following links; skips those that are
    /// not `wanted`, and folders that cannot be read.
    ///
    /// # Errors
    /// [`Error::Stopped`], [`Error::TimeOver`]; [`Error::Read`] if this folder itself cannot be
    /// read or there are too many entries.
    pub fn below(
        &self,
        folder: &Path,
        depth: usize,
        wanted: impl Fn(&Entry) -> bool,
    ) -> Result<Vec<Entry>, Error> {
        self.entries(folder, depth.min(MAX_DEPTH), Links::Listed, &wanted)
    }

    /// All entries below this folder at any depth, without following links; skips only those that
    /// are not `wanted`.
    ///
    /// # Errors
    /// [`Error::Read`], also for any folder that cannot be read; otherwise as [`Tree::walk`].
    pub fn all_below(&self, folder: &Path, wanted: impl Fn(&Entry) -> bool) -> Result<Vec<Entry>, Error> {
        self.entries(folder, MAX_DEPTH, Links::ListedAll, &wanted)
    }

    /// The names in a folder, sorted.
    ///
    /// # Errors
    /// As [`Tree::real`].
    pub fn list(&self, folder: &Path) -> Result<Vec<Listed>, Error> {
        self.at(folder, |root, inside| list(&root.dir.open_dir(inside)?))
    }

    fn entries(
        &self,
        folder: &Path,
        depth: usize,
        links: Links,
        wanted: &dyn Fn(&Entry) -> bool,
    ) -> Result<Vec<Entry>, Error> {
        let mut walk = Walk { tree: self, depth, links, wanted, seen: BTreeSet::new(), found: Vec::new() };
        let kind = match self.find(folder) {
            Ok(Some(kind)) => kind,
            Ok(None) if links == Links::Listed => return Ok(Vec::new()),
            Ok(None) => {
                return Err(Error::Read { path: folder.to_owned(), source: io::ErrorKind::NotFound.into() });
            }
            Err(error) if error.is_outside() && links == Links::Listed => {
                // Records the path, as other questions about paths that lead outside do.
                let _ = self.exists(folder);
                return Ok(Vec::new());
            }
            Err(error) => return Err(error),
        };
        let real = self.real(folder)?;
        let first = Entry { path: folder.to_owned(), real, kind, linked: false, depth: 0 };
        let mut linked = VecDeque::from([first]);
        while let Some(entry) = linked.pop_front() {
            walk.from(entry, &mut linked)?;
        }
        Ok(walk.found)
    }
}

struct Walk<'w> {
    tree: &'w Tree<'w>,
    depth: usize,
    links: Links,
    wanted: &'w dyn Fn(&Entry) -> bool,
    /// Real folders already visited, by device and inode number.
    seen: BTreeSet<(u64, u64)>,
    found: Vec<Entry>,
}

impl Walk<'_> {
    /// Lists everything that can be reached without a link; folders behind links are queued.
    fn from(&mut self, entry: Entry, linked: &mut VecDeque<Entry>) -> Result<(), Error> {
        let mut open = vec![entry];
        while let Some(entry) = open.pop() {
            self.tree.watch.goes_on()?;
            if entry.kind != Kind::Folder {
                self.found.push(entry);
                continue;
            }
            let Some(names) = self.names(&entry)? else { continue };
            for Listed { name, kind } in names.into_iter().rev() {
                let child = Entry {
                    path: entry.path.join(&name),
                    real: entry.real.join(&name),
                    kind,
                    linked: entry.linked,
                    depth: entry.depth + 1,
                };
                if !(self.wanted)(&child) {
                    continue;
                }
                match kind {
                    Kind::Link if self.links == Links::Followed => self.follow(child, &mut open, linked)?,
                    _ => open.push(child),
                }
            }
            if self.found.len() + open.len() > MAX_ENTRIES {
                return Err(too_much(&entry.path, "it contains too many files"));
            }
            self.found.push(entry);
        }
        Ok(())
    }

    /// The contents of a folder, if it was not visited yet.
    fn names(&mut self, entry: &Entry) -> Result<Option<Vec<Listed>>, Error> {
        let opened = Cell::new(false);
        let listed = self.tree.try_at(&entry.real, |root, inside| {
            let dir = root.dir.open_dir(inside)?;
            opened.set(true);
            let metadata = dir.dir_metadata()?;
            Ok((
                (metadata.dev(), metadata.ino()),
                if entry.depth < self.depth { Some(list(&dir)?) } else { None },
            ))
        });
        match listed {
            Ok((id, _)) if !self.seen.insert(id) => Ok(None),
            Ok((_, Some(names))) => Ok(Some(names)),
            Ok((_, None)) if self.depth == MAX_DEPTH && self.links != Links::Listed => {
                Err(too_much(&entry.path, "it is nested too deeply"))
            }
            Ok((_, None)) => Ok(Some(Vec::new())),
            Err(error) if self.links == Links::Listed && entry.depth > 0 => {
                // A folder that this user may not read is skipped, but not one that was opened.
                let counts =
                    |error: &io::Error| opened.get() || error.kind() != io::ErrorKind::PermissionDenied;
                self.tree.note_fault(&entry.path, &error, counts);
                Ok(None)
            }
            Err(Error::Read { source, .. }) => Err(Error::Read { path: entry.path.clone(), source }),
            Err(error) => Err(error),
        }
    }

    fn follow(&self, link: Entry, open: &mut Vec<Entry>, linked: &mut VecDeque<Entry>) -> Result<(), Error> {
        let kind = match self.tree.find(&link.real) {
            Ok(Some(kind)) => kind,
            Ok(None) => return Ok(()),
            Err(Error::LinkLeavesTree { outermost, .. }) => {
                return match self.tree.outside_kind(&link.real) {
                    None => Ok(()),
                    Some(Kind::Special) => {
                        open.push(Entry { kind: Kind::Special, linked: true, ..link });
                        Ok(())
                    }
                    Some(_) => Err(Error::LinkLeavesTree { path: link.path, outermost }),
                };
            }
            Err(error) => return Err(error),
        };
        let real = self.tree.real(&link.real)?;
        let entry = Entry { real, kind, linked: true, ..link };
        if kind == Kind::Folder {
            linked.push_back(entry)
        } else {
            open.push(entry)
        }
        Ok(())
    }
}

fn too_much(path: &Path, what: &'static str) -> Error {
    Error::Read { path: path.to_owned(), source: io::Error::other(what) }
}

fn list(dir: &Dir) -> io::Result<Vec<Listed>> {
    let mut names = Vec::new();
    for entry in dir.entries()? {
        let entry = entry?;
        let kind = match entry.file_type() {
            Ok(kind) => kind.into(),
            // The entry was removed meanwhile.
            Err(error) if is_absent(&error) => continue,
            Err(error) => return Err(error),
        };
        names.push(Listed { name: entry.file_name(), kind });
    }
    names.sort();
    Ok(names)
}
