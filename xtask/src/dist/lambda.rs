//! The layers of AWS Lambda: `capy`, and the wrapper that starts a function's runtime with the
//! secrets.

use anyhow::Result;

use super::archive::{self, Entry};
use super::programs::Program;
use super::{Release, Target, licences};

/// The folder of the licences in the layer. All layers of a function share `/opt`, so the files
/// that lie at its top are few.
const LICENCES: &str = "share/doc/capy";

/// Lambda's name of the target's processor; `None` if Lambda does not run the target.
fn architecture(target: Target) -> Option<&'static str> {
    match target {
        Target::LinuxX64 => Some("x86_64"),
        Target::LinuxArm64 => Some("arm64"),
        Target::MacArm64 | Target::MacX64 | Target::WindowsX64 => None,
    }
}

/// The layer of each architecture of Lambda's. Lambda unpacks it into `/opt`.
pub(super) fn make(release: &Release) -> Result<()> {
    release.each_target(|target| {
        let Some(architecture) = architecture(target) else { return Ok(()) };
        let licences = licences::files(target)?;
        let mut entries: Vec<_> = licences.into_iter().map(|entry| entry.below(LICENCES)).collect();
        entries.push(Entry::program("bin/capy", release.read_program(target, Program::Capy)?));
        entries.push(Entry::program("capy-wrapper", licences::read("packaging/lambda/capy-wrapper")?));
        release.add(&format!("capy-lambda-layer-{architecture}.zip"), &archive::zip(entries)?)
    })
}
