//! Which files belong to the server, and which the public can fetch.
//!
//! Server roots come from a framework's manifests or are named by the caller. An unknown layout is
//! rejected, and so are a server file that is also reachable from a public root and a link that
//! leaves the tree.

mod astro;
mod find;
mod manifest;
mod named;
mod next;
mod nuxt;
mod opennext;
mod react_router;
mod static_site;
mod sveltekit;
mod unrecognised;
mod vercel;
mod worker;
mod wrangler;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;

use crate::tree::{Entry as Found, Kind, Tree};
use crate::{Error, Request, printable};

/// Whether a folder holds server files or public files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum RootKind {
    Server,
    Public,
}

/// A folder that took part in the run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Root {
    #[serde(serialize_with = "printable::serialize_path")]
    pub path: PathBuf,
    pub kind: RootKind,
    /// The layout, such as `next`, or `named` if the caller named the folder.
    pub layout: &'static str,
}

/// A manifest, and what it says about the build.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Evidence {
    pub layout: &'static str,
    #[serde(serialize_with = "printable::serialize_path")]
    pub file: PathBuf,
    pub says: String,
}

/// Every file that a run reads, rewrites or searches.
#[derive(Debug, Default)]
pub(crate) struct Inventory<'a> {
    pub(crate) tree: Tree<'a>,
    pub(crate) roots: Vec<Root>,
    /// Bundles to rewrite: the real path, and the path under which each was found.
    pub(crate) server: BTreeMap<PathBuf, PathBuf>,
    /// Files that the public can fetch, in the same form.
    pub(crate) public: BTreeMap<PathBuf, PathBuf>,
    /// Source maps beside server files: not public, but they must not hold a value.
    pub(crate) maps: BTreeMap<PathBuf, PathBuf>,
    /// Files that are neither run nor served, but must not hold a value: caches, copies of `.env`.
    pub(crate) searched: BTreeMap<PathBuf, PathBuf>,
    /// Bundles that a platform loads first, by real path.
    pub(crate) entries: BTreeMap<PathBuf, Runtime>,
    /// Pipes, devices and sockets found where files are searched.
    pub(crate) special: Vec<PathBuf>,
    /// Temporary files of a run that was killed.
    pub(crate) leftovers: BTreeSet<PathBuf>,
    /// The manifests that the layouts were recognised by.
    pub(crate) evidence: Vec<Evidence>,
    /// Real paths inside public roots that are not served.
    pub(crate) withheld: Vec<PathBuf>,
    /// The paths that `searched` was listed from.
    pub(crate) searched_roots: Vec<PathBuf>,
    /// Known outputs that were written before the time in the request; none of their files take
    /// part.
    pub(crate) older: Vec<Layout>,
    /// Scripts that were written since and belong to nothing above, or their folders.
    pub(crate) unrecognised: Vec<PathBuf>,
}

/// What is known about one build output.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) name: &'static str,
    /// The folder that links inside server roots must not lead out of.
    pub(crate) tree: PathBuf,
    pub(crate) server: Vec<PathBuf>,
    /// Whether a file inside a server root is served unchanged.
    pub(crate) is_served: fn(&Path) -> bool,
    pub(crate) public: Vec<PathBuf>,
    /// Single files whose contents reach the public: headers and redirects.
    pub(crate) served_files: Vec<PathBuf>,
    /// Single server bundles outside the server roots.
    pub(crate) server_files: Vec<PathBuf>,
    /// Files and folders inside a public root that the platform uses itself and does not serve
    /// (`_worker.js`).
    pub(crate) withheld: Vec<PathBuf>,
    /// Files and folders that are neither run nor served, but must not hold a value: caches, copies
    /// of `.env`.
    pub(crate) searched: Vec<PathBuf>,
    /// The modules that the platform loads first.
    pub(crate) entries: Vec<Entry>,
    /// The files that were read to recognise the layout, each with what it said, for people:
    /// `(file, "what it says")`.
    pub(crate) evidence: Vec<(PathBuf, String)>,
}

/// A module that a platform loads before any other of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) path: PathBuf,
    pub(crate) runtime: Runtime,
}

