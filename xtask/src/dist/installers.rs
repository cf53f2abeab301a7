//! The shell installer and Homebrew's formula, which install an archive. Both contain the address
//! of the release's downloads.

use std::fs;

use anyhow::{Context, Result, ensure};

use super::programs::Program;
use super::{Release, Target, archives};
use crate::workspace_root;

/// The shell installer.
pub(super) fn make_shell(release: &Release) -> Result<()> {
    let script = template("install.sh")?;
    let script = replace(&script, "@VERSION@", &release.version)?;
    let script = replace(&script, "@DOWNLOAD_URL@", &release.names.downloads())?;
    release.add("install.sh", script.as_bytes())
}

/// The formula, with the SHA-256 of the archives in the release's folder.
pub(super) fn make_formula(release: &Release) -> Result<()> {
    let mut formula = template("capy.rb.in")?;
    formula = replace(&formula, "@VERSION@", &release.version)?;
    formula = replace(&formula, "@REPOSITORY@", &release.names.repository)?;
    for target in [Target::MacArm64, Target::MacX64, Target::LinuxArm64, Target::LinuxX64] {
        let archive = archives::name(target, Program::Capy);
        let sum = release.sum(&archive).with_context(|| {
            format!("the formula names {archive}, which is not in the folder\n\nhint: make the archives of all targets first")
        })?;
        let url = format!("{}/v{}/{archive}", release.names.downloads(), release.version);
        formula = replace(&formula, &format!("@URL:{}@", target.triple()), &url)?;
        formula = replace(&formula, &format!("@SUM:{}@", target.triple()), &sum)?;
    }
    ensure!(!formula.contains("@URL:"), "the formula names a target that is not released");
    release.add("capy.rb", formula.as_bytes())
}

fn template(name: &str) -> Result<String> {
    let path = workspace_root().join("packaging").join(name);
    fs::read_to_string(&path).with_context(|| path.display().to_string())
}

/// Replaces `from` by `to` in a template, which has to contain it.
fn replace(text: &str, from: &str, to: &str) -> Result<String> {
    ensure!(text.contains(from), "the template does not contain {from}");
    Ok(text.replace(from, to))
}
