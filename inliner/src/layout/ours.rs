//! Files that earlier runs of the inliner left in a build.
//!
//! Recognises by name the temporary files of a killed run, which are removed wherever runs write,
//! and the modules that set variables. In folders where no run writes, files with such names are
//! treated like any other.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Inventory, find};

impl Inventory<'_> {
    /// Removes the inliner's own files from the searched ones, since those files are meant to hold
    /// values.
    pub(super) fn set_apart(&mut self) {
        let folders: BTreeSet<PathBuf> =
            self.server.keys().filter_map(|file| file.parent().map(Path::to_owned)).collect();
        for folder in &folders {
            let files = find::listed(&self.tree, folder).into_iter().map(|file| folder.join(file.name));
            self.leftovers.extend(files.filter(|file| is_leftover(file)));
        }
        let is_written = |file: &PathBuf| {
            let is_beside = file.parent().is_some_and(|folder| folders.contains(folder));
            self.leftovers.contains(file) || is_beside && is_prelude(file)
        };
        self.searched.retain(|real, _| !self.server.contains_key(real) && !is_written(real));
        self.public.retain(|real, _| !self.leftovers.contains(real));
    }
}

/// A temporary file of a run that was killed.
pub(super) fn is_leftover(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.starts_with(crate::write::TEMPORARY_PREFIX) && name.ends_with(crate::write::TEMPORARY_SUFFIX)
}

/// A prelude module of the inliner, which is rewritten where it is needed.
pub(super) fn is_prelude(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(crate::prelude::is_file_name)
}
