//! Layout of Astro server builds: `dist/`, or the configured `outDir`, from the adapters for Node
//! and Cloudflare.
//!
//! Recognises a build by Astro's entry, which carries the app's manifest, beside a client folder.
//! The Cloudflare adapter also writes a wrangler configuration, which names the entry and the
//! folder of assets.
//!
//! ```text
//! <dist>/server/entry.mjs           identifies the build; the entry
//! <dist>/server/wrangler.json       Cloudflare: `main`, `assets.directory`
//! <dist>/server/**                  rewritten
//! <dist>/server/{.dev.vars,.env}*   copied there by Cloudflare's plugin for Vite: searched
//! <dist>/client/                    public, including prerendered pages
//! ```

use std::path::Path;
use std::time::SystemTime;

use super::manifest::is_fresh;
use super::{Detected, Entry, Layout, Runtime, find, wrangler};
use crate::Error;
use crate::tree::Tree;

/// The finished build in this folder, if the folder is one.
pub(super) fn detect(
    tree: &Tree<'_>,
    dist: &Path,
    written_since: Option<SystemTime>,
) -> Result<Vec<Detected>, Error> {
    let server = dist.join("server");
    if !tree.is_dir(&dist.join("client")) || !is_astro(tree, &server) {
        return Ok(Vec::new());
    }
    let wrangler = server.join("wrangler.json");
    let (layout, manifest) = if tree.is_file(&wrangler) {
        (cloudflare(tree, dist, &wrangler)?, wrangler)
    } else {
        (node(tree, dist), server.join("entry.mjs"))
    };
    Ok(vec![Detected { layout, fresh: is_fresh(tree, &manifest, written_since)? }])
}

/// Recognises Astro by the names of its virtual modules, which appear in bundled files.
fn is_astro(tree: &Tree<'_>, server: &Path) -> bool {
    tree.is_file(&server.join("entry.mjs"))
        && (find::named(tree, server, "virtual_astro", ".mjs").is_some()
            || find::named(tree, &server.join("chunks"), "_virtual_astro", ".mjs").is_some()
            || find::says(tree, &server.join("entry.mjs"), "astro"))
}

fn node(tree: &Tree<'_>, dist: &Path) -> Layout {
    let entry = dist.join("server/entry.mjs");
    Layout {
        entries: vec![Entry { path: entry.clone(), runtime: Runtime::Node }],
        evidence: vec![(entry, "the entry of Astro's server".to_owned())],
        ..common(tree, "astro-node", dist)
    }
}

fn cloudflare(tree: &Tree<'_>, dist: &Path, config: &Path) -> Result<Layout, Error> {
    let wrangler = wrangler::of_file(tree, config)?;
    let mut layout = common(tree, "astro-cloudflare", dist);
    layout.entries.extend(wrangler.entries());
    layout.public.extend(wrangler.public);
    layout.public.dedup();
    layout.evidence.push((config.to_owned(), "what wrangler deploys of Astro's build".to_owned()));
    Ok(layout)
}

fn common(tree: &Tree<'_>, name: &'static str, dist: &Path) -> Layout {
    let server = dist.join("server");
    Layout {
        searched: find::copied_variables(tree, &server),
        server: vec![server],
        public: vec![dist.join("client")],
        ..Layout::new(name, dist)
    }
}
