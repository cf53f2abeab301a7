//! One archive for each target: `bin/` with the programs, and the licences.

use std::fs;

use anyhow::{Context, Result};

use super::archive::{self, Entry};
use super::{Programs, Release, Target, licences};

/// What the archive of a target is called.
pub(super) fn name(target: Target) -> String {
    let kind = if target == Target::WindowsX64 { "zip" } else { "tar.gz" };
    format!("capy-{}.{kind}", target.triple())
}

pub(super) fn make(release: &Release) -> Result<()> {
    release.each_target(|target| {
        let Programs { capy, .. } = release.programs(target)?;
        let capy = fs::read(&capy).with_context(|| capy.display().to_string())?;
        let mut entries = licences::files(target)?;
        let packed = if target == Target::WindowsX64 {
            // Windows makes links only for administrators.
            entries.push(Entry::program("bin/capy-inline.exe", capy.clone()));
            entries.push(Entry::program("bin/capy.exe", capy));
            archive::zip(entries)?
        } else {
            entries.push(Entry::link("bin/capy-inline", "capy"));
            entries.push(Entry::program("bin/capy", capy));
            archive::gzip(&archive::tar(entries, release.epoch)?)?
        };
        release.add(&name(target), &packed)
    })
}
