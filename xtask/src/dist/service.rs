//! The key service for Cloudflare, built, as an archive and as an npm package of the same files.
//!
//! wrangler uploads the modules as they are, without bundling, so that `capy service verify` can
//! compare the deployed files with the release byte by byte.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use capy_test_support::build_worker::{Build, build_worker};
use serde_json::Value;

use super::Release;
use super::archive::{self, Entry};
use super::npm::{add, manifest, manifest_file, sources};
use crate::workspace_root;

/// The sources of the package.
const SOURCES: &str = "packaging/npm/service";
/// The modules that are uploaded. The Worker starts with the first.
const MODULES: [&str; 3] = ["entry.mjs", "index.js", "index_bg.wasm"];

pub(super) fn make(release: &Release) -> Result<()> {
    let build =
        Build { commit: Some(release.commit.clone()), ..Build::package("capy-worker", "worker-release") };
    let entry = build_worker(&build)?;
    let folder = entry.parent().context("the entry lies in a folder")?;
    let entries = files(release, folder)?;
    add(release, &release.names.npm_service, entries.clone())?;
    let top = format!("capy-service-{}", release.version);
    let entries = entries.into_iter().map(|entry| entry.below(&top)).collect();
    let packed = archive::gzip(&archive::tar(entries, release.epoch)?)?;
    release.add(&format!("{top}.tar.gz"), &packed)
}

fn files(release: &Release, built: &Path) -> Result<Vec<Entry>> {
    let mut entries = sources(SOURCES, &["README.md", "bin/service.cjs"])?;
    entries.extend(sources(".", &["LICENSE-APACHE", "LICENSE-MIT"])?);
    for module in MODULES {
        let path = built.join(module);
        let content = fs::read(&path).with_context(|| path.display().to_string())?;
        entries.push(Entry::file(format!("worker/{module}"), content));
    }
    for migration in super::release::files(&workspace_root().join("worker/migrations"))? {
        let path = workspace_root().join("worker/migrations").join(&migration);
        entries.push(Entry::file(format!("migrations/{migration}"), fs::read(path).context("a migration")?));
    }
    let settings = fs::read_to_string(workspace_root().join("wrangler.toml")).context("wrangler.toml")?;
    entries.push(Entry::file("wrangler.toml", without_build(&settings)?));
    let mut manifest = manifest(release, SOURCES, &release.names.npm_service)?;
    // `npx` expects a command with the package's name.
    let command = release.names.npm_service.rsplit('/').next().unwrap_or_default();
    manifest.insert("bin".into(), serde_json::json!({ command: "bin/service.cjs" }));
    manifest.insert("capy".into(), serde_json::json!({ "capy": release.names.npm, "wrangler": wrangler()? }));
    entries.push(manifest_file(manifest)?);
    Ok(entries)
}

/// The version of wrangler that the tests use.
fn wrangler() -> Result<String> {
    let manifest = fs::read(workspace_root().join("package.json")).context("package.json")?;
    let manifest: Value = serde_json::from_slice(&manifest).context("package.json")?;
    let version = manifest["devDependencies"]["wrangler"].as_str();
    Ok(version.context("package.json names no wrangler")?.to_owned())
}

/// The checkout's `wrangler.toml` for modules that are built already: wrangler neither builds nor
/// bundles them.
fn without_build(text: &str) -> Result<String> {
    let text = replace(
        text,
        "main = \"build/worker/entry.mjs\"\n",
        "main = \"worker/entry.mjs\"\n\
         # Uploaded as they are: `capy service verify` compares what is deployed with these files.\n\
         no_bundle = true\n\
         rules = [{ type = \"ESModule\", globs = [\"**/*.js\"] }]\n",
    )?;
    let text = replace(&text, "# The glue around the wasm: a quarter less of it.\nminify = true\n", "")?;
    let text = replace(&text, "\"worker/migrations\"", "\"migrations\"")?;
    let build = "[build]\n";
    let start = text.find(build).context("wrangler.toml has no [build]")?;
    let after = text[start..].find("\n\n").context("wrangler.toml ends with [build]")?;
    let text = format!("{}{}", &text[..start], &text[start + after + 2..]);
    ensure!(!text.contains("[build]"), "wrangler.toml still has [build]");
    Ok(text)
}

fn replace(text: &str, from: &str, to: &str) -> Result<String> {
    match text.matches(from).count() {
        1 => Ok(text.replace(from, to)),
        found => bail!("expected {from:?} once in wrangler.toml, found it {found} times"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_the_release_are_those_of_the_checkout_without_its_build() {
        let checkout = fs::read_to_string(workspace_root().join("wrangler.toml")).unwrap();
        let mut expected: toml::Table = checkout.parse().unwrap();
        let mut found: toml::Table = without_build(&checkout).unwrap().parse().unwrap();
        for changed in ["build", "minify", "main"] {
            assert!(expected.remove(changed).is_some(), "{changed}");
        }
        assert_eq!(found.remove("main").unwrap().as_str(), Some("worker/entry.mjs"));
        assert_eq!(found.remove("no_bundle").unwrap().as_bool(), Some(true));
        assert!(found.remove("rules").is_some());
        expected["d1_databases"][0]["migrations_dir"] = "migrations".into();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_wrangler_toml_of_another_shape_is_refused() {
        assert!(without_build("main = \"other.mjs\"\n").is_err());
    }
}
