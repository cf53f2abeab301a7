//! Layout of Next.js builds: `.next` or the configured `distDir`, and its standalone copy.
//!
//! Interprets Next's manifests. A folder counts as a build only with `required-server-files.json`,
//! which an unfinished build does not have.
//!
//! ```text
//! <app>/public/                            public
//! <dist>/required-server-files.json        identifies a finished build
//! <dist>/export-detail.json                names the static export, which is public
//! <dist>/static/                           public, as /_next/static
//! <dist>/server/**/*.js                    rewritten
//! <dist>/server/**/*.{html,rsc,body,…}     prerendered: public
//! <dist>/server/**/*.map                   searched
//! <dist>/{cache,diagnostics,trace}         searched
//! <dist>/standalone/<app>/.env*            searched: copies
//! <dist>/standalone/<app>/server.js        rewritten: it runs first
//! <dist>/standalone/<app>/…                the same again
//! ```

use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use serde::Deserialize;

use super::manifest::{is_fresh, read_json};
use super::{Detected, Entry, Layout, Runtime, find};
use crate::Error;
use crate::tree::{self, Kind, Tree};

const MANIFEST: &str = "required-server-files.json";
/// Says where a static export was written to.
const EXPORT: &str = "export-detail.json";
/// The script that starts a standalone copy.
const SERVER: &str = "server.js";
/// Depth at which a `distDir` such as `build/next` is still found.
const DEEPEST: usize = 4;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    config: Config,
    /// The app's folder, relative to the folder that a standalone copy reproduces.
    #[serde(default)]
    relative_app_dir: PathBuf,
    /// The folder where the app was built.
    app_dir: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Export {
    out_directory: PathBuf,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    dist_dir: PathBuf,
}

/// All finished Next builds in `folder`, which is an app's folder or a build itself.
pub(super) fn detect(
    tree: &Tree<'_>,
    folder: &Path,
    written_since: Option<SystemTime>,
) -> Result<Vec<Detected>, Error> {
    let mut found = Vec::new();
    for dist in manifests(tree, folder, DEEPEST, &["node_modules", "standalone", ".git", ".open-next"])? {
        let fresh = is_fresh(tree, &dist.join(MANIFEST), written_since)?;
        found.push(Detected { layout: layout(tree, &dist)?, fresh });
        let standalone = dist.join("standalone");
        for copy in copies(tree, &standalone)? {
            found.push(Detected { layout: standalone_layout(tree, &copy)?, fresh });
        }
    }
    Ok(found)
}

/// All builds below a folder, including the folder itself.
pub(super) fn below(tree: &Tree<'_>, folder: &Path) -> Result<Vec<Layout>, Error> {
    let found = manifests(tree, folder, usize::MAX, &["node_modules", ".git"])?;
    found.iter().map(|dist| layout(tree, dist)).collect()
}

/// The build in this folder, if the folder is one.
pub(super) fn at(tree: &Tree<'_>, folder: &Path) -> Result<Option<Layout>, Error> {
    if tree.is_file(&folder.join(MANIFEST)) { layout(tree, folder).map(Some) } else { Ok(None) }
}

/// The copies of builds in a `standalone` folder. It belongs to a build, so that none of its folders
/// is skipped because it cannot be read.
fn copies(tree: &Tree<'_>, standalone: &Path) -> Result<Vec<PathBuf>, Error> {
    if !tree.is_dir(standalone) {
        return Ok(Vec::new());
    }
    Ok(with_manifest(tree, tree.all_below(standalone, outside(tree, &["node_modules"]))?))
}

/// Folders with a Next manifest.
fn manifests(tree: &Tree<'_>, folder: &Path, depth: usize, skipped: &[&str]) -> Result<Vec<PathBuf>, Error> {
    Ok(with_manifest(tree, tree.below(folder, depth, outside(tree, skipped))?))
}

/// Accepts what has none of these names and is no build's cache.
fn outside(tree: &Tree<'_>, skipped: &[&str]) -> impl Fn(&tree::Entry) -> bool {
    |entry| !skipped.iter().any(|name| entry.name() == *name) && !find::is_cache(tree, &entry.path)
}

fn with_manifest(tree: &Tree<'_>, entries: Vec<tree::Entry>) -> Vec<PathBuf> {
    let manifests = entries.iter().filter(|entry| entry.kind == Kind::File && entry.name() == MANIFEST);
    let folders = manifests.filter_map(|entry| entry.path.parent().map(Path::to_owned));
    folders.filter(|dist| tree.is_dir(&dist.join("server"))).collect()
}

