//! The Debian package: dpkg installs it in a container, and removes it again.

use std::fs;
use std::process::Command;

use capy_journeys::podman::{Podman, Root, Start};
use capy_journeys::printed;

use crate::dist::{output, release, version};

const IMAGE: &str = "localhost/debian:1";

fn package() -> String {
    format!("capy_{}_amd64.deb", version())
}

#[test]
fn package_tells_what_it_is() {
    let deb = release().join(package());
    let field =
        |name: &str| output(Command::new("dpkg-deb").arg("--field").arg(&deb).arg(name)).trim().to_owned();
    assert_eq!(
        [field("Package"), field("Version"), field("Architecture")],
        ["capy".to_owned(), version(), "amd64".to_owned()]
    );
    assert_eq!(field("Depends"), "", "a static program needs no other package");
    let listed = output(Command::new("dpkg-deb").arg("--contents").arg(&deb));
    for line in listed.lines() {
        assert!(line.contains(" root/root "), "{line}");
    }
    assert!(listed.contains("./usr/bin/capy-inline -> capy"), "{listed}");
    assert!(listed.contains("./usr/share/doc/capy/copyright"), "{listed}");
}

#[test]
fn dpkg_installs_and_removes_it() {
    let Some(podman) = Podman::find(&["dpkg", "dpkg-deb"]) else { return };
    let root = Root::with_applets(&["sh", "sleep", "ls", "rm", "diff", "start-stop-daemon", "cat"]);
    for program in
        ["/usr/bin/dpkg", "/usr/bin/dpkg-deb", "/usr/bin/dpkg-query", "/usr/bin/dpkg-split", "/usr/bin/tar"]
    {
        root.program(program);
    }
    // dpkg asks for it before every installation, and calls it for packages with libraries.
    fs::copy(root.path("bin/busybox"), root.path("sbin/ldconfig")).unwrap();
    for folder in ["var/lib/dpkg/info", "var/lib/dpkg/updates", "var/log"] {
        fs::create_dir_all(root.path(folder)).unwrap();
    }
    fs::write(root.path("var/lib/dpkg/status"), "").unwrap();
    root.copy(&release().join(package()), "capy.deb");
    podman.import(root, IMAGE);
    let start = Start { options: &[], command: &["sleep", "600"] };
    let container = podman.start("capy-deb", IMAGE, &start);

    let installed = container.exec(&["dpkg", "--install", "/capy.deb"]);
    assert!(installed.status.success(), "{}", printed(&installed));
    let told = printed(&container.exec(&["capy-inline", "--version"]));
    assert!(told.starts_with(&format!("capy-inline {}", version())), "{told}");
    let removed = container.exec(&["dpkg", "--purge", "capy"]);
    assert!(removed.status.success(), "{}", printed(&removed));
    assert!(!container.exec(&["ls", "/usr/bin/capy"]).status.success());
    assert!(!container.exec(&["ls", "/usr/share/doc/capy"]).status.success());
}
