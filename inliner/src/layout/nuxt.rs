//! Nitro's outputs: Nuxt, and every framework that builds with Nitro.
//!
//! Owns where Nitro puts a build for which preset, and what of it is served. It refuses to guess about presets that
//! put the server or the public files somewhere else: a build counts only with both where they are expected.
//!
//! ```text
//! .output/nitro.json            the authority: preset and framework, written when the build is complete
//! .output/server/**             rewritten, without node_modules
//! .output/server/wrangler.json  Cloudflare: a copy of the app's own, `vars` included: searched
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
use super::{Detected, Entry, Layout, Runtime, find};
use crate::Error;

const MANIFEST: &str = "nitro.json";
const PAGES_WORKER: &str = "_worker.js";

#[derive(Deserialize)]
struct Manifest {
    preset: String,
    framework: Option<Framework>,
}

#[derive(Deserialize)]
struct Framework {
    name: String,
}

/// The finished Nitro builds of an app's folder, or the one that the folder itself is.
pub(super) fn detect(folder: &Path, written_since: Option<SystemTime>) -> Result<Vec<Detected>, Error> {
    let mut found = Vec::new();
    for output in [folder.join(".output"), folder.join("dist"), folder.to_owned()] {
        let path = output.join(MANIFEST);
        // The manifest of Vercel's output is Nitro's too; that layout is Vercel's.
        if !path.is_file() || output.join("functions").is_dir() {
            continue;
        }
        let manifest: Manifest = read_json(&path)?;
        if let Some(layout) = layout(&output, &manifest) {
            found.push(Detected { layout, fresh: is_fresh(&path, written_since)? });
        }
    }
    Ok(found)
}

fn layout(output: &Path, manifest: &Manifest) -> Option<Layout> {
    let framework = manifest.framework.as_ref().map(|framework| framework.name.as_str());
    let name = if framework == Some("nuxt") { "nuxt" } else { "nitro" };
    let pages = output.join(PAGES_WORKER);
    let (server, public) = if pages.is_dir() {
        (pages, output.to_owned())
    } else if is_whole(output, &manifest.preset) {
        (output.join("server"), output.join("public"))
    } else {
        return None;
    };
    let evidence = format!("framework {}, preset {}", framework.unwrap_or("unnamed"), manifest.preset);
    let runtime = if manifest.preset.starts_with("cloudflare") { Runtime::Workers } else { Runtime::Node };
    let entry =
        ["index.mjs", "index.js"].map(|name| server.join(name)).into_iter().find(|path| path.is_file());
    Some(Layout {
        entries: entry.into_iter().map(|path| Entry { path, runtime }).collect(),
        withheld: withheld(&server, output),
        searched: find::copied_variables(&server),
        server: Some(server).filter(|server| server.is_dir()).into_iter().collect(),
        public: vec![public],
        evidence: vec![(output.join(MANIFEST), evidence)],
        ..Layout::new(name, output)
    })
}

/// Nitro always makes the folder of public files: where it is missing, they lie in a folder that is not known.
fn is_whole(output: &Path, preset: &str) -> bool {
    (output.join("server").is_dir() || preset.ends_with("static")) && output.join("public").is_dir()
}

/// What lies among the public files of Cloudflare Pages and is not served.
fn withheld(server: &Path, output: &Path) -> Vec<PathBuf> {
    vec![server.to_owned(), output.join("_routes.json")]
}
