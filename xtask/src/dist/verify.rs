//! Checks that a release is reproducible: makes it from two clones of its commit, and compares the
//! bytes.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::Arguments;
use super::release::{files, git};
use crate::steps::{heading, loud, quiet, say};
use crate::workspace_root;

/// Makes the release in two clones at different paths, each with an empty target folder, and
/// compares all files. Keeps the clones if any file differs.
pub(super) fn run(arguments: &Arguments) -> Result<()> {
    ensure!(
        git(&["status", "--porcelain"])?.is_empty(),
        "there are changes that no commit holds, so that no clone has them\n\nhint: commit them first"
    );
    let commit = git(&["rev-parse", "HEAD"])?;
    let scratch = tempfile::tempdir().context("a temporary folder")?;
    // The paths differ in length and depth.
    let clones = [scratch.path().join("one"), scratch.path().join("another/clone")];
    for clone in &clones {
        heading(&format!("a release from {}", clone.display()));
        make(clone, &commit, arguments)?;
    }
    heading("comparison");
    let [one, other] = clones.map(|clone| clone.join("target/dist"));
    if let Err(error) = compare(&one, &other) {
        let kept = scratch.keep();
        bail!("{error:#}\n\nhint: to look for the cause, both clones are kept in {}", kept.display());
    }
    if let Some(out) = &arguments.out {
        fs::create_dir_all(out).with_context(|| out.display().to_string())?;
        for name in files(&one)? {
            fs::copy(one.join(&name), out.join(&name)).with_context(|| name.clone())?;
        }
    }
    Ok(())
}

/// Compares all files of two releases.
fn compare(one: &Path, other: &Path) -> Result<()> {
    let names = files(one)?;
    ensure!(!names.is_empty(), "nothing was made");
    ensure!(names == files(other)?, "the two releases have different files");
    let mut differ = Vec::new();
    for name in names {
        let same = fs::read(one.join(&name))? == fs::read(other.join(&name))?;
        say(format!("   {name}: {}", if same { "the same" } else { "DIFFERS" }));
        if !same {
            differ.push(name);
        }
    }
    ensure!(differ.is_empty(), "not the same bytes: {}", differ.join(", "));
    Ok(())
}

/// Clones this repository, and makes the release there with the clone's own xtask.
fn make(clone: &Path, commit: &str, arguments: &Arguments) -> Result<()> {
    let mut clone_it = Command::new("git");
    quiet("git clone", clone_it.args(["clone", "--quiet"]).arg(workspace_root()).arg(clone))?;
    let mut checkout = Command::new("git");
    quiet("git checkout", checkout.args(["checkout", "--quiet", "--detach", commit]).current_dir(clone))?;
    let mut cargo = Command::new(env!("CARGO"));
    // Without the alias's `--quiet`, since nothing is compiled yet.
    cargo.args(["run", "--locked", "--package", "xtask", "--", "dist"]).current_dir(clone);
    for part in &arguments.only {
        cargo.args(["--only", &part.name()]);
    }
    for target in &arguments.target {
        cargo.args(["--target", target.triple()]);
    }
    cargo.env_remove("CARGO_TARGET_DIR").env_remove("CARGO_ENCODED_RUSTFLAGS");
    loud("cargo xtask dist", &mut cargo)
}
