//! Layout of Vercel's Build Output API, version 3: what `vercel build` and adapters write.
//!
//! `config.json` identifies a build. Determines which files each function consists of. A function's
//! file outside the project is an error, and functions that are not JavaScript are left alone.
//!
//! ```text
//! .vercel/output/config.json                        `"version": 3`; its routes hold public headers
//! .vercel/output/static/**                          public, without _worker.js
//! .vercel/output/static/_worker.js/**               rewritten: next-on-pages writes it for Cloudflare
//! .vercel/output/functions/**/*.prerender-fallback.*  public
//! .vercel/output/functions/**/*.prerender-config.json  holds public headers
//! .vercel/output/functions/**/<name>.func/          a function, or a link to one
//!   .vc-config.json                                 runtime, entry, and `filePathMap`
//!   **/*.js                                         rewritten
//! <project or repository>/<target of filePathMap>   rewritten, unless it is a package's
//! .vercel/output/{builds.json,diagnostics/}         searched
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Deserialize;

use super::manifest::{is_fresh, read_json};
use super::worker::PAGES_WORKER;
use super::{Detected, Entry, Layout, Runtime, find, is_script};
use crate::Error;
use crate::tree::{Kind, Tree};

const OUTPUT: &str = ".vercel/output";
const MANIFEST: &str = "config.json";
const FUNCTION: &str = ".vc-config.json";
const VERSION: u64 = 3;

#[derive(Deserialize)]
struct Manifest {
    version: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Function {
    #[serde(default)]
    runtime: String,
    handler: Option<PathBuf>,
    entrypoint: Option<PathBuf>,
    #[serde(default)]
    file_path_map: BTreeMap<PathBuf, PathBuf>,
}

impl Function {
    fn runtime(&self) -> Option<Runtime> {
        match self.runtime.as_str() {
            "edge" => Some(Runtime::Edge),
            runtime if runtime.starts_with("nodejs") || runtime.starts_with("bun") => Some(Runtime::Node),
            _ => None,
        }
    }

