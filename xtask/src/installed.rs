//! Installs the packages of `cargo xtask dist` as users do: the npm packages into a project, and
//! the key service by unpacking its archive.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::setup::node_tool;
use crate::steps::{quiet, say};
use crate::workspace_root;

/// What was installed, and where.
#[derive(Debug)]
pub struct Installed {
    /// The folder with the commands that npm installed.
    pub programs: PathBuf,
    /// The folder with the key service.
    pub service: PathBuf,
}

/// Installs the release in one folder into another folder.
///
/// # Errors
/// If a file of the release is missing or does not match its checksum, and if npm or tar fails.
pub fn install(release: &Path, into: &Path) -> Result<Installed> {
    let names = fs::read(workspace_root().join("packaging/names.json")).context("packaging/names.json")?;
    let names: Value = serde_json::from_slice(&names).context("packaging/names.json")?;
    let npm = names["npm"].as_str().context("packaging/names.json names no npm package")?;
    let platform = platform()?;
    let version = env!("CARGO_PKG_VERSION");
    let packages = [packed(npm, version), packed(&format!("{npm}-{platform}"), version)];
    let service = format!("capy-service-{version}");
    let archive = format!("{service}.tar.gz");
    let sums = fs::read_to_string(release.join("SHA256SUMS")).unwrap_or_default();
    for file in packages.iter().chain([&archive]) {
        check(release, file, &sums, &platform)?;
    }

    let project = into.join("project");
    fs::create_dir(&project)?;
    fs::write(project.join("package.json"), "{ \"private\": true }\n")?;
    let mut install = Command::new(node_tool("npm")?);
    // Offline, since the two packages need no others.
    install.args(["install", "--save-dev", "--offline", "--ignore-scripts", "--no-audit", "--no-fund"]);
    install.args(packages.iter().map(|file| release.join(file))).current_dir(&project);
    quiet(&format!("npm install --save-dev {}", packages.join(" ")), &mut install)?;

    let mut unpack = Command::new("tar");
    unpack.arg("-xzf").arg(release.join(&archive)).arg("-C").arg(into);
    quiet(&format!("tar -xzf {archive}"), &mut unpack)?;
    let installed = Installed { programs: project.join("node_modules/.bin"), service: into.join(service) };
    say(format!("   {}", told(&installed.programs.join("capy"))?));
    Ok(installed)
}

/// npm's name for this system, such as `linux-x64`.
fn platform() -> Result<String> {
    let mut node = Command::new(node_tool("node")?);
    let output = node.args(["-p", "`${process.platform}-${process.arch}`"]).output().context("node")?;
    ensure!(output.status.success(), "node does not tell its platform");
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The name of the file that `npm pack` makes of a package.
fn packed(name: &str, version: &str) -> String {
    format!("{}-{version}.tgz", name.trim_start_matches('@').replace('/', "-"))
}

/// Checks that a file exists and matches the release's checksums.
fn check(release: &Path, file: &str, sums: &str, platform: &str) -> Result<()> {
    let path = release.join(file);
    let bytes = fs::read(&path).with_context(|| {
        let target = target(platform).map_or_else(String::new, |target| format!(" --target {target}"));
        format!(
            "{} cannot be read\n\nhint: cargo xtask dist --only npm --only service{target}",
            path.display()
        )
    })?;
    let line = format!("{}  {file}", hex::encode(Sha256::digest(bytes)));
    ensure!(sums.lines().any(|known| known == line), "{} is not the file of SHA256SUMS", path.display());
    Ok(())
}

/// The target of a release's programs for a system of npm's.
fn target(platform: &str) -> Option<&'static str> {
    Some(match platform {
        "linux-x64" => "x86_64-unknown-linux-musl",
        "linux-arm64" => "aarch64-unknown-linux-musl",
        "darwin-x64" => "x86_64-apple-darwin",
        "darwin-arm64" => "aarch64-apple-darwin",
        _ => return None,
    })
}

/// The first line of `capy --version`.
fn told(capy: &Path) -> Result<String> {
    let output = Command::new(capy).arg("--version").output().context("the installed capy")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "capy --version: {}", String::from_utf8_lossy(&output.stderr));
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_altered_file_of_a_release_is_refused_with_the_way_out() {
        let release = tempfile::tempdir().unwrap();
        let refused = |sums: &str| check(release.path(), "a.tgz", sums, "linux-x64").unwrap_err().to_string();
        let missing = refused("");
        assert!(missing.contains("a.tgz cannot be read"), "{missing}");
        assert!(missing.contains("--only service --target x86_64-unknown-linux-musl"), "{missing}");
        fs::write(release.path().join("a.tgz"), "a").unwrap();
        let sum = hex::encode(Sha256::digest("a"));
        assert!(refused(&format!("{sum}  b.tgz\n")).contains("SHA256SUMS"));
        assert!(refused(&format!("{}  a.tgz\n", sum.replace('a', "b"))).contains("SHA256SUMS"));
        check(release.path(), "a.tgz", &format!("{sum}  a.tgz\n"), "linux-x64").unwrap();
    }

    #[test]
    fn packages_are_found_under_npms_own_file_names() {
        assert_eq!(packed("capy", "1.2.3"), "capy-1.2.3.tgz");
        assert_eq!(packed("@capy/cli-linux-x64", "1.2.3"), "capy-cli-linux-x64-1.2.3.tgz");
    }
}
