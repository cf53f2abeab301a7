//! Packages for Debian and Ubuntu, packed by dpkg's own `dpkg-deb`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::programs::Program;
use super::{Release, Target, licences};
use crate::steps::quiet;

/// What a package holds.
struct Package {
    program: Program,
    description: &'static str,
    /// The name of a link to the program, beside it.
    link: Option<&'static str>,
    /// Further files: their paths in the workspace, and where they are installed.
    files: &'static [(&'static str, &'static str)],
}

const CAPY: Package = Package {
    program: Program::Capy,
    description: "secrets for applications deployed where nobody can wrap the process\n \
                  Bakes secrets into the server bundles of an application at build time, and into\n \
                  nothing else. The program is static and needs no other package.",
    link: Some("capy-inline"),
    files: &[],
};

const SERVER: Package = Package {
    program: Program::Server,
    description: "key service of capy, on a machine of one's own\n \
                  What `capy serve` becomes: the routes of the key service over SQLite. The program is\n \
                  static and needs no other package. A unit for systemd is among its examples.",
    link: None,
    files: &[("server/packaging/capy.service", "usr/share/doc/capy-server/examples/capy.service")],
};

fn architecture(target: Target) -> &'static str {
    if target == Target::LinuxArm64 { "arm64" } else { "amd64" }
}

/// The packages of `capy`.
pub(super) fn make(release: &Release) -> Result<()> {
    pack(release, &CAPY)
}

/// The packages of the key service.
pub(super) fn make_server(release: &Release) -> Result<()> {
    pack(release, &SERVER)
}

fn pack(release: &Release, package: &Package) -> Result<()> {
    let has_dpkg = Command::new("dpkg-deb").arg("--version").output().is_ok();
    ensure!(has_dpkg, "dpkg-deb is not on PATH\n\nhint: install the package dpkg; Debian and Ubuntu have it");
    release.each_target(|target| {
        if !target.is_linux() {
            return Ok(());
        }
        let root = tempfile::tempdir().context("a temporary folder")?;
        fill(release, target, package, root.path())?;
        let name = format!("{}_{}_{}.deb", package.program.name(), release.version, architecture(target));
        let packed = tempfile::tempdir().context("a temporary folder")?;
        let packed = packed.path().join(&name);
        let mut dpkg = Command::new("dpkg-deb");
        // gzip instead of xz: every version of dpkg packs and unpacks it, and its output does not
        // depend on the number of threads.
        dpkg.args(["--root-owner-group", "-Zgzip", "--build"]).arg(root.path()).arg(&packed);
        dpkg.env("SOURCE_DATE_EPOCH", release.epoch.to_string()).env("LC_ALL", "C");
        quiet(&format!("dpkg-deb {name}"), &mut dpkg)?;
        release.add(&name, &fs::read(&packed).context("the package")?)
    })
}

/// Writes the files that the package installs, and its control file.
fn fill(release: &Release, target: Target, package: &Package, root: &Path) -> Result<()> {
    let name = package.program.name();
    let bin = root.join("usr/bin");
    let doc = root.join("usr/share/doc").join(name);
    for folder in [&root.join("DEBIAN"), &bin, &doc] {
        fs::create_dir_all(folder)?;
    }
    let program = release.read_program(target, package.program)?;
    fs::write(bin.join(name), &program)?;
    if let Some(link) = package.link {
        symlink(name, bin.join(link))?;
    }
    for (from, to) in package.files {
        let to = root.join(to);
        fs::create_dir_all(to.parent().context("a file in a folder")?)?;
        fs::write(to, licences::read(from)?)?;
    }
    let mit = String::from_utf8(licences::read("LICENSE-MIT")?)?;
    let apache =
        "On Debian systems the text of the Apache licence 2.0 is in /usr/share/common-licenses/Apache-2.0.\n";
    let copyright = format!("capy is licensed under MIT or Apache-2.0, at your choice.\n\n{apache}\n{mit}");
    fs::write(doc.join("copyright"), copyright)?;
    fs::write(doc.join("LICENSES-THIRD-PARTY"), licences::third_party(target)?)?;
    let control = format!(
        "Package: {name}\nVersion: {}\nArchitecture: {}\nSection: utils\nPriority: optional\n\
         Maintainer: {}\nInstalled-Size: {}\nDescription: {}\n",
        release.version,
        architecture(target),
        release.names.maintainer,
        program.len().div_ceil(1024),
        package.description,
    );
    fs::write(root.join("DEBIAN/control"), control)?;
    normalise(root)
}

/// Sets modes that do not depend on the umask: 755 for folders and programs, 644 for files.
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
