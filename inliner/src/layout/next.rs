//! Next.js: `.next` or whatever `distDir` says, and its standalone copy.
//!
//! Owns where Next's manifests are and what they mean. A folder counts only with its `required-server-files.json`:
//! an unfinished build has none.
//!
//! ```text
//! <app>/public/                            public
//! <dist>/required-server-files.json        the authority
//! <dist>/static/                           public, as /_next/static
//! <dist>/server/**/*.js                    rewritten
//! <dist>/server/**/*.{html,rsc,body,…}     prerendered: public
//! <dist>/server/**/*.map                   searched
//! <dist>/{cache,diagnostics,trace}         searched
//! <dist>/standalone/<app>/.env*            searched: copies
//! <dist>/standalone/<app>/server.js        rewritten: it runs first
//! <dist>/standalone/<app>/…                the same again
//! ```

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use serde::Deserialize;
use walkdir::{DirEntry, WalkDir};

use super::manifest::{is_fresh, read_json};
use super::{Detected, Entry, Layout, Runtime, find};
use crate::Error;

const MANIFEST: &str = "required-server-files.json";
/// What a standalone copy is started with.
const SERVER: &str = "server.js";
/// A `distDir` such as `build/next` is looked for this deep.
const DEEPEST: usize = 4;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    config: Config,
    /// Of the app, seen from the folder that a standalone copy is one of.
    #[serde(default)]
    relative_app_dir: PathBuf,
    /// Where it was built.
    app_dir: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    dist_dir: PathBuf,
}

/// Every finished Next build in `folder`, which is an app's folder or a build's own.
pub(super) fn detect(folder: &Path, written_since: Option<SystemTime>) -> Result<Vec<Detected>, Error> {
    let mut found = Vec::new();
    for dist in manifests(folder, DEEPEST, &["node_modules", "standalone", ".git", ".open-next"]) {
        let fresh = is_fresh(&dist.join(MANIFEST), written_since)?;
        found.push(Detected { layout: layout(&dist)?, fresh });
        let standalone = dist.join("standalone");
        for copy in manifests(&standalone, usize::MAX, &["node_modules"]) {
            found.push(Detected { layout: standalone_layout(&copy)?, fresh });
        }
    }
    Ok(found)
}

/// Every build below a folder, which may be one, too.
pub(super) fn below(folder: &Path) -> Result<Vec<Layout>, Error> {
    manifests(folder, usize::MAX, &["node_modules", ".git"]).iter().map(|dist| layout(dist)).collect()
}

/// The build that a folder is.
pub(super) fn at(folder: &Path) -> Result<Option<Layout>, Error> {
    if folder.join(MANIFEST).is_file() { layout(folder).map(Some) } else { Ok(None) }
}

/// Folders with a manifest of Next's.
fn manifests(folder: &Path, depth: usize, skipped: &[&str]) -> Vec<PathBuf> {
    let wanted = |entry: &DirEntry| {
        entry.depth() == 0
            || !skipped.iter().any(|name| entry.file_name() == *name) && !find::is_cache(entry.path())
    };
    let entries = WalkDir::new(folder).max_depth(depth).sort_by_file_name().into_iter().filter_entry(wanted);
    let manifests =
        entries.flatten().filter(|entry| entry.file_type().is_file() && entry.file_name() == MANIFEST);
    let folders = manifests.filter_map(|entry| entry.path().parent().map(Path::to_owned));
    folders.filter(|dist| dist.join("server").is_dir()).collect()
}

fn layout(dist: &Path) -> Result<Layout, Error> {
    let path = dist.join(MANIFEST);
    let manifest: Manifest = read_json(&path)?;
    let app = app_folder(dist, &manifest);
    let served_files = ["prerender-manifest.json", "routes-manifest.json"].map(|name| dist.join(name));
    let around = app.clone().filter(|app| app.is_dir() && holds(app, dist));
    let above = || dist.parent().filter(|above| above.is_dir()).map(Path::to_owned);
    let tree = around.or_else(above).unwrap_or_else(|| dist.to_owned());
    Ok(Layout {
        server: vec![dist.join("server")],
        is_served,
        public: [Some(dist.join("static")), app.as_ref().map(|app| app.join("public"))]
            .into_iter()
            .flatten()
            .collect(),
        served_files: served_files.to_vec(),
        searched: searched(dist, app.as_deref()),
        evidence: vec![(path, format!("distDir {}", manifest.config.dist_dir.display()))],
        ..Layout::new("next", &tree)
    })
}

/// A copy of the build with a server of its own, which loads everything else.
fn standalone_layout(dist: &Path) -> Result<Layout, Error> {
    let mut layout = layout(dist)?;
    let server = layout.tree.join(SERVER);
    if server.is_file() {
        layout.entries.push(Entry { path: server.clone(), runtime: Runtime::Node });
        layout.server_files.push(server);
    }
    Ok(layout)
}

/// What the build keeps for itself; and in a standalone copy, the `.env` files that Next copies into it.
fn searched(dist: &Path, app: Option<&Path>) -> Vec<PathBuf> {
    let mut searched = ["cache", "diagnostics", "trace", "trace-build"].map(|name| dist.join(name)).to_vec();
    let is_copy = dist.ancestors().skip(1).any(|folder| folder.ends_with("standalone"));
    if let Some(app) = app.filter(|_| is_copy) {
        let files = fs::read_dir(app).into_iter().flatten().flatten();
        let copies = files.filter(|file| file.file_name().to_string_lossy().starts_with(".env"));
        searched.extend(copies.map(|file| file.path()));
    }
    searched
}

/// The folder that `distDir` is relative to, if the build still lies where it says.
fn app_folder(dist: &Path, manifest: &Manifest) -> Option<PathBuf> {
    let dist_dir = &manifest.config.dist_dir;
    let names: Vec<_> = dist_dir.components().filter(|part| !matches!(part, Component::CurDir)).collect();
    if names.iter().any(|part| !matches!(part, Component::Normal(_))) {
        return app_elsewhere(dist, manifest).or_else(|| dist.parent().map(Path::to_owned));
    }
    // `.` has no parent by its text.
    let dist = dist.canonicalize().ok()?;
    let app = dist.ancestors().nth(names.len())?;
    Some(if dist.ends_with(dist_dir) { app.to_owned() } else { dist.parent()?.to_owned() })
}

/// An app that its build does not lie in: in a folder above both, which for a copy is the copy's, or where it was built.
fn app_elsewhere(dist: &Path, manifest: &Manifest) -> Option<PathBuf> {
    let dist = dist.canonicalize().ok()?;
    let apps = dist.ancestors().skip(1).map(|above| above.join(&manifest.relative_app_dir));
    let is_builds = |app: &PathBuf| {
        let found = app.join(&manifest.config.dist_dir).canonicalize();
        found.is_ok_and(|found| found == dist) && !holds(&dist, app)
    };
    apps.chain(manifest.app_dir.clone()).find(is_builds)
}

fn holds(folder: &Path, inside: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    real(inside).starts_with(real(folder))
}

/// Prerendered pages, payloads and headers lie among the bundles. Of the JSON files only page data is served.
fn is_served(inside: &Path) -> bool {
    let extension = inside.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension {
        "js" | "mjs" | "cjs" | "map" | "wasm" | "node" => false,
        "json" => inside.starts_with("pages") && !inside.to_string_lossy().ends_with(".nft.json"),
        _ => true,
    }
}
