//! Layout of a Cloudflare Worker that wrangler bundled, or that wrangler deploys as it is.
//!
//! Tells a bundle from a source file by wrangler's note in its output folder, by `no_bundle`, or by
//! a build tool's redirection, and finds the configuration of each bundle in any folder below.
//! Otherwise a configuration's `main` never counts as a bundle, because it may be a source file
//! under version control.
//!
//! ```text
//! <outdir>/README.md         `This folder contains the built output assets for the worker "…"`
//! <outdir>/*.js              rewritten; the entry is named after the configuration's `main`
//! <assets.directory>/**      public
//! ```

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::manifest::is_fresh;
use super::wrangler::{self, Main, Wrangler};
use super::{Detected, Entry, Layout, Runtime, find};
use crate::tree::{Entry as Found, Kind, Tree};
use crate::{BundledWorker, Error};

/// The file or folder of a Pages site that Cloudflare runs and never serves.
pub(super) const PAGES_WORKER: &str = "_worker.js";
const NOTE: &str = "README.md";
const NOTE_BEGINS: &str = "This folder contains the built output assets for the worker ";
/// Depth at which an `--outdir` such as `build/worker` is still found.
const DEEPEST: usize = 3;

/// The bundles of the Workers that configurations in a folder describe, or the output folder that
/// the folder itself is.
pub(super) fn detect(
    tree: &Tree<'_>,
    folder: &Path,
    written_since: Option<SystemTime>,
) -> Result<Vec<Detected>, Error> {
    let mut found = Vec::new();
    for beside in find::below(tree, folder, find::DEEPEST)? {
        let config = wrangler::of_folder(tree, &beside)?;
        if let Some(layout) = config.map(|config| as_it_is(tree, folder, &config)).transpose()?.flatten() {
            let written_by = layout.entries.first().map_or(folder, |entry| &entry.path);
            let fresh = is_fresh(tree, written_by, written_since)?;
            found.push(Detected { layout, fresh });
        }
    }
    for output in outputs(tree, folder)? {
        let layout = bundled(tree, folder, &output, nearest_configuration(tree, folder, &output)?.as_ref());
        found.push(Detected { layout, fresh: is_fresh(tree, &output.join(NOTE), written_since)? });
    }
    Ok(found)
}

/// The configuration that most likely produced an output, which the output does not record: the
/// nearest one in the folders above it, up to the project's folder.
fn nearest_configuration(tree: &Tree<'_>, folder: &Path, output: &Path) -> Result<Option<Wrangler>, Error> {
    let real = tree.real(folder)?;
    let inside = output.ancestors().take_while(|above| above.starts_with(folder));
    for folder in inside.chain(find::up_to(tree, &real, &["package.json", ".git"]).into_iter().skip(1)) {
        if let Some(config) = wrangler::of_folder(tree, folder)? {
            return Ok(Some(config));
        }
    }
    Ok(None)
}

/// The Worker that wrangler deploys without bundling it.
fn as_it_is(tree: &Tree<'_>, folder: &Path, config: &Wrangler) -> Result<Option<Layout>, Error> {
    let mut mains: Vec<&Main> = Vec::new();
    for main in config.mains.iter().filter(|main| main.no_bundle || config.redirected) {
        if tree.find(&main.path)? == Some(Kind::File) {
            mains.push(main);
        }
    }
    if mains.is_empty() {
        return Ok(None);
    }
    let with_more = mains.iter().filter(|main| main.more_modules || config.redirected);
    let said = if config.redirected { "written by a build tool" } else { "no_bundle" };
    // Beside a hand-written configuration, such files belong to the author and are not copies.
    let copied = mains.iter().filter(|_| config.redirected).filter_map(|main| main.path.parent());
    Ok(Some(Layout {
        searched: copied.flat_map(|folder| find::copied_variables(tree, folder)).collect(),
        server: with_more.map(|main| main.path.parent().unwrap_or(folder).to_owned()).collect(),
        server_files: mains.iter().map(|main| main.path.clone()).collect(),
        public: config.public.clone(),
        withheld: mains.iter().flat_map(|main| withheld(tree, &main.path, &config.public)).collect(),
        entries: config.entries().filter(|entry| mains.iter().any(|main| main.path == entry.path)).collect(),
        evidence: vec![(config.path.clone(), said.to_owned())],
        ..Layout::new("worker", folder)
    }))
}

