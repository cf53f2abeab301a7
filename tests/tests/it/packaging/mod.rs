//! What `server/packaging/` holds, as a machine of one's own would run it: the image, and the unit under a systemd of its
//! own. Nothing is pulled and nothing is installed.

mod container;
mod owner;
mod unit;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use capy_journeys::printed;

/// The secrets of a key service, in a folder of their own.
struct Secrets {
    folder: tempfile::TempDir,
}

impl Secrets {
    /// Drawn as `capy.service` says.
    fn draw(capy: &Path) -> Self {
        let secrets = Self { folder: tempfile::tempdir().unwrap() };
        for (file, arguments) in [("admin-token", &["--admin-token"][..]), ("wrap-roots", &[])] {
            let output = Command::new(capy).args(["service", "keygen"]).args(arguments).output().unwrap();
            assert!(output.status.success(), "{}", printed(&output));
            fs::write(secrets.path(file), output.stdout).unwrap();
        }
        secrets
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap().trim().to_owned()
    }

    /// No secret is in this text.
    #[track_caller]
    fn assert_absent(&self, text: &str) {
        for file in ["admin-token", "wrap-roots"] {
            let whole = self.read(file);
            // A root is a key id and a key.
            let secret = whole.rsplit(':').next().unwrap();
            assert!(secret.len() >= 32 && !text.contains(secret), "{file} was printed");
        }
    }
}

/// The program under test, without what only a debugger reads.
fn stripped(to: &Path) -> PathBuf {
    let server = to.join("capy-server");
    let from = capy_journeys::programs().join("capy-server");
    let stripped = Command::new("strip").arg("-o").arg(&server).arg(from).status();
    assert!(stripped.unwrap().success());
    server
}
