//! npm packages of a release: one for people, and one for each platform with the program.
//!
//! The package for people lists the others as optional dependencies, each for its `os` and `cpu`,
//! so that a package manager installs the one that fits. Nothing runs at installation. One package
//! for Linux suits glibc and musl, since the program is static.

use std::fs;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::archive::{self, Entry};
use super::{Release, Target, licences};
use crate::workspace_root;

/// The sources of the package for people.
const SOURCES: &str = "packaging/npm/capy";

pub(super) fn make(release: &Release) -> Result<()> {
    // Its optional dependencies are the platforms of this release, so that each of them exists.
    add(release, &release.names.npm, main_package(release)?)?;
    release.each_target(|target| add(release, &name(release, target), platform(release, target)?))
}

/// The name of a platform's package. `lib/run.cjs` makes the same name from Node's
/// `process.platform` and `process.arch`.
fn name(release: &Release, target: Target) -> String {
    format!("{}-{}-{}", release.names.npm, target.npm_os(), target.npm_cpu())
}

/// Packs a package as `npm pack` does, and adds it to the release under the file name that
/// `npm pack` gives it.
///
/// # Errors
/// If it cannot be written.
pub(super) fn add(release: &Release, name: &str, entries: Vec<Entry>) -> Result<()> {
    let entries = entries.into_iter().map(|entry| entry.below("package")).collect();
    let packed = archive::gzip(&archive::tar(entries, release.epoch)?)?;
    let file = format!("{}-{}.tgz", name.trim_start_matches('@').replace('/', "-"), release.version);
    release.add(&file, &packed)
}

/// A package's manifest: the `package.json` of its sources, with `name` and the fields that every
/// package of a release has.
///
/// # Errors
/// If the source is not a manifest.
pub(super) fn manifest(release: &Release, folder: &str, name: &str) -> Result<Map<String, Value>> {
    let path = workspace_root().join(folder).join("package.json");
    let text = fs::read(&path).with_context(|| path.display().to_string())?;
    let mut manifest: Map<String, Value> = serde_json::from_slice(&text).context("package.json")?;
    manifest.insert("name".into(), name.into());
    manifest.extend(shared(release));
    Ok(manifest)
}

/// Fields that all manifests share: version and origin. `gitHead` is npm's own field for the
/// commit.
fn shared(release: &Release) -> Map<String, Value> {
    let repository = json!({ "type": "git", "url": format!("git+{}.git", release.names.repository) });
    let fields = json!({
        "version": release.version,
        "license": "MIT OR Apache-2.0",
        "repository": repository,
        "homepage": release.names.repository,
        "gitHead": release.commit,
        "publishConfig": { "access": "public" },
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// A manifest as a file.
pub(super) fn manifest_file(manifest: Map<String, Value>) -> Result<Entry> {
    let text = serde_json::to_string_pretty(&Value::Object(manifest))? + "\n";
    Ok(Entry::file("package.json", text))
}

/// The files with these names in a folder of the workspace.
///
/// # Errors
/// If a file cannot be read.
pub(super) fn sources(folder: &str, names: &[&str]) -> Result<Vec<Entry>> {
    let read = |name: &&str| -> Result<Entry> {
        let path = workspace_root().join(folder).join(name);
        let content = fs::read(&path).with_context(|| path.display().to_string())?;
        Ok(if name.starts_with("bin/") {
            Entry::program(*name, content)
        } else {
            Entry::file(*name, content)
        })
    };
    names.iter().map(read).collect()
}

fn main_package(release: &Release) -> Result<Vec<Entry>> {
    let mut manifest = manifest(release, SOURCES, &release.names.npm)?;
    let platforms: Map<String, Value> = release
        .targets
        .iter()
        .map(|target| (name(release, *target), release.version.clone().into()))
        .collect();
    manifest.insert("optionalDependencies".into(), platforms.into());
    let files = ["README.md", "bin/capy.cjs", "bin/capy-inline.cjs", "lib/child.cjs", "lib/run.cjs"];
    let mut entries = sources(SOURCES, &files)?;
    entries.extend(sources(".", &["LICENSE-APACHE", "LICENSE-MIT"])?);
    entries.push(manifest_file(manifest)?);
    Ok(entries)
}

fn platform(release: &Release, target: Target) -> Result<Vec<Entry>> {
    let capy = release.programs(target)?.capy;
    let capy = fs::read(&capy).with_context(|| capy.display().to_string())?;
    let (os, cpu) = (target.npm_os(), target.npm_cpu());
    let mut manifest = Map::new();
    manifest.insert("name".into(), name(release, target).into());
    manifest
        .insert("description".into(), format!("The program of {} for {os}-{cpu}", release.names.npm).into());
    manifest.extend(shared(release));
    manifest.insert("os".into(), json!([os]));
    manifest.insert("cpu".into(), json!([cpu]));
    // Yarn keeps packages as zip files, from which the program could not be started.
    manifest.insert("preferUnplugged".into(), true.into());
    let mut entries = licences::files(target)?;
    entries.push(Entry::program(format!("bin/capy{}", target.exe_suffix()), capy));
    entries.push(Entry::file(
        "README.md",
        format!(
            "# {}\n\nThe program of [`{1}`](https://www.npmjs.com/package/{1}) for {os}-{cpu} (`{2}`). \
             Install `{1}`, which brings this package along.\n",
            name(release, target),
            release.names.npm,
            target.triple()
        ),
    ));
    entries.push(manifest_file(manifest)?);
    Ok(entries)
}
