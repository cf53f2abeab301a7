//! The Dockerfile: its image is built, runs with nothing that it does not need, and keeps its data in a volume.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

use capy_journeys::podman::{Podman, Root, Start};
use capy_test_support::workspace_root;

use crate::packaging::owner::{Owner, wait_for_health};
use crate::packaging::{Secrets, stripped};

const BASE: &str = "localhost/base:1";
const IMAGE: &str = "localhost/capy:1";
const USER: u32 = 65532;

/// Builds the image as the Dockerfile says, on a base with this machine's libc.
fn build(podman: &Podman) {
    let base = Root::with_applets(&["sh", "mkdir", "chown"]);
    let context = tempfile::tempdir().unwrap();
    base.libraries_of(&[stripped(context.path())]);
    podman.import(base, BASE);
    let file = workspace_root().join("server/packaging/Dockerfile");
    let base = format!("BASE={BASE}");
    let build = ["build", "--network", "none", "--build-arg", &base, "--tag", IMAGE, "--file"];
    podman.run(&[&build[..], &[file.to_str().unwrap(), context.path().to_str().unwrap()]].concat());
}

#[test]
fn the_image_serves_as_an_unprivileged_user_and_its_volume_outlives_a_restart() {
    let Some(podman) = Podman::find(&["strip"]) else { return };
    build(&podman);
    let capy = capy_journeys::programs().join("capy");
    let secrets = Secrets::draw(&capy);
    for file in ["admin-token", "wrap-roots"] {
        chown(secrets.path(file), Some(USER), None).unwrap();
        fs::set_permissions(secrets.path(file), fs::Permissions::from_mode(0o400)).unwrap();
    }
    fs::set_permissions(secrets.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let mount = format!("{}:/run/secrets:ro", secrets.folder.path().display());
    let options = ["--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges"];
    let volumes = ["--volume", "capy:/data", "--volume", &mount];
    let start = Start { options: &[&options[..], &volumes].concat(), command: &[] };
    let container = podman.start("capy-packaging", IMAGE, &start);

    // Not only on the address that its own machine would use.
    let health = container.inside(|| wait_for_health("http://127.0.0.2:8787"));
    assert_eq!(health["status"], "ok", "{health}");
    let id = USER.to_string();
    assert_eq!(container.status("Uid").split_whitespace().collect::<Vec<_>>(), [id.as_str(); 4]);
    assert_eq!(container.status("CapEff"), "0".repeat(16));
    let url = "http://127.0.0.1:8787";
    let owner = container.inside(|| Owner::set_up(url, &secrets.read("admin-token")));

    assert_eq!(container.stop(), "0", "SIGTERM ends it well: {}", container.log());
    assert!(container.log().ends_with("stopped\n"), "{}", container.log());
    container.restart();
    container.inside(|| {
        wait_for_health(url);
        owner.finds_all_there();
    });
    assert_eq!(container.stop(), "0");
    secrets.assert_absent(&container.log());
}
