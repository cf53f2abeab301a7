//! The static program in containers: as their first process, with nothing beside it, and on a Linux that knows no newer
//! system calls. Nothing is pulled, and no network but a container's own is touched.

mod init;
mod old_linux;
mod scratch;

use std::fs;
use std::time::{Duration, Instant};

use capy_journeys::podman::{Podman, Root};
use capy_journeys::static_program;

/// An image with busybox, `capy`, and a plain `.env` in `/app`.
const IMAGE: &str = "localhost/busybox:1";
/// What is in that file, and in no other place.
const CANARY: &str = "canary.containers.x9";

const APPLETS: [&str; 14] = [
    "sh", "cat", "chroot", "env", "grep", "kill", "ls", "mkdir", "printf", "ps", "rm", "sleep", "stty",
    "touch",
];

/// Podman with the image. None where containers cannot be run.
fn podman() -> Option<Podman> {
    let podman = Podman::find(&[])?;
    podman.import(root(), IMAGE);
    Some(podman)
}

fn root() -> Root {
    let root = Root::with_applets(&APPLETS);
    root.copy(static_program(), "bin/capy");
    std::os::unix::fs::symlink("capy", root.path("bin/capy-inline")).unwrap();
    fs::create_dir(root.path("app")).unwrap();
    fs::write(root.path("app/.env"), format!("STRIPE_KEY={CANARY}\n")).unwrap();
    root
}

/// Waits until something is so.
#[track_caller]
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{what} did not come");
        std::thread::sleep(Duration::from_millis(50));
    }
}
