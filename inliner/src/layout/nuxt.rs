//! Layout of Nitro outputs: Nuxt, and every other framework that builds with Nitro.
//!
//! Finds the folders of the server and of the public files in a Nitro output. Presets that write
//! these elsewhere are not guessed: a build counts only if both are where they are expected; static
//! presets have no server.
//!
//! ```text
//! .output/nitro.json            identifies a complete build: preset and framework
//! .output/server/**             rewritten, without node_modules
//! .output/server/wrangler.json  Cloudflare: copy of the app's, with `vars`: searched
//! .output/public/**             public
//!
//! dist/nitro.json               the same for Cloudflare Pages
//! dist/_worker.js/**            rewritten
//! dist/**                       public, without _worker.js and the two files above
//! ```

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Deserialize;

use super::manifest::{is_fresh, read_json};
use super::worker::PAGES_WORKER;
use super::{Detected, Entry, Layout, Runtime, find};
use crate::Error;
use crate::tree::Tree;

const MANIFEST: &str = "nitro.json";

#[derive(Deserialize)]
struct Manifest {
    preset: String,
    framework: Option<Framework>,
}

#[derive(Deserialize)]
struct Framework {
    name: String,
}

/// The finished Nitro builds in an app's folder, or the folder itself if it is one.
pub(super) fn detect(
    tree: &Tree<'_>,
    folder: &Path,
    written_since: Option<SystemTime>,
) -> Result<Vec<Detected>, Error> {
    let mut found = Vec::new();
    for output in [folder.join(".output"), folder.join("dist"), folder.to_owned()] {
        let path = output.join(MANIFEST);
        // Nitro also writes the manifest of Vercel's output, which the Vercel layout handles.
        if !tree.is_file(&path) || tree.is_dir(&output.join("functions")) {
            continue;
        }
        let manifest: Manifest = read_json(tree, &path)?;
        if let Some(layout) = layout(tree, &output, &manifest) {
            found.push(Detected { layout, fresh: is_fresh(tree, &path, written_since)? });
        }
    }
    Ok(found)
}

fn layout(tree: &Tree<'_>, output: &Path, manifest: &Manifest) -> Option<Layout> {
    let framework = manifest.framework.as_ref().map(|framework| framework.name.as_str());
    let name = if framework == Some("nuxt") { "nuxt" } else { "nitro" };
    let pages = output.join(PAGES_WORKER);
    let (server, public) = if tree.is_dir(&pages) {
        (pages, output.to_owned())
    } else if is_whole(tree, output, &manifest.preset) {
        (output.join("server"), output.join("public"))
    } else {
        return None;
    };
    let evidence = format!("framework {}, preset {}", framework.unwrap_or("unnamed"), manifest.preset);
    let runtime = if manifest.preset.starts_with("cloudflare") { Runtime::Workers } else { Runtime::Node };
    let entry =
        ["index.mjs", "index.js"].map(|name| server.join(name)).into_iter().find(|path| tree.is_file(path));
    Some(Layout {
        entries: entry.into_iter().map(|path| Entry { path, runtime }).collect(),
        withheld: withheld(&server, output),
        searched: find::copied_variables(tree, &server),
        server: Some(server).filter(|server| tree.is_dir(server)).into_iter().collect(),
        public: vec![public],
        evidence: vec![(output.join(MANIFEST), evidence)],
        ..Layout::new(name, output)
    })
}

/// Nitro always creates the folder of public files; if it is missing, the preset writes them to an
/// unknown folder.
fn is_whole(tree: &Tree<'_>, output: &Path, preset: &str) -> bool {
    (tree.is_dir(&output.join("server")) || preset.ends_with("static")) && tree.is_dir(&output.join("public"))
}

/// Files among the public files of Cloudflare Pages that are not served.
fn withheld(server: &Path, output: &Path) -> Vec<PathBuf> {
    vec![server.to_owned(), output.join("_routes.json")]
}