    /// The scripts of `filePathMap` that are rewritten.
    fn bundles(&self) -> impl Iterator<Item = &PathBuf> {
        self.file_path_map.values().filter(|target| is_script(target) && !is_package(target))
    }
}

/// The finished build output in a project's folder, or the folder itself if it is one.
pub(super) fn detect(
    tree: &Tree<'_>,
    folder: &Path,
    written_since: Option<SystemTime>,
) -> Result<Vec<Detected>, Error> {
    let mut found = Vec::new();
    for output in [folder.join(OUTPUT), folder.to_owned()] {
        let manifest = output.join(MANIFEST);
        if !tree.is_file(&manifest)
            || !tree.is_dir(&output.join("static")) && !tree.is_dir(&output.join("functions"))
        {
            continue;
        }
        if read_json::<Manifest>(tree, &manifest)?.version == Some(VERSION) {
            let fresh = is_fresh(tree, &manifest, written_since)?;
            found.push(Detected { layout: layout(tree, &output)?, fresh });
        }
    }
    Ok(found)
}

fn layout(tree: &Tree<'_>, output: &Path) -> Result<Layout, Error> {
    let found = functions(tree, &output.join("functions"))?;
    let mut functions = Vec::new();
    for config in &found.configs {
        functions.push((config.as_path(), read_json::<Function>(tree, config)?));
    }
    let base = base(tree, &project(tree, output), &functions);
    let mut layout = Layout {
        public: vec![output.join("static")],
        served_files: vec![output.join(MANIFEST)],
        searched: ["builds.json", "diagnostics"].map(|name| output.join(name)).to_vec(),
        evidence: vec![(output.join(MANIFEST), format!("version {VERSION}, {} functions", functions.len()))],
        ..Layout::new("vercel", &base)
    };
    layout.served_files.extend(found.fallbacks);
    add_pages_worker(tree, &mut layout, &output.join("static"));
    for (config, function) in functions {
        add_function(tree, &mut layout, config, function);
    }
    layout.server_files.sort();
    layout.server_files.dedup();
    Ok(layout)
}

/// Adds the Worker that next-on-pages made of the functions for Cloudflare Pages. It lies in the
/// public folder, and Pages runs it and does not serve it.
fn add_pages_worker(tree: &Tree<'_>, layout: &mut Layout, public: &Path) {
    let worker = public.join(PAGES_WORKER);
    if tree.is_dir(&worker) {
        layout.server.push(worker.clone());
    } else if tree.is_file(&worker) {
        layout.server_files.push(worker.clone());
    } else {
        return;
    }
    layout.add_pages_worker(tree, &worker);
}

/// Adds one function: its own folder, and the files that it takes from the rest of the project.
fn add_function(tree: &Tree<'_>, layout: &mut Layout, config: &Path, function: Function) {
    let Some(runtime) = function.runtime() else {
        layout.evidence.push((config.to_owned(), format!("runtime {}: not JavaScript", function.runtime)));
        return;
    };
    let base = layout.tree.clone();
    let folder = config.parent().unwrap_or(&base);
    layout.server.push(folder.to_owned());
    layout.server_files.extend(function.bundles().map(|target| base.join(target)));
    let environments = function.file_path_map.values().filter(|target| is_environment(target));
    layout.searched.extend(environments.map(|target| base.join(target)));
    let Some(entry) = function.entrypoint.or(function.handler) else {
        return;
    };
    let mapped = function.file_path_map.get(&entry).map(|target| base.join(target));
    let path = mapped.filter(|path| tree.is_file(path)).unwrap_or_else(|| folder.join(entry));
    layout.entries.push(Entry { path, runtime });
}

/// The folder that `filePathMap` is relative to: the project's, or its repository's if the project
/// is linked from there. The output does not say which, so the nearest folder with the most of the
/// mapped files is chosen.
fn base(tree: &Tree<'_>, project: &Path, functions: &[(&Path, Function)]) -> PathBuf {
    let scripts = functions.iter().filter(|(_, function)| function.runtime().is_some());
    let bundles: BTreeSet<&PathBuf> = scripts.flat_map(|(_, function)| function.bundles()).collect();
    let missing = |folder: &Path| bundles.iter().filter(|target| !tree.is_file(&folder.join(target))).count();
    if missing(project) == 0 {
        return project.to_owned();
    }
    let Ok(real) = tree.real(project) else {
        return project.to_owned();
    };
    let nearest = find::up_to(tree, &real, &[".git"]).into_iter().min_by_key(|folder| missing(folder));
    // Keeps the path as the caller wrote it where possible, because people read these paths.
    nearest.filter(|nearest| *nearest != real).unwrap_or(project).to_owned()
}

/// The folder that contains `.vercel`.
fn project(tree: &Tree<'_>, output: &Path) -> PathBuf {
    let real = tree.real(output).unwrap_or_else(|_| output.to_owned());
    let project = if real.ends_with(OUTPUT) { real.ancestors().nth(2) } else { None };
    let project = project.filter(|project| tree.holds(project));
    match (project, output.ends_with(OUTPUT)) {
        // Keeps the path as the caller wrote it where possible, because people read these paths.
        (Some(project), true) => output
            .ancestors()
            .nth(2)
            .filter(|as_written| tree.holds(as_written))
            .unwrap_or(project)
            .to_owned(),
        (Some(project), false) => project.to_owned(),
        (None, _) => output.to_owned(),
    }
}

#[derive(Default)]
struct Functions {
    /// Each function's configuration.
    configs: Vec<PathBuf>,
    fallbacks: Vec<PathBuf>,
}

/// The functions' configurations and fallbacks. The target of a link is found on its own, because
/// it lies in the same folder.
fn functions(tree: &Tree<'_>, folder: &Path) -> Result<Functions, Error> {
    let mut found = Functions::default();
    if !tree.is_dir(folder) {
        return Ok(found);
    }
    let real = tree.real(folder)?;
    for entry in tree.below(folder, usize::MAX, |_| true)? {
        let name = entry.name().to_string_lossy();
        if entry.kind == Kind::Link && name.ends_with(".func") {
            if !tree.real(&entry.path)?.starts_with(&real) {
                return Err(Error::LinkLeavesTree { path: entry.path, outermost: None });
            }
        } else if name == FUNCTION {
            found.configs.push(entry.path);
        } else if name.contains(".prerender-fallback.") || name.ends_with(".prerender-config.json") {
            found.fallbacks.push(entry.path);
        }
    }
    Ok(found)
}

fn is_package(target: &Path) -> bool {
    target.components().any(|part| part.as_os_str() == "node_modules")
}

/// A copy of an `.env` file.
fn is_environment(target: &Path) -> bool {
    target.file_name().is_some_and(|name| name.to_string_lossy().starts_with(".env"))
}
