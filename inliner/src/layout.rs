//! Which files are the server's and which the public can fetch.
//!
//! Owns the allow-list: server roots come from a framework's manifests or are named by the caller. It refuses a layout
//! that it does not know, a server file that is also reachable from a public root, and a link that leaves the tree.

mod next;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::report::{Root, RootKind};
use crate::{Error, Request};
use tree::{Entry, entries};

/// Every file that takes part.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    pub(crate) roots: Vec<Root>,
    /// Bundles to rewrite: the real path, and the path by which it was found.
    pub(crate) server: BTreeMap<PathBuf, PathBuf>,
    /// Files that the public can fetch, in the same form.
    pub(crate) public: BTreeMap<PathBuf, PathBuf>,
    /// Source maps beside server files: not public, and never allowed to hold a value.
    pub(crate) maps: BTreeMap<PathBuf, PathBuf>,
    /// Temporary files of a run that was killed.
    pub(crate) leftovers: Vec<PathBuf>,
}

/// What a framework's folder says about itself.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) name: &'static str,
    /// Links inside server roots may not lead out of this folder.
    pub(crate) tree: PathBuf,
    pub(crate) server: Vec<PathBuf>,
    /// Whether a file inside a server root is served as it is.
    pub(crate) is_served: fn(&Path) -> bool,
    pub(crate) public: Vec<PathBuf>,
    /// Single files whose contents reach the public: headers and redirects.
    pub(crate) served_files: Vec<PathBuf>,
}

/// Lists the files of everything that was asked for.
pub(crate) fn inventory(request: &Request<'_>) -> Result<Inventory, Error> {
    let mut layouts = Vec::new();
    for folder in &request.apps {
        layouts.extend(detect(folder, request.written_since)?);
    }
    for folder in &request.server {
        layouts.push(named(folder)?);
    }
    let mut inventory = Inventory::default();
    for folder in &request.public {
        inventory.add_public("named", folder)?;
    }
    for layout in &layouts {
        inventory.add(layout)?;
    }
    inventory.roots.sort();
    inventory.roots.dedup();
    inventory.refuse_public_bundles()?;
    Ok(inventory)
}

/// Asks each framework's module in turn.
fn detect(folder: &Path, written_since: Option<SystemTime>) -> Result<Vec<Layout>, Error> {
    if !folder.is_dir() {
        return Err(Error::NoFolder { path: folder.to_owned() });
    }
    let found = next::detect(folder, written_since)?;
    if found.is_empty() {
        return Err(Error::UnknownLayout { path: folder.to_owned() });
    }
    Ok(found.into_iter().filter(|found| found.fresh).map(|found| found.layout).collect())
}

/// A build output that was recognised.
pub(crate) struct Detected {
    pub(crate) layout: Layout,
    /// Written by the run that asks.
    pub(crate) fresh: bool,
}

/// A folder that the caller vouches for. What builds in it and around it serve to the public stays public all the same.
fn named(folder: &Path) -> Result<Layout, Error> {
    if !folder.is_dir() {
        return Err(Error::NoFolder { path: folder.to_owned() });
    }
    let (mut public, mut served_files) = (Vec::new(), Vec::new());
    for layout in next::around(folder)? {
        public.extend(layout.public);
        served_files.extend(layout.served_files);
    }
    Ok(Layout {
        name: "named",
        tree: folder.to_owned(),
        server: vec![folder.to_owned()],
        is_served: may_be_served,
        public,
        served_files,
    })
}

/// Nothing says what becomes of the files beside the bundles, so none of them may hold a value.
fn may_be_served(inside: &Path) -> bool {
    let extension = inside.extension().and_then(|extension| extension.to_str());
    !matches!(extension, Some("js" | "mjs" | "cjs" | "map" | "wasm" | "node"))
}

impl Inventory {
    fn add(&mut self, layout: &Layout) -> Result<(), Error> {
        let tree = tree::real(&layout.tree)?;
        for root in &layout.server {
            self.add_server(layout, root, &tree)?;
        }
        for root in layout.public.iter().filter(|root| root.is_dir()) {
            self.add_public(layout.name, root)?;
        }
        for file in layout.served_files.iter().filter(|file| file.is_file()) {
            self.public.insert(tree::real(file)?, file.clone());
        }
        Ok(())
    }

    fn add_server(&mut self, layout: &Layout, root: &Path, tree: &Path) -> Result<(), Error> {
        self.roots.push(Root { path: root.to_owned(), kind: RootKind::Server, layout: layout.name });
        for entry in entries(root, true)? {
            let Entry { path, real, linked } = entry;
            if linked && !real.starts_with(tree) {
                return Err(Error::LinkLeavesTree { path });
            }
            let inside = path.strip_prefix(root).unwrap_or(&path);
            if is_leftover(&path) {
                self.leftovers.push(path);
            } else if (layout.is_served)(inside) {
                self.public.insert(real, path);
            } else if is_script(&path) {
                self.server.insert(real, path);
            } else if path.extension().is_some_and(|extension| extension == "map") {
                self.maps.insert(real, path);
            }
        }
        Ok(())
    }

    fn add_public(&mut self, layout: &'static str, root: &Path) -> Result<(), Error> {
        self.roots.push(Root { path: root.to_owned(), kind: RootKind::Public, layout });
        let files = entries(root, false)?;
        self.public.extend(files.into_iter().map(|entry| (entry.real, entry.path)));
        Ok(())
    }

    /// The public roots were walked through their links: whatever they reach is public, wherever it lies.
    fn refuse_public_bundles(&self) -> Result<(), Error> {
        let server: BTreeSet<&PathBuf> = self.server.keys().collect();
        match self.public.iter().find(|(real, _)| server.contains(real)) {
            Some((_, path)) => Err(Error::PublicBundle { path: path.clone() }),
            None => Ok(()),
        }
    }
}

/// JavaScript by its extension.
pub(crate) fn is_script(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("js" | "mjs" | "cjs"))
}

fn is_leftover(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.starts_with(crate::write::TEMPORARY_PREFIX) && name.ends_with(crate::write::TEMPORARY_SUFFIX)
}
