//! A Worker that wrangler bundled, or that it deploys as it is.
//!
//! Owns how a bundle is told from a source: wrangler's own note in its output folder, `no_bundle`, or a build tool's
//! redirection; and which configuration belongs to a bundle, in any folder below. It never takes a configuration's `main` for a bundle otherwise: a source is kept in version control.
//!
//! ```text
//! <outdir>/README.md            `This folder contains the built output assets for the worker "…"`
//! <outdir>/*.js                 rewritten; the entry is named after the configuration's `main`
//! <assets.directory>/**         public
//! ```

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use walkdir::{DirEntry, WalkDir};

use super::manifest::{is_fresh, read_text};
use super::wrangler::{self, Main, Wrangler};
use super::{Detected, Entry, Layout, Runtime, find, tree};
use crate::Error;

const NOTE: &str = "README.md";
const NOTE_BEGINS: &str = "This folder contains the built output assets for the worker ";
/// An `--outdir` such as `build/worker` is looked for this deep.
const DEEPEST: usize = 3;

/// The bundles of the Workers that configurations in a folder describe, or the output folder that it is itself.
pub(super) fn detect(folder: &Path, written_since: Option<SystemTime>) -> Result<Vec<Detected>, Error> {
    let mut found = Vec::new();
    for beside in find::below(folder, find::DEEPEST) {
        if let Some(layout) = wrangler::of_folder(&beside)?.and_then(|config| as_it_is(folder, &config)) {
            let written_by = layout.entries.first().map_or(folder, |entry| &entry.path);
            let fresh = is_fresh(written_by, written_since)?;
            found.push(Detected { layout, fresh });
        }
    }
    for output in outputs(folder) {
        let layout = bundled(folder, &output, nearest_configuration(folder, &output)?.as_ref());
        found.push(Detected { layout, fresh: is_fresh(&output.join(NOTE), written_since)? });
    }
    Ok(found)
}

/// The one that an output was most likely bundled by, which the output does not say: in a folder that it lies in, as far
/// up as the project's.
fn nearest_configuration(folder: &Path, output: &Path) -> Result<Option<Wrangler>, Error> {
    let real = tree::real(folder)?;
    let inside = output.ancestors().take_while(|above| above.starts_with(folder));
    for folder in inside.chain(find::up_to(&real, &["package.json", ".git"]).skip(1)) {
        if let Some(config) = wrangler::of_folder(folder)? {
            return Ok(Some(config));
        }
    }
    Ok(None)
}

/// What wrangler deploys without bundling it.
fn as_it_is(folder: &Path, config: &Wrangler) -> Option<Layout> {
    let is_built = |main: &&Main| (main.no_bundle || config.redirected) && main.path.is_file();
    let mains: Vec<&Main> = config.mains.iter().filter(is_built).collect();
    if mains.is_empty() {
        return None;
    }
    let with_more = mains.iter().filter(|main| main.more_modules || config.redirected);
    let said = if config.redirected { "written by a build tool" } else { "no_bundle" };
    // Beside a person's own configuration they are the person's own.
    let copied = mains.iter().filter(|_| config.redirected).filter_map(|main| main.path.parent());
    Some(Layout {
        searched: copied.flat_map(find::copied_variables).collect(),
        server: with_more.map(|main| main.path.parent().unwrap_or(folder).to_owned()).collect(),
        server_files: mains.iter().map(|main| main.path.clone()).collect(),
        public: config.public.clone(),
        withheld: mains.iter().flat_map(|main| withheld(&main.path, &config.public)).collect(),
        entries: config.entries().filter(|entry| mains.iter().any(|main| main.path == entry.path)).collect(),
        evidence: vec![(config.path.clone(), said.to_owned())],
        ..Layout::new("worker", folder)
    })
}

/// What wrangler bundled into a folder of its own.
fn bundled(folder: &Path, output: &Path, config: Option<&Wrangler>) -> Layout {
    let public = config.map(|config| config.public.clone()).unwrap_or_default();
    let names = config.iter().flat_map(|config| &config.mains).filter_map(|main| main.path.file_stem());
    let mut bundles = names.map(|name| output.join(name).with_extension("js"));
    let entry = bundles.find(|path| path.is_file()).or_else(|| only_script(output));
    let tree = if output.starts_with(folder) { folder } else { output };
    Layout {
        withheld: withheld(output, &public),
        searched: find::copied_variables(output),
        server: vec![output.to_owned()],
        public,
        entries: entry.into_iter().map(|path| Entry { path, runtime: Runtime::Workers }).collect(),
        evidence: vec![(output.join(NOTE), "bundled by wrangler".to_owned())],
        ..Layout::new("worker", tree)
    }
}

/// Wrangler never uploads `_worker.js` as an asset.
fn withheld(worker: &Path, public: &[PathBuf]) -> Vec<PathBuf> {
    let is_pages = worker.components().any(|part| part.as_os_str() == "_worker.js");
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let inside = public.iter().any(|public| real(worker).starts_with(real(public)));
    if is_pages && inside { vec![worker.to_owned()] } else { Vec::new() }
}

/// Folders with wrangler's note.
fn outputs(folder: &Path) -> Vec<PathBuf> {
    let wanted = |entry: &DirEntry| {
        let name = entry.file_name().to_string_lossy();
        entry.depth() == 0 || name != "node_modules" && !name.starts_with('.')
    };
    let entries =
        WalkDir::new(folder).max_depth(DEEPEST).sort_by_file_name().into_iter().filter_entry(wanted);
    let notes = entries.flatten().filter(|entry| entry.file_name() == NOTE && is_note(entry.path()));
    notes.filter_map(|entry| entry.path().parent().map(Path::to_owned)).collect()
}

fn is_note(path: &Path) -> bool {
    read_text(path).is_ok_and(|text| text.starts_with(NOTE_BEGINS))
}

fn only_script(output: &Path) -> Option<PathBuf> {
    let files = std::fs::read_dir(output).ok()?.flatten().map(|entry| entry.path());
    let mut scripts = files.filter(|path| super::is_script(path));
    scripts.next().filter(|_| scripts.next().is_none())
}
