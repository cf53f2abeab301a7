//! Packages for Debian and Ubuntu, packed by dpkg's own `dpkg-deb`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{Release, Target, licences};
use crate::steps::quiet;
use crate::workspace_root;

/// What the package of a target is called.
pub(super) fn name(release: &Release, target: Target) -> String {
    format!("capy_{}_{}.deb", release.version, architecture(target))
}

fn architecture(target: Target) -> &'static str {
    if target == Target::LinuxArm64 { "arm64" } else { "amd64" }
}

pub(super) fn make(release: &Release) -> Result<()> {
    let has_dpkg = Command::new("dpkg-deb").arg("--version").output().is_ok();
    ensure!(has_dpkg, "dpkg-deb is not on PATH\n\nhint: install the package dpkg; Debian and Ubuntu have it");
    release.each_target(|target| {
        if !target.is_linux() {
            return Ok(());
        }
        let root = tempfile::tempdir().context("a temporary folder")?;
        fill(release, target, root.path())?;
        let packed = root.path().with_extension("deb");
        let mut dpkg = Command::new("dpkg-deb");
        // gzip, and not xz: every version of dpkg packs and unpacks it, and it is the same on one thread and many.
        dpkg.args(["--root-owner-group", "-Zgzip", "--build"]).arg(root.path()).arg(&packed);
        let what = format!("dpkg-deb for {}", architecture(target));
        quiet(&what, dpkg.env("SOURCE_DATE_EPOCH", release.epoch.to_string()).env("LC_ALL", "C"))?;
        let bytes = fs::read(&packed);
        fs::remove_file(&packed).context("the package")?;
        release.add(&name(release, target), &bytes?)
    })
}

/// Lays out what the package installs, and what it says of itself.
fn fill(release: &Release, target: Target, root: &Path) -> Result<()> {
    let doc = root.join("usr/share/doc/capy");
    for folder in [&root.join("DEBIAN"), &root.join("usr/bin"), &doc] {
        fs::create_dir_all(folder)?;
    }
    let capy = root.join("usr/bin/capy");
    fs::copy(release.programs(target)?.capy, &capy).context("capy")?;
    symlink("capy", root.join("usr/bin/capy-inline"))?;
    let ours = fs::read_to_string(workspace_root().join("LICENSE-MIT"))?;
    let apache =
        "On Debian systems the text of the Apache licence 2.0 is in /usr/share/common-licenses/Apache-2.0.\n";
    let copyright = format!("capy is licensed under MIT or Apache-2.0, at your choice.\n\n{apache}\n{ours}");
    fs::write(doc.join("copyright"), copyright)?;
    fs::write(doc.join("LICENSES-THIRD-PARTY"), licences::third_party(target)?)?;
    let kibibytes = fs::metadata(&capy)?.len().div_ceil(1024);
    let control = format!(
        "Package: capy\nVersion: {}\nArchitecture: {}\nSection: utils\nPriority: optional\n\
         Maintainer: {}\nInstalled-Size: {kibibytes}\n\
         Description: secrets for applications deployed where nobody can wrap the process\n \
         Bakes secrets into the server bundles of an application at build time, and into\n \
         nothing else. The program is static and needs no other package.\n",
        release.version,
        architecture(target),
        release.names.maintainer,
    );
    fs::write(root.join("DEBIAN/control"), control)?;
    normalise(root)
}

/// The same modes whatever the umask is: folders and programs 755, files 644.
fn normalise(folder: &Path) -> Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(folder)? {
        let (path, kind) = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)))?;
        if kind.is_dir() {
            normalise(&path)?;
        } else if kind.is_file() {
            let is_program = folder.ends_with("usr/bin");
            fs::set_permissions(&path, fs::Permissions::from_mode(if is_program { 0o755 } else { 0o644 }))?;
        }
    }
    Ok(())
}
