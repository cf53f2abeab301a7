//! Archives of each program for each target, with `bin/` and the licences.

use anyhow::Result;

use super::archive::{self, Entry};
use super::programs::Program;
use super::{Release, Target, licences};

/// The file name of a target's archive.
pub(super) fn name(target: Target, program: Program) -> String {
    let kind = if target == Target::WindowsX64 { "zip" } else { "tar.gz" };
    format!("{}-{}.{kind}", program.name(), target.triple())
}

/// The archives of `capy`.
pub(super) fn make(release: &Release) -> Result<()> {
    release.each_target(|target| {
        let capy = release.read_program(target, Program::Capy)?;
        let mut entries = licences::files(target)?;
        let packed = if target == Target::WindowsX64 {
            // On Windows only administrators can create links, so the program is there twice.
            entries.push(Entry::program("bin/capy-inline.exe", capy.clone()));
            entries.push(Entry::program("bin/capy.exe", capy));
            archive::zip(entries)?
        } else {
            entries.push(Entry::link("bin/capy-inline", "capy"));
            entries.push(Entry::program("bin/capy", capy));
            archive::gzip(&archive::tar(entries, release.epoch)?)?
        };
        release.add(&name(target, Program::Capy), &packed)
    })
}

/// The archives of `capy-server`, for Linux with its systemd unit.
pub(super) fn make_server(release: &Release) -> Result<()> {
    release.each_target(|target| {
        if !Program::of(target).contains(&Program::Server) {
            return Ok(());
        }
        let mut entries = licences::files(target)?;
        entries.push(Entry::program("bin/capy-server", release.read_program(target, Program::Server)?));
        if target.is_linux() {
            entries.push(Entry::file("capy.service", licences::read("server/packaging/capy.service")?));
        }
        let packed = archive::gzip(&archive::tar(entries, release.epoch)?)?;
        release.add(&name(target, Program::Server), &packed)
    })
}
