//! Layout of OpenNext for Cloudflare: a Next build turned into a Worker, which wrangler bundles
//! when it deploys.
//!
//! Selects the files that hold the application's code: self-contained bundles. The copies of Next's
//! own output beside them are not run. In a monorepo, `server-functions/<name>/handler.mjs` only
//! re-exports the one in the app's folder; both are rewritten. OpenNext outputs for other platforms
//! are not supported.
//!
//! ```text
//! .open-next/worker.js                              the entry
//! .open-next/middleware/handler.mjs                 rewritten: middleware or proxy
//! .open-next/server-functions/<name>/handler.mjs    rewritten: everything else
//! …/<name>/<path of the app>/handler.mjs            rewritten: everything else, in a monorepo
//! .open-next/assets/**                              public
//! .open-next/cache/**                               public: prerendered pages, uploaded to a store
//! .open-next/cloudflare/next-env.mjs                searched: every `.env` value of the build
//! …/<name>/<path of the app>/.env*                  searched: copies
//! ```

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::manifest::is_fresh;
use super::{Detected, Entry, Layout, Runtime, find};
use crate::Error;
use crate::tree::{self, Tree};

const OUTPUT: &str = ".open-next";
const ENTRY: &str = "worker.js";
/// Only the output for Cloudflare has this file.
const PLATFORM: &str = "cloudflare/init.js";

/// The finished build in an app's folder, or the folder itself if it is one.
pub(super) fn detect(
    tree: &Tree<'_>,
    folder: &Path,
    written_since: Option<SystemTime>,
) -> Result<Vec<Detected>, Error> {
    let mut found = Vec::new();
    for output in [folder.join(OUTPUT), folder.to_owned()] {
        let entry = output.join(ENTRY);
        if tree.is_file(&entry) && tree.is_file(&output.join(PLATFORM)) {
            found.push(Detected {
                layout: layout(tree, &output)?,
                fresh: is_fresh(tree, &entry, written_since)?,
            });
        }
    }
    Ok(found)
}

fn layout(tree: &Tree<'_>, output: &Path) -> Result<Layout, Error> {
    let entry = output.join(ENTRY);
    let mut server_files = vec![entry.clone(), output.join("middleware/handler.mjs")];
    let handlers = handlers(tree, &output.join("server-functions"))?;
    let mut searched = vec![output.join("cloudflare/next-env.mjs"), output.join("dynamodb-provider")];
    searched.extend(
        handlers
            .iter()
            .filter_map(|file| file.parent())
            .flat_map(|folder| find::copied_variables(tree, folder)),
    );
    server_files.extend(handlers);
    server_files.retain(|file| tree.is_file(file));
    Ok(Layout {
        server_files,
        public: ["assets", "cache"].map(|name| output.join(name)).to_vec(),
        searched,
        entries: vec![Entry { path: entry.clone(), runtime: Runtime::Workers }],
        evidence: vec![(entry, "OpenNext for Cloudflare".to_owned())],
        ..Layout::new("opennext", output)
    })
}

/// The bundles below the folder of functions; each lies as deep as its app does in its repository.
fn handlers(tree: &Tree<'_>, functions: &Path) -> Result<Vec<PathBuf>, Error> {
    let wanted = |entry: &tree::Entry| !["node_modules", ".next"].iter().any(|name| entry.name() == *name);
    let entries = tree.below(functions, usize::MAX, wanted)?.into_iter();
    Ok(entries.filter(|entry| entry.name() == "handler.mjs").map(|entry| entry.path).collect())
}
