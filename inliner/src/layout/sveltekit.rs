//! Layout of SvelteKit with the adapters for Node and Cloudflare. The adapter for Vercel writes
//! Vercel's own output.
//!
//! SvelteKit itself writes `.svelte-kit/output`. The Node adapter bundles it again, while the
//! worker of the Cloudflare adapter imports it, so it runs only on Cloudflare.
//!
//! ```text
//! <app>/build/{handler,index,env,shims}.js         Node: rewritten; handler.js identifies a build
//! <app>/build/server/**                            rewritten; beside handler.js
//! <app>/build/{client,prerendered}/                public, with .gz and .br copies
//! <app>/.svelte-kit/cloudflare-tmp/manifest.js     Cloudflare: identifies a build; rewritten
//! <app>/.svelte-kit/output/server/**               rewritten
//! <app>/.svelte-kit/cloudflare/                    public, but for _worker.js, which is the entry
//! <app>/.svelte-kit/output/{client,prerendered}/   sources of the public folders: searched
//! ```

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::manifest::is_fresh;
use super::{Detected, Entry, Layout, Runtime, find};
use crate::Error;
use crate::tree::Tree;

/// The finished builds in this folder, if the folder is one.
pub(super) fn detect(
    tree: &Tree<'_>,
    folder: &Path,
    written_since: Option<SystemTime>,
) -> Result<Vec<Detected>, Error> {
    let mut found = Vec::new();
    if is_node(tree, folder) {
        let handler = folder.join("handler.js");
        found.push(Detected {
            fresh: is_fresh(tree, &handler, written_since)?,
            layout: node(tree, folder, handler),
        });
    }
    let manifest = folder.join("cloudflare-tmp/manifest.js");
    if tree.is_file(&manifest) && tree.is_file(&folder.join("output/server/index.js")) {
        let fresh = is_fresh(tree, &manifest, written_since)?;
        found.push(Detected { layout: cloudflare(tree, folder, manifest), fresh });
    }
    Ok(found)
}

/// Recognises the adapter's four files beside what it bundled.
fn is_node(tree: &Tree<'_>, build: &Path) -> bool {
    let files =
        ["handler.js", "index.js", "env.js", "shims.js"].iter().all(|name| tree.is_file(&build.join(name)));
    files && tree.is_dir(&build.join("server")) && find::says(tree, &build.join("handler.js"), "as handler")
}

fn node(tree: &Tree<'_>, build: &Path, handler: PathBuf) -> Layout {
    let files = ["env.js", "handler.js", "index.js", "shims.js"].map(|name| build.join(name));
    // Custom servers also load `handler.js`.
    let entries = [build.join("index.js"), handler.clone()];
    let kit = build.parent().map(|app| app.join(".svelte-kit/output"));
    Layout {
        server: vec![build.join("server")],
        server_files: files.into(),
        public: vec![build.join("client"), build.join("prerendered")],
        entries: entries.into_iter().map(|path| Entry { path, runtime: Runtime::Node }).collect(),
        // It lies beside the build, which may be all that the caller named.
        searched: kit.into_iter().filter(|kit| tree.holds(kit)).collect(),
        evidence: vec![(handler, "written by SvelteKit's adapter for Node".to_owned())],
        ..Layout::new("sveltekit-node", build)
    }
}

fn cloudflare(tree: &Tree<'_>, kit: &Path, manifest: PathBuf) -> Layout {
    let worker = kit.join("cloudflare/_worker.js");
    // The adapter can write it elsewhere.
    let written: Vec<PathBuf> =
        Some(worker.clone()).filter(|worker| tree.is_file(worker)).into_iter().collect();
    let mut searched = ["client", "prerendered"].map(|name| kit.join("output").join(name)).to_vec();
    searched.extend(
        ["output/server", "cloudflare-tmp"]
            .iter()
            .flat_map(|name| find::copied_variables(tree, &kit.join(name))),
    );
    Layout {
        server: vec![kit.join("output/server"), kit.join("cloudflare-tmp")],
        server_files: written.clone(),
        withheld: vec![worker],
        public: vec![kit.join("cloudflare")],
        searched,
        entries: written.into_iter().map(|path| Entry { path, runtime: Runtime::Workers }).collect(),
        evidence: vec![(manifest, "written by SvelteKit's adapter for Cloudflare".to_owned())],
        ..Layout::new("sveltekit-cloudflare", kit)
    }
}