/// The Worker that wrangler bundled into an output folder.
fn bundled(tree: &Tree<'_>, folder: &Path, output: &Path, config: Option<&Wrangler>) -> Layout {
    let public = config.map(|config| config.public.clone()).unwrap_or_default();
    let names = config.iter().flat_map(|config| &config.mains).filter_map(|main| main.path.file_stem());
    let mut bundles = names.map(|name| output.join(name).with_extension("js"));
    let entry = bundles.find(|path| tree.is_file(path)).or_else(|| only_script(tree, output));
    let outer = if output.starts_with(folder) { folder } else { output };
    Layout {
        withheld: withheld(tree, output, &public),
        searched: find::copied_variables(tree, output),
        server: vec![output.to_owned()],
        public,
        entries: entry.into_iter().map(|path| Entry { path, runtime: Runtime::Workers }).collect(),
        evidence: vec![(output.join(NOTE), "bundled by wrangler".to_owned())],
        ..Layout::new("worker", outer)
    }
}

/// The Worker that `wrangler deploy --dry-run` bundled into a folder of its own, as it is going to
/// be uploaded.
pub(super) fn about_to_be_uploaded(tree: &Tree<'_>, worker: &BundledWorker) -> Result<Layout, Error> {
    let BundledWorker { output, entry, configuration, .. } = worker;
    let config = configuration.as_ref().map(|path| wrangler::of_file(tree, path)).transpose()?;
    let sources = config.iter().flat_map(|config| &config.mains);
    let public = config.as_ref().map(|config| config.public.clone()).unwrap_or_default();
    Ok(Layout {
        withheld: sources.flat_map(|main| withheld(tree, &main.path, &public)).collect(),
        server: vec![output.to_owned()],
        public,
        entries: vec![Entry { path: entry.to_owned(), runtime: Runtime::Workers }],
        evidence: vec![(entry.to_owned(), "bundled by wrangler for an upload".to_owned())],
        ..Layout::new("worker", output)
    })
}

/// The paths that wrangler does not serve: it never uploads `_worker.js` as an asset.
fn withheld(tree: &Tree<'_>, worker: &Path, public: &[PathBuf]) -> Vec<PathBuf> {
    let is_pages = worker.components().any(|part| part.as_os_str() == PAGES_WORKER);
    let real = |path: &Path| tree.real(path).unwrap_or_else(|_| path.to_owned());
    let inside = public.iter().any(|public| real(worker).starts_with(real(public)));
    if is_pages && inside { vec![worker.to_owned()] } else { Vec::new() }
}

/// Folders with wrangler's note.
fn outputs(tree: &Tree<'_>, folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let wanted = |entry: &Found| {
        let name = entry.name().to_string_lossy();
        name != "node_modules" && !name.starts_with('.')
    };
    let entries = tree.below(folder, DEEPEST, wanted)?.into_iter();
    let notes = entries.filter(|entry| entry.name() == NOTE && is_note(tree, &entry.path));
    Ok(notes.filter_map(|entry| entry.path.parent().map(Path::to_owned)).collect())
}

/// Reads only the beginning, because other files with that name may be anything.
fn is_note(tree: &Tree<'_>, path: &Path) -> bool {
    let mut begins = [0; NOTE_BEGINS.len()];
    tree.open(path).is_ok_and(|mut file| file.read_exact(&mut begins).is_ok())
        && begins == *NOTE_BEGINS.as_bytes()
}

fn only_script(tree: &Tree<'_>, output: &Path) -> Option<PathBuf> {
    let files = find::listed(tree, output).into_iter().map(|name| output.join(name.name));
    let mut scripts = files.filter(|path| super::is_script(path));
    scripts.next().filter(|_| scripts.next().is_none())
}
