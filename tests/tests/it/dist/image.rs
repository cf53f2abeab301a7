//! The container images: made from nothing but the program, they run with nothing that they do not
//! need.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use capy_journeys::podman::{Podman, Start};

use xtask::dist::{Part, Target};

use crate::dist::{make, output, release, version};

const NONROOT: u32 = 65532;

/// Loads an image of a release: its name.
fn load(podman: &Podman, release: &Path, image: &str) -> String {
    let archive = release.join(format!("{image}-image.tar"));
    let size = fs::metadata(&archive).unwrap().len();
    assert!(size <= 10_000_000, "{image} has {size} bytes");
    podman.run(&["load", "--quiet", "--input", archive.to_str().unwrap()]);
    format!("localhost/{image}:{}", version())
}

#[test]
fn image_of_capy_runs_without_a_system() {
    let Some(podman) = Podman::find(&[]) else { return };
    let image = load(&podman, release(), "capy");
    let size: u64 =
        podman.run(&["image", "inspect", "--format", "{{.Size}}", &image]).trim().parse().unwrap();
    assert!(size <= 10_000_000, "{size} bytes unpacked");
    let run = ["run", "--rm", "--network", "none", "--read-only", "--cap-drop", "all", "--user", "1000"];
    let told = podman.run(&[&run[..], &[&image, "--version"]].concat());
    assert!(told.starts_with(&format!("capy {}", version())), "{told}");
    let entry = ["--entrypoint", "capy-inline"];
    let told = podman.run(&[&run[..], &entry, &[&image, "--version"]].concat());
    assert!(told.starts_with(&format!("capy-inline {}", version())), "{told}");
}

#[test]
#[ignore = "builds everything again, with unwinding"]
fn image_of_the_service_serves_as_an_unprivileged_user() {
    let Some(podman) = Podman::find(&[]) else { return };
    let release = make("dist-tests-server", &[Part::Server], Target::LinuxX64);
    let image = load(&podman, &release, "capy-server");
    let secrets = tempfile::tempdir().unwrap();
    fs::set_permissions(secrets.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let capy = capy_journeys::programs().join("capy");
    for (file, arguments) in [("admin-token", &["--admin-token"][..]), ("wrap-roots", &[])] {
        let secret = output(Command::new(&capy).args(["service", "keygen"]).args(arguments));
        let path = secrets.path().join(file);
        fs::write(&path, secret).unwrap();
        chown(&path, Some(NONROOT), None).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    }
    let mount = format!("{}:/run/secrets:ro", secrets.path().display());
    let options =
        ["--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges", "--volume", &mount];
    let container = podman.start("capy-server-image", &image, &Start { options: &options, command: &[] });
    let health = container.inside(|| {
        let start = Instant::now();
        loop {
            match ureq::get("http://127.0.0.1:8787/health").call() {
                Ok(mut answer) => return answer.body_mut().read_to_string().unwrap(),
                Err(error) => assert!(start.elapsed() < Duration::from_secs(30), "{error}"),
            }
            thread::sleep(Duration::from_millis(50));
        }
    });
    assert!(health.contains("\"ok\""), "{health}");
    let id = NONROOT.to_string();
    assert_eq!(container.status("Uid").split_whitespace().collect::<Vec<_>>(), [id.as_str(); 4]);
    assert_eq!(container.stop(), "0", "SIGTERM ends it well: {}", container.log());
}