fn layout(tree: &Tree<'_>, dist: &Path) -> Result<Layout, Error> {
    let path = dist.join(MANIFEST);
    let manifest: Manifest = read_json(tree, &path)?;
    let app = app_folder(tree, dist, &manifest);
    let served_files = ["prerender-manifest.json", "routes-manifest.json"].map(|name| dist.join(name));
    let around = app.clone().filter(|app| tree.is_dir(app) && holds(tree, app, dist));
    let above = || dist.parent().filter(|above| tree.is_dir(above)).map(Path::to_owned);
    let outer = around.or_else(above).unwrap_or_else(|| dist.to_owned());
    Ok(Layout {
        server: vec![dist.join("server")],
        is_served,
        public: [
            Some(dist.join("static")),
            app.as_ref().map(|app| app.join("public")),
            app.as_ref().and_then(|app| exported(tree, dist, app, &manifest)),
        ]
        .into_iter()
        .flatten()
        .collect(),
        served_files: served_files.to_vec(),
        searched: searched(tree, dist, app.as_deref()),
        evidence: vec![(path, format!("distDir {}", manifest.config.dist_dir.display()))],
        ..Layout::new("next", &outer)
    })
}

/// The layout of a standalone copy, which has its own server that loads everything else.
fn standalone_layout(tree: &Tree<'_>, dist: &Path) -> Result<Layout, Error> {
    let mut layout = layout(tree, dist)?;
    let server = layout.tree.join(SERVER);
    if tree.is_file(&server) {
        layout.entries.push(Entry { path: server.clone(), runtime: Runtime::Node });
        layout.server_files.push(server);
    }
    Ok(layout)
}

/// The static site of `output: "export"`, in the app's folder. The export's path is taken relative
/// to where the app was built, because the app may have been moved since.
fn exported(tree: &Tree<'_>, dist: &Path, app: &Path, manifest: &Manifest) -> Option<PathBuf> {
    let details = dist.join(EXPORT);
    let export: Export = if tree.is_file(&details) { read_json(tree, &details).ok()? } else { return None };
    let built_in = manifest.app_dir.as_deref().filter(|folder| folder.is_absolute());
    let inside = built_in.and_then(|folder| export.out_directory.strip_prefix(folder).ok());
    let inside = inside
        .map_or_else(|| export.out_directory.file_name().map(PathBuf::from), |path| Some(path.into()))?;
    let is_below = inside.components().all(|part| matches!(part, Component::Normal(_)));
    Some(app.join(inside)).filter(|folder| is_below && *folder != app && tree.is_dir(folder))
}

/// The build's own files; and in a standalone copy, the `.env` files that Next copies into it.
fn searched(tree: &Tree<'_>, dist: &Path, app: Option<&Path>) -> Vec<PathBuf> {
    let mut searched = ["cache", "diagnostics", "trace", "trace-build"].map(|name| dist.join(name)).to_vec();
    let is_copy = dist.ancestors().skip(1).any(|folder| folder.ends_with("standalone"));
    if let Some(app) = app.filter(|_| is_copy) {
        let files = find::listed(tree, app).into_iter();
        let copies = files.filter(|file| file.name.to_string_lossy().starts_with(".env"));
        searched.extend(copies.map(|file| app.join(file.name)));
    }
    searched
}

/// The folder that `distDir` is relative to, if the build still lies where its manifest says.
fn app_folder(tree: &Tree<'_>, dist: &Path, manifest: &Manifest) -> Option<PathBuf> {
    let dist_dir = &manifest.config.dist_dir;
    let names: Vec<_> = dist_dir.components().filter(|part| !matches!(part, Component::CurDir)).collect();
    if names.iter().any(|part| !matches!(part, Component::Normal(_))) {
        return app_elsewhere(tree, dist, manifest).or_else(|| dist.parent().map(Path::to_owned));
    }
    // The path `.` has no textual parent, so the real path is needed.
    let dist = tree.real(dist).ok()?;
    let app = dist.ancestors().nth(names.len())?;
    Some(if dist.ends_with(dist_dir) { app.to_owned() } else { dist.parent()?.to_owned() })
}

/// The app of a build outside the app's folder: found from a folder above both (for a standalone
/// copy, inside the copy), or from the folder where the app was built.
fn app_elsewhere(tree: &Tree<'_>, dist: &Path, manifest: &Manifest) -> Option<PathBuf> {
    let dist = tree.real(dist).ok()?;
    let apps = dist.ancestors().skip(1).map(|above| above.join(&manifest.relative_app_dir));
    let is_builds = |app: &PathBuf| {
        let found = tree.real(&app.join(&manifest.config.dist_dir));
        found.is_ok_and(|found| found == dist) && !holds(tree, &dist, app)
    };
    apps.chain(manifest.app_dir.clone()).find(is_builds)
}

fn holds(tree: &Tree<'_>, folder: &Path, inside: &Path) -> bool {
    let real = |path: &Path| tree.real(path).unwrap_or_else(|_| path.to_owned());
    real(inside).starts_with(real(folder))
}

/// Prerendered pages, payloads and headers lie among the bundles. Of the JSON files, only page data
/// is served.
fn is_served(inside: &Path) -> bool {
    let extension = inside.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension {
        "js" | "mjs" | "cjs" | "map" | "wasm" | "node" => false,
        "json" => inside.starts_with("pages") && !inside.to_string_lossy().ends_with(".nft.json"),
        _ => true,
    }
}
