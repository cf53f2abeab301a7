//! A container engine of the tests' own: podman with an image and a store in a folder, and a record of how it was called.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use capy_test_support::needs;

/// The image's name.
pub(crate) const IMAGE: &str = "localhost/shell:1";

/// The same with a `/etc/passwd` that knows root alone.
const IMAGE_WITH_USERS: &str = "localhost/shell:users";

/// The store with its images; made once for all tests of this program.
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
        fs::write(root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n").unwrap();
        let tar = Command::new("tar")
            .arg("-C")
            .arg(&root)
            .arg("-cf")
            .arg(store.path("users.tar"))
            .arg(".")
            .status();
        assert!(tar.unwrap().success());
        store.podman(&["import", "--quiet", store.path("users.tar").to_str().unwrap(), IMAGE_WITH_USERS]);
        store
    }

    /// An image whose `/etc/passwd` knows root alone.
    pub(crate) fn shared_image_with_users() -> &'static str {
        IMAGE_WITH_USERS
    }

    /// The engine as a service of root's that everybody may ask, as docker's is.
    pub(crate) fn service(&self) -> Service {
        let socket = self.path(&format!("socket-{}", SERVICES.fetch_add(1, Ordering::SeqCst)));
        let url = format!("unix://{}", socket.display());
        let mut command = self.command();
        command.args(["system", "service", "--time", "0", &url]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let service = Service { child, url };
        crate::build::bench::wait_for("the engine's service", || socket.exists().then_some(()));
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).unwrap();
        service
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
        let output = self.command().args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn command(&self) -> Command {
        let mut command = Command::new("/usr/bin/podman");
        command.args(["--storage-driver", "vfs", "--root"]).arg(self.path("store"));
        command.arg("--runroot").arg(self.path("run"));
        command.env("CONTAINERS_CONF", self.path("containers.conf"));
        command
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.folder.join(inside)
    }
}

static SERVICES: AtomicUsize = AtomicUsize::new(0);

/// An engine's service, until it is dropped.
pub(crate) struct Service {
    child: Child,
    url: String,
}

impl Service {
    /// A `docker` that asks it, and that adds no users to images, as podman would.
    pub(crate) fn docker(&self, calls: &Path) -> String {
        format!(
            "#!/bin/bash\nprintf '%s\\n' \"$@\" --- >> '{calls}'\n[ \"$1\" = run ] && set -- run --passwd=false \"${{@:2}}\"\n\
             [ \"$1\" = version ] && exit 0\nexec /usr/bin/podman --remote --url '{}' \"$@\"\n",
            self.url,
            calls = calls.display(),
        )
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
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
