//! A container engine of the tests' own: podman with an image and a store in a folder, and a record of how it was called.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use capy_test_support::needs;

/// The image's name.
pub(crate) const IMAGE: &str = "localhost/shell:1";

/// The store with its image; made once for all tests of this program.
pub(crate) struct Store {
    folder: PathBuf,
}

/// Whether containers can be run here. In CI they can.
pub(crate) fn is_there() -> bool {
    let quiet = |program: &str| {
        Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status()
    };
    let there = ["podman", "runc", "git"].iter().all(|program| quiet(program).is_ok())
        && Path::new("/bin/busybox").exists()
        && rustix::process::geteuid().is_root();
    needs(there, "podman, runc, git and busybox-static, as root")
}

impl Store {
    pub(crate) fn shared() -> &'static Self {
        static STORE: OnceLock<Store> = OnceLock::new();
        STORE.get_or_init(Self::make)
    }

    fn make() -> Self {
        sweep();
        let folder = std::env::temp_dir().join(format!("capy-build-tests-{}", std::process::id()));
        let store = Self { folder };
        let root = store.path("root");
        for inside in ["bin", "tmp", "etc", "app"] {
            fs::create_dir_all(root.join(inside)).unwrap();
        }
        fs::set_permissions(root.join("tmp"), fs::Permissions::from_mode(0o1777)).unwrap();
        fs::copy("/bin/busybox", root.join("bin/busybox")).unwrap();
        let applets = Command::new("/bin/busybox").arg("--list").output().unwrap();
        for applet in String::from_utf8(applets.stdout).unwrap().lines().filter(|applet| *applet != "busybox")
        {
            symlink("busybox", root.join("bin").join(applet)).unwrap();
        }
        let settings = "[containers]\ndefault_ulimits = [\"nofile=1024:1024\",\"nproc=4096:4096\"]\n\
                        [engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n";
        fs::write(store.path("containers.conf"), settings).unwrap();
        let tar =
            Command::new("tar").arg("-C").arg(&root).arg("-cf").arg(store.path("root.tar")).arg(".").status();
        assert!(tar.unwrap().success());
        store.podman(&["import", "--quiet", store.path("root.tar").to_str().unwrap(), IMAGE]);
        store
    }

    /// A folder with a `podman` that writes its arguments into `calls` and does what the real one does. `before` is run
    /// first, with the arguments.
    pub(crate) fn wrapper(&self, folder: &Path, calls: &Path, before: &str) -> PathBuf {
        let bin = folder.join("bin");
        fs::create_dir_all(&bin).unwrap();
        let script = format!(
            "#!/bin/sh\nprintf '%s\\n' \"$@\" --- >> '{calls}'\n{before}\n\
             export CONTAINERS_CONF='{conf}'\nexec /usr/bin/podman --storage-driver vfs --root '{store}' --runroot '{run}' \"$@\"\n",
            calls = calls.display(),
            conf = self.path("containers.conf").display(),
            store = self.path("store").display(),
            run = self.path("run").display(),
        );
        write_program(&bin.join("podman"), &script);
        bin
    }

    /// The names of all containers that there are, in whatever state.
    pub(crate) fn containers(&self) -> Vec<String> {
        let names = self.podman(&["ps", "--all", "--format", "{{.Names}}"]);
        names.lines().map(str::to_owned).collect()
    }

    pub(crate) fn podman(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("podman");
        command.args(["--storage-driver", "vfs", "--root"]).arg(self.path("store"));
        command.arg("--runroot").arg(self.path("run")).args(arguments);
        let output = command.env("CONTAINERS_CONF", self.path("containers.conf")).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.folder.join(inside)
    }
}

/// Stores of test programs that are gone: nothing runs at their end.
fn sweep() {
    for entry in fs::read_dir(std::env::temp_dir()).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(pid) = name.strip_prefix("capy-build-tests-") else { continue };
        if !Path::new("/proc").join(pid).exists() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

pub(crate) fn write_program(path: &Path, script: &str) {
    fs::write(path, script).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