/// What runs a server bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runtime {
    /// Node or a compatible runtime: `process.env` is the environment.
    Node,
    /// An edge sandbox: scripts share one global scope, and `process.env` is a copy.
    Edge,
    /// Cloudflare Workers: `env` of `cloudflare:workers` beside `process.env`.
    Workers,
}

impl Layout {
    /// An empty layout.
    pub(crate) fn new(name: &'static str, tree: &Path) -> Self {
        Self {
            name,
            tree: tree.to_owned(),
            server: Vec::new(),
            is_served: |_| false,
            public: Vec::new(),
            served_files: Vec::new(),
            server_files: Vec::new(),
            withheld: Vec::new(),
            searched: Vec::new(),
            entries: Vec::new(),
            evidence: Vec::new(),
        }
    }

    /// Withholds the `_worker.js` that a bundle is or lies in, which Cloudflare runs and does not
    /// serve, and adds its entry.
    fn add_pages_worker(&mut self, tree: &Tree<'_>, bundle: &Path) {
        let Some(worker) = bundle.ancestors().find(|path| path.ends_with(worker::PAGES_WORKER)) else {
            return;
        };
        let entry = if tree.is_dir(worker) { worker.join("index.js") } else { worker.to_owned() };
        self.withheld.push(worker.to_owned());
        self.entries.push(Entry { path: entry, runtime: Runtime::Workers });
    }

    /// Adds what another layout knows about the same bundles: their runtime, and what is served
    /// beside them.
    fn learn(&mut self, tree: &Tree<'_>, other: Self) {
        let is_same =
            |a: &Path, b: &Path| a == b || tree.real(a).is_ok_and(|a| tree.real(b).is_ok_and(|b| a == b));
        let is_known = |entry: &Entry| other.entries.iter().any(|known| is_same(&known.path, &entry.path));
        self.entries.retain(|entry| !is_known(entry));
        self.entries.extend(other.entries);
        for public in other.public {
            if !self.public.iter().any(|known| is_same(known, &public)) {
                self.public.push(public);
            }
        }
        self.withheld.extend(other.withheld);
        self.searched.extend(other.searched);
        let known: Vec<PathBuf> = self.evidence.iter().map(|(file, _)| file.clone()).collect();
        let is_new = |file: &Path| !known.iter().any(|known| is_same(known, file));
        self.evidence.extend(other.evidence.into_iter().filter(|(file, _)| is_new(file)));
    }
}

/// Lists the files of everything that the request names.
pub(crate) fn inventory<'a>(request: &Request<'a>) -> Result<Inventory<'a>, Error> {
    let tree = tree(request)?;
    let (mut layouts, mut older) = (Vec::new(), Vec::new());
    for folder in &request.apps {
        for found in detect(&tree, folder, request)? {
            if found.fresh { &mut layouts } else { &mut older }.push(found.layout);
        }
    }
    for folder in &request.server {
        layouts.push(named::layout(&tree, folder)?);
    }
    for file in &request.files {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut layout =
            Layout { server: Vec::new(), server_files: vec![file.clone()], ..named::layout(&tree, folder)? };
        layout.add_pages_worker(&tree, file);
        layouts.push(layout);
    }
    for bundled in &request.workers {
        layouts.push(worker::about_to_be_uploaded(&tree, bundled)?);
    }
    tree.refuse_what_was_passed_over()?;
    let mut unrecognised = Vec::new();
    if let Some(since) = request.written_since.filter(|_| request.beside_layouts) {
        let known = layouts.iter().chain(&older);
        unrecognised = unrecognised::written(&tree, &request.apps, since, known)?;
    }
    Ok(Inventory { older, unrecognised, ..Inventory::of(tree, &layouts, &request.public)? })
}

/// The tree of folders that the request names, with its bundles.
pub(crate) fn tree<'a>(request: &Request<'a>) -> Result<Tree<'a>, Error> {
    let outputs: Vec<PathBuf> = request.workers.iter().map(|worker| worker.output.clone()).collect();
    let configurations = request.workers.iter().filter_map(|worker| worker.configuration.clone());
    let projects = request.workers.iter().map(|worker| worker.project.clone());
    let around_workers: Vec<PathBuf> = configurations.chain(projects).collect();
    let bundles = [&request.server[..], &request.files, &outputs].concat();
    let named = [&request.apps[..], &bundles, &around_workers, &request.public].concat();
    Tree::of(&named, &bundles, &request.within, request.watch(), request.limits)
}

