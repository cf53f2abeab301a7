//! Programs in `target/dist-programs`, one folder for each target, for tests and benchmarks.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::programs::Program;
use super::release::megabytes;
use super::{Release, Target};
use crate::steps::say;
use crate::workspace_root;

/// Builds a program for all targets that have it, and puts it into `target/dist-programs`.
pub(super) fn make(release: &Release, program: Program) -> Result<()> {
    release.each_target(|target| match Program::of(target).contains(&program) {
        true => keep(release, target, program).map(drop),
        false => Ok(()),
    })
}

/// Builds a program for a target, puts it into `target/dist-programs/TRIPLE/`, and returns that
/// folder.
pub(super) fn keep(release: &Release, target: Target, program: Program) -> Result<PathBuf> {
    let folder = workspace_root().join("target/dist-programs").join(target.triple());
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let from = release.program(target, program)?;
    // Renamed into place, since two tests may do this at once.
    let aside = tempfile::NamedTempFile::new_in(&folder).context("a program")?;
    let bytes = fs::copy(&from, aside.path()).with_context(|| from.display().to_string())?;
    let path = folder.join(program.file(target));
    aside.persist(&path).with_context(|| path.display().to_string())?;
    say(format!("   {}: {:.2} MB", path.display(), megabytes(bytes.try_into()?)));
    #[cfg(unix)]
    if program == Program::Capy && target != Target::WindowsX64 {
        match std::os::unix::fs::symlink("capy", folder.join("capy-inline")) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error.into()),
            _ => {}
        }
    }
    Ok(folder)
}
