//! Layout of React Router in framework mode: `build/`, or the configured `buildDirectory`.
//!
//! Recognises a build by its client manifest, which sets `__reactRouterManifest`, beside a server
//! folder. The build does not record the name of its folder.
//!
//! ```text
//! <build>/client/                          public, including prerendered pages
//! <build>/client/assets/manifest-*.js      identifies the build
//! <build>/server/**/*.js                   rewritten
//! <build>/server/index.js                  the entry; with `serverBundles` one in each folder
//! <build>/server/wrangler.json             Cloudflare: `main`: entry, `assets.directory`: public
//! ```

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::manifest::is_fresh;
use super::{Detected, Entry, Layout, Runtime, find, wrangler};
use crate::Error;
use crate::tree::Tree;

/// The variable that the client manifest sets.
const SAYS: &str = "__reactRouterManifest";

/// Written by Cloudflare's plugin for Vite.
const WRANGLER: &str = "wrangler.json";

/// The finished build in this folder, if the folder is one.
pub(super) fn detect(
    tree: &Tree<'_>,
    build: &Path,
    written_since: Option<SystemTime>,
) -> Result<Vec<Detected>, Error> {
    let manifest = find::named(tree, &build.join("client/assets"), "manifest-", ".js");
    let manifest = manifest.filter(|path| tree.is_dir(&build.join("server")) && find::says(tree, path, SAYS));
    let found = manifest.map(|manifest| {
        let fresh = is_fresh(tree, &manifest, written_since)?;
        Ok(Detected { layout: layout(tree, build, manifest)?, fresh })
    });
    found.into_iter().collect()
}

fn layout(tree: &Tree<'_>, build: &Path, manifest: PathBuf) -> Result<Layout, Error> {
    let server = build.join("server");
    let folders = find::below(tree, &server, 1)?;
    let entries = folders.iter().map(|folder| folder.join("index.js")).filter(|entry| tree.is_file(entry));
    let entries = entries.map(|path| Entry { path, runtime: Runtime::Node }).collect();
    let evidence = "the client's manifest of React Router; its server is in `server`".to_owned();
    let mut layout = Layout {
        server: vec![server.clone()],
        public: vec![build.join("client")],
        entries,
        evidence: vec![(manifest, evidence)],
        ..Layout::new("react-router", build)
    };
    for config in folders.iter().map(|folder| folder.join(WRANGLER)).filter(|config| tree.is_file(config)) {
        let wrangler = wrangler::of_file(tree, &config)?;
        layout.entries.retain(|entry| entry.path.parent() != config.parent());
        layout.entries.extend(wrangler.entries());
        layout.public.extend(wrangler.public);
        layout
            .searched
            .extend(config.parent().into_iter().flat_map(|folder| find::copied_variables(tree, folder)));
        layout.evidence.push((config, "what wrangler deploys of React Router's build".to_owned()));
    }
    Ok(layout)
}
