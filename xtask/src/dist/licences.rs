//! Licence files of a release: our own licences, and those of every crate that is compiled in.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::Target;
use super::archive::Entry;
use crate::workspace_root;

/// How the names of licence files begin, in lower case.
const NAMES: [&str; 5] = ["license", "licence", "copying", "notice", "unlicense"];

/// A package of `cargo metadata`.
#[derive(Debug, Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    repository: Option<String>,
    manifest_path: PathBuf,
    source: Option<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

/// The licence files in an archive for a target.
pub(super) fn files(target: Target) -> Result<Vec<Entry>> {
    let ours = ["LICENSE-APACHE", "LICENSE-MIT"];
    let mut entries = Vec::new();
    for name in ours {
        entries.push(Entry::file(name, read(name)?));
    }
    entries.push(Entry::file("LICENSES-THIRD-PARTY", third_party(target)?));
    Ok(entries)
}

/// Reads a file of the workspace.
pub(super) fn read(path: &str) -> Result<Vec<u8>> {
    fs::read(workspace_root().join(path)).with_context(|| path.to_owned())
}

/// The licences of every crate that is compiled into `capy` for a target. A text that several
/// crates have is there once.
pub(super) fn third_party(target: Target) -> Result<String> {
    let mut text = String::from(
        "capy is compiled together with these crates. Each is listed with its licence, and each text of a licence\n\
         follows with the crates that bring it along. A crate without a text is used on the terms of the licence that\n\
         it names: the texts of MIT and Apache-2.0 are in LICENSE-MIT and LICENSE-APACHE.\n\n",
    );
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in compiled_in(target)? {
        let Package { name, version, license, repository, manifest_path, .. } = package;
        let license = license.with_context(|| format!("{name} names no licence"))?;
        let repository = repository.unwrap_or_default();
        writeln!(text, "{name} {version}: {license} {repository}")?;
        for terms in texts_of(manifest_path.parent().context("a manifest lies in a folder")?)? {
            texts.entry(terms).or_default().push(format!("{name} {version}"));
        }
    }
    let mut texts: Vec<_> = texts.into_iter().collect();
    texts.sort_by(|(_, one), (_, other)| one.cmp(other));
    for (terms, crates) in texts {
        let line = "-".repeat(80);
        write!(text, "\n{line}\n{}\n{line}\n{terms}\n", crates.join(", "))?;
    }
    Ok(text)
}

/// The licence texts in a crate's folder, with `\n` as line end.
fn texts_of(folder: &Path) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_lowercase();
        if entry.file_type()?.is_file() && NAMES.iter().any(|known| name.starts_with(known)) {
            paths.push(entry.path());
        }
    }
    paths.sort();
    let read = |path: &PathBuf| -> Result<String> {
        let bytes = fs::read(path).with_context(|| path.display().to_string())?;
        Ok(String::from_utf8_lossy(&bytes).replace('\r', "").trim().to_owned())
    };
    paths.iter().map(read).collect()
}

/// The crates that `capy` depends on for a target, ordered by name. Build dependencies and our own
/// crates are left out.
fn compiled_in(target: Target) -> Result<Vec<Package>> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version", "1", "--locked", "--filter-platform", target.triple()]);
    let output = cargo.arg("--manifest-path").arg(workspace_root().join("cli/Cargo.toml")).output();
    let output = output.context("cargo metadata: cannot start")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Metadata = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    let nodes: BTreeMap<_, _> = metadata.resolve.nodes.iter().map(|node| (&node.id, &node.deps)).collect();
    let mut packages: BTreeMap<_, _> =
        metadata.packages.into_iter().map(|package| (package.id.clone(), package)).collect();
    let capy = packages.values().find(|package| package.name == "capy").context("no package capy")?;
    let (mut next, mut found) = (vec![capy.id.clone()], BTreeMap::new());
    while let Some(id) = next.pop() {
        let Some(package) = packages.remove(&id) else { continue };
        let links = |dependency: &&Dependency| dependency.dep_kinds.iter().any(|kind| kind.kind.is_none());
        let dependencies = nodes.get(&id).into_iter().flat_map(|dependencies| dependencies.iter());
        next.extend(dependencies.filter(links).map(|dependency| dependency.pkg.clone()));
        found.insert((package.name.clone(), package.version.clone()), package);
    }
    Ok(found.into_values().filter(|package| package.source.is_some()).collect())
}
