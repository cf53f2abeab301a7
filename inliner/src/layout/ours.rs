//! What earlier runs left in a build.
//!
//! Owns how their files are known by their names: temporary ones of a run that was killed, which are swept wherever runs
//! write, and modules that set variables. It refuses to pass over such a name where no run writes: there it is a file
//! like any other.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Inventory, find};

impl Inventory<'_> {
    /// Takes what runs write out of what is searched: values belong into it.
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

/// A module of ours, which is written anew where it is needed.
pub(super) fn is_prelude(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(crate::prelude::is_file_name)
}
