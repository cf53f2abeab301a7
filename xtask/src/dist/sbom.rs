//! Software bills of materials: what each program consists of, in the format of CycloneDX.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::programs::Program;
use super::{Release, tools};
use crate::steps::quiet;
use crate::workspace_root;

pub(super) fn make(release: &Release) -> Result<()> {
    // cargo-cyclonedx writes beside the manifests, so it gets a copy of the commit's files in a
    // temporary folder.
    let copy = tempfile::tempdir().context("a temporary folder")?;
    let root = copy.path().canonicalize()?;
    let mut archive = Command::new("git");
    archive.args(["archive", "--format=tar", &release.commit]).current_dir(workspace_root());
    let mut archive = archive.stdout(Stdio::piped()).spawn().context("git archive: cannot start")?;
    let stream = archive.stdout.take().context("git archive has no stdout")?;
    tar::Archive::new(stream).unpack(&root).context("git archive")?;
    ensure!(archive.wait()?.success(), "git archive failed");

    release.each_target(|target| {
        let triple = target.triple();
        let mut cyclonedx = tools::cyclonedx()?;
        cyclonedx.args(["--format", "json", "--spec-version", "1.5", "--describe", "binaries"]);
        cyclonedx.args(["--target", triple, "--manifest-path"]).arg(root.join("cli/Cargo.toml"));
        cyclonedx.current_dir(&root).env("SOURCE_DATE_EPOCH", release.epoch.to_string());
        quiet(&format!("cargo cyclonedx for {triple}"), &mut cyclonedx)?;
        for program in Program::of(target) {
            let path = root.join(format!("cli/{}_bin.cdx.json", program.name()));
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            // Our own crates are named by their path, which is that of the temporary folder.
            let text = text.replace(&root.display().to_string(), "/capy");
            release.add(&format!("{}-{triple}.cdx.json", program.name()), text.as_bytes())?;
        }
        Ok(())
    })
}
