//! Files below a folder, through links, with where they really are.
//!
//! Owns the walk. It refuses only what cannot be read; links that lead nowhere hold no file.

use std::io;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::Error;

pub(super) struct Entry {
    pub(super) path: PathBuf,
    /// The path without any link.
    pub(super) real: PathBuf,
    /// Some link lies between the root and the file.
    pub(super) linked: bool,
}

pub(super) fn real(path: &Path) -> Result<PathBuf, Error> {
    path.canonicalize().map_err(|source| Error::Read { path: path.to_owned(), source })
}

/// Every file below `root`, or `root` itself if it is one, in no order; third-party code in `node_modules` is left out on request.
pub(super) fn entries(root: &Path, skip_node_modules: bool) -> Result<Vec<Entry>, Error> {
    let real_root = real(root)?;
    let wanted = |entry: &walkdir::DirEntry| !skip_node_modules || entry.file_name() != "node_modules";
    let mut found = Vec::new();
    // Once a link to a folder was passed, everything below it is somewhere else.
    let mut linked_folder: Option<PathBuf> = None;
    for entry in WalkDir::new(root).follow_links(true).into_iter().filter_entry(wanted) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) if is_no_file(&error) => continue,
            Err(error) => return Err(failed(root, error)),
        };
        if linked_folder.as_ref().is_some_and(|folder| !entry.path().starts_with(folder)) {
            linked_folder = None;
        }
        if entry.path_is_symlink()
            && entry.depth() > 0
            && entry.file_type().is_dir()
            && linked_folder.is_none()
        {
            linked_folder = Some(entry.path().to_owned());
        }
        if !entry.file_type().is_file() {
            continue;
        }
        let linked = linked_folder.is_some() || entry.path_is_symlink();
        let path = entry.into_path();
        let real = match path.strip_prefix(root) {
            Ok(inside) if inside.as_os_str().is_empty() => real_root.clone(),
            Ok(inside) if !linked => real_root.join(inside),
            _ => real(&path)?,
        };
        found.push(Entry { path, real, linked });
    }
    Ok(found)
}

/// A link to nothing, or to a folder that it lies in: what is there is visited anyway.
fn is_no_file(error: &walkdir::Error) -> bool {
    let is_link = error.path().is_some_and(Path::is_symlink);
    let leads_nowhere = error.io_error().is_some_and(|error| error.kind() == io::ErrorKind::NotFound);
    is_link && (leads_nowhere || error.loop_ancestor().is_some())
}

fn failed(root: &Path, error: walkdir::Error) -> Error {
    let path = error.path().unwrap_or(root).to_owned();
    let text = error.to_string();
    let source = error.into_io_error().unwrap_or_else(|| io::Error::other(text));
    Error::Read { path, source }
}