/// Detectors that look for a framework's build in a folder, or recognise the folder itself as one.
const DETECTORS: &[Detector] =
    &[opennext::detect, vercel::detect, nuxt::detect, astro::detect, react_router::detect, sveltekit::detect];

type Detector = fn(&Tree<'_>, &Path, Option<SystemTime>) -> Result<Vec<Detected>, Error>;

/// Runs each framework's detector.
fn detect(tree: &Tree<'_>, folder: &Path, request: &Request<'_>) -> Result<Vec<Detected>, Error> {
    let written_since = request.written_since;
    if !tree.is_dir(folder) {
        tree.refuse_faults()?;
        return Err(Error::NoFolder { path: folder.to_owned() });
    }
    let mut found = next::detect(tree, folder, written_since)?;
    found.extend(detect_in(tree, &find::below(tree, folder, find::DEEPEST)?, written_since)?);
    // Other tools' builds can also lie beside a wrangler configuration.
    for worker in worker::detect(tree, folder, written_since)? {
        match found.iter_mut().find(|other| is_covered(tree, &worker.layout, &other.layout)) {
            Some(other) => other.layout.learn(tree, worker.layout),
            None => found.push(worker),
        }
    }
    if request.beside_layouts {
        let sites = static_site::detect(tree, folder, written_since, &found)?;
        found.extend(sites);
    }
    tree.refuse_what_was_passed_over()?;
    if found.is_empty() && !request.beside_layouts {
        return Err(Error::UnknownLayout { path: folder.to_owned() });
    }
    Ok(found)
}

/// The builds in any of these folders, and the folders that are builds themselves, each once.
fn detect_in(
    tree: &Tree<'_>,
    folders: &[PathBuf],
    written_since: Option<SystemTime>,
) -> Result<Vec<Detected>, Error> {
    let (mut all, mut seen) = (Vec::new(), BTreeSet::new());
    for folder in folders {
        for detect in DETECTORS {
            let found = detect(tree, folder, written_since)?.into_iter();
            all.extend(found.filter(|found| {
                let manifest = found.layout.evidence.first().and_then(|(path, _)| tree.real(path).ok());
                seen.insert((found.layout.name, manifest))
            }));
        }
    }
    Ok(all)
}

/// Whether the files that a layout would rewrite already belong to another layout.
fn is_covered(tree: &Tree<'_>, layout: &Layout, other: &Layout) -> bool {
    let roots: Vec<PathBuf> = other.server.iter().filter_map(|root| tree.real(root).ok()).collect();
    let mut paths = layout.server.iter().chain(&layout.server_files).filter_map(|path| tree.real(path).ok());
    paths.any(|path| roots.iter().any(|root| path.starts_with(root) || root.starts_with(&path)))
}

/// A build output that was recognised.
pub(crate) struct Detected {
    pub(crate) layout: Layout,
    /// Whether it was written since the time in the request.
    pub(crate) fresh: bool,
}

impl<'t> Inventory<'t> {
    /// Lists the files of these outputs, and of further public folders.
    pub(crate) fn of(tree: Tree<'t>, layouts: &[Layout], public: &[PathBuf]) -> Result<Self, Error> {
        let mut inventory = Self { tree, ..Self::default() };
        for path in layouts.iter().flat_map(|layout| &layout.withheld) {
            if inventory.tree.find(path)?.is_some() {
                inventory.withheld.push(inventory.tree.real(path)?);
            }
        }
        for folder in public {
            inventory.add_public("named", folder)?;
        }
        for layout in layouts {
            inventory.add(layout)?;
        }
        inventory.keep_withheld_in_public();
        inventory.set_apart();
        inventory.roots.sort();
        inventory.roots.dedup();
        inventory.refuse_public_bundles()?;
        inventory.tree.refuse_what_was_passed_over()?;
        Ok(inventory)
    }
}

impl Inventory<'_> {
    fn add(&mut self, layout: &Layout) -> Result<(), Error> {
        let outer = self.tree.real(&layout.tree)?;
        for root in &layout.server {
            self.add_server(layout, root, &outer)?;
        }
        for root in &layout.public {
            if self.tree.find(root)? == Some(Kind::Folder) {
                self.add_public(layout.name, root)?;
            }
        }
        for file in &layout.served_files {
            match self.tree.find(file)? {
                Some(Kind::File) => drop(self.public.insert(self.tree.real(file)?, file.clone())),
                Some(Kind::Special) => self.special.push(file.clone()),
                _ => {}
            }
        }
        for file in &layout.server_files {
            self.find_named(layout, file)?;
            self.add_server_file(file, &outer)?;
        }
        for entry in &layout.entries {
            if self.find_named(layout, &entry.path)? == Some(Kind::File) {
                self.entries.insert(self.tree.real(&entry.path)?, entry.runtime);
            }
        }
        for path in &layout.searched {
            if self.tree.find(path)?.is_some() {
                let files = self.files(path)?;
                self.searched_roots.push(path.clone());
                self.searched.extend(files.into_iter().map(|entry| (entry.real, entry.path)));
            }
        }
        let evidence = layout.evidence.iter();
        self.evidence.extend(evidence.map(|(file, says)| Evidence {
            layout: layout.name,
            file: file.clone(),
            says: says.clone(),
        }));
        Ok(())
    }

    /// What is at a path that a manifest of this layout names.
    ///
    /// # Errors
    /// [`Error::Missing`] if nothing is there.
    fn find_named(&self, layout: &Layout, path: &Path) -> Result<Option<Kind>, Error> {
        let found = self.tree.find(path)?;
        // The manifest in a folder around the path, or else the one that the build is known by.
        let is_around = |manifest: &Path| manifest.parent().is_some_and(|folder| path.starts_with(folder));
        let mut manifests = layout.evidence.iter().map(|(manifest, _)| manifest);
        let nearest = manifests.clone().rev().find(|manifest| is_around(manifest));
        match nearest.or_else(|| manifests.next()) {
            Some(manifest) if found.is_none() => {
                Err(Error::Missing { path: path.to_owned(), named_by: manifest.clone() })
            }
            _ => Ok(found),
        }
    }

    /// Removes the inliner's own files from the searched ones, since those files are meant to hold
    /// values.
    fn set_apart(&mut self) {
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

    /// The files below a folder; special files go to `special`.
    fn files(&mut self, folder: &Path) -> Result<Vec<Found>, Error> {
        let mut found = self.tree.walk(folder, |_| true)?;
        let special = found.iter().filter(|entry| entry.kind == Kind::Special);
        self.special.extend(special.map(|entry| entry.path.clone()));
        found.retain(|entry| entry.kind == Kind::File);
        Ok(found)
    }

    /// Adds one bundle; a map beside it is searched.
    fn add_server_file(&mut self, file: &Path, outer: &Path) -> Result<(), Error> {
        let real = self.tree.real(file)?;
        if !self.tree.may_write(&real) {
            return Err(self.tree.outside(file));
        }
        if !real.starts_with(outer) {
            return Err(Error::LinkLeavesTree { path: file.to_owned(), outermost: None });
        }
        let beside = |path: &Path| {
            let mut map = path.as_os_str().to_owned();
            map.push(".map");
            PathBuf::from(map)
        };
        if self.tree.is_file(&beside(&real)) {
            self.maps.insert(self.tree.real(&beside(&real))?, beside(file));
        }
        self.server.insert(real, file.to_owned());
        Ok(())
    }

    fn add_server(&mut self, layout: &Layout, root: &Path, outer: &Path) -> Result<(), Error> {
        self.roots.push(Root { path: root.to_owned(), kind: RootKind::Server, layout: layout.name });
        let real = self.tree.real(root)?;
        if !self.tree.may_write(&real) {
            return Err(self.tree.outside(root));
        }
        if !real.starts_with(outer) {
            return Err(Error::LinkLeavesTree { path: root.to_owned(), outermost: None });
        }
        for entry in self.tree.walk(root, |entry| entry.name() != "node_modules")? {
            let Found { path, real, linked, kind, .. } = entry;
            if kind == Kind::Folder {
                continue;
            }
            if linked && !real.starts_with(outer) {
                return Err(Error::LinkLeavesTree { path, outermost: None });
            }
            let inside = path.strip_prefix(root).unwrap_or(&path);
            if is_leftover(&path) {
                self.leftovers.insert(if linked { path } else { real });
            } else if kind == Kind::Special {
                self.special.push(path);
            } else if (layout.is_served)(inside) {
                self.public.insert(real, path);
            } else if is_script(&path) && !is_prelude(&path) {
                self.server.insert(real, path);
            } else if path.extension().is_some_and(|extension| extension == "map") {
                self.maps.insert(real, path);
            }
        }
        Ok(())
    }

    fn add_public(&mut self, layout: &'static str, root: &Path) -> Result<(), Error> {
        self.roots.push(Root { path: root.to_owned(), kind: RootKind::Public, layout });
        for entry in self.files(root)? {
            if !self.withheld.iter().any(|path| entry.real.starts_with(path)) {
                self.public.insert(entry.real, entry.path);
            }
        }
        Ok(())
    }

    /// Keeps only the withheld paths inside public roots, since nothing is served elsewhere.
    fn keep_withheld_in_public(&mut self) {
        let public = self.roots.iter().filter(|root| root.kind == RootKind::Public);
        let public: Vec<_> = public.filter_map(|root| self.tree.real(&root.path).ok()).collect();
        self.withheld.retain(|path| public.iter().any(|root| path.starts_with(root)));
    }

    /// Whether the public could fetch a file in this folder, given as a real path.
    pub(crate) fn serves(&self, folder: &Path) -> bool {
        let public = self.roots.iter().filter(|root| root.kind == RootKind::Public);
        let mut public = public.filter_map(|root| self.tree.real(&root.path).ok());
        public.any(|root| folder.starts_with(root))
            && !self.withheld.iter().any(|path| folder.starts_with(path))
    }

    /// Folders that contain every folder that bundles are written into.
    pub(crate) fn written_folders(&self) -> impl Iterator<Item = &Path> {
        let roots = self.roots.iter().filter(|root| root.kind == RootKind::Server);
        let roots: Vec<&Path> = roots.map(|root| root.path.as_path()).collect();
        let outside = self.server.iter().filter({
            let roots = roots.clone();
            move |(_, path)| !roots.iter().any(|root| path.starts_with(root))
        });
        roots.into_iter().chain(outside.filter_map(|(real, _)| real.parent()))
    }

    /// Rejects a bundle that is reachable from a public root. Public roots are walked through
    /// links, so what they reach is public wherever it lies.
    fn refuse_public_bundles(&self) -> Result<(), Error> {
        let server: BTreeSet<&PathBuf> = self.server.keys().collect();
        match self.public.iter().find(|(real, _)| server.contains(real)) {
            Some((_, path)) => Err(Error::PublicBundle { path: path.clone() }),
            None => Ok(()),
        }
    }
}

/// JavaScript, by its extension.
pub(crate) fn is_script(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("js" | "mjs" | "cjs"))
}

/// Scripts of packages (`node_modules`) inside a folder, or in a folder of packages: they run with
/// the bundles and are not rewritten.
pub(crate) fn packages(tree: &Tree<'_>, root: &Path) -> Result<Vec<PathBuf>, Error> {
    let is_package = |path: &Path| path.components().any(|part| part.as_os_str() == "node_modules");
    let is_inside =
        |path: &Path| root.ends_with("node_modules") || path.strip_prefix(root).is_ok_and(is_package);
    let wanted = |entry: &Found| entry.kind == Kind::File && is_inside(&entry.path) && is_script(&entry.path);
    Ok(tree.walk(root, |_| true)?.into_iter().filter(wanted).map(|entry| entry.real).collect())
}

/// A temporary file of a run that was killed.
fn is_leftover(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.starts_with(crate::write::TEMPORARY_PREFIX) && name.ends_with(crate::write::TEMPORARY_SUFFIX)
}

/// A prelude module of the inliner, which is rewritten where it is needed.
fn is_prelude(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(crate::prelude::is_file_name)
}
