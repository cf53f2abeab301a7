//! Containers for tests: podman with a store in a temporary folder, and images made of this
//! machine's files.
//!
//! Nothing is pulled. A test that talks to a container joins the container's network, or starts it
//! in the machine's, where the test's servers are on loopback.

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

use capy_test_support::needs;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tempfile::TempDir;

use crate::printed;

/// A podman with its own store of images and containers. Drop removes everything in it.
#[derive(Debug)]
pub struct Podman {
    folder: TempDir,
}

/// The file system of an image.
#[derive(Debug)]
pub struct Root {
    folder: TempDir,
}

/// The arguments to start a container with, besides the image.
#[derive(Debug)]
pub struct Start<'a> {
    /// Options of `podman run`.
    pub options: &'a [&'a str],
    /// The command in the container.
    pub command: &'a [&'a str],
}

/// A container. Removed on drop.
#[derive(Debug)]
pub struct Container<'a> {
    podman: &'a Podman,
    name: &'static str,
}

impl Podman {
    /// A podman, or `None` if containers cannot be run here, or a program in `more` is missing.
    ///
    /// # Panics
    /// In CI, if something is missing, and if there is no temporary folder.
    pub fn find(more: &[&str]) -> Option<Self> {
        let quiet = |program: &str| {
            let mut command = Command::new(program);
            command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
        };
        let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
        let is_there = ["podman", "runc"].iter().chain(more).all(|program| quiet(program))
            && Path::new("/bin/busybox").exists()
            && is_root;
        let needed = [&["podman", "runc", "busybox-static"], more].concat().join(", ");
        needs(is_there, &format!("{needed}, as root")).then(Self::make)
    }

    /// Makes a `podman` script that uses the store, in a folder for `PATH`.
    fn make() -> Self {
        let podman = Self { folder: tempfile::tempdir().unwrap() };
        let settings = "[containers]\ndefault_ulimits = [\"nofile=1024:1024\",\"nproc=4096:4096\"]\n\
                        [engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n";
        fs::write(podman.path("containers.conf"), settings).unwrap();
        fs::create_dir(podman.path("bin")).unwrap();
        let script = format!(
            "#!/bin/sh\nexport CONTAINERS_CONF='{}'\n\
             exec /usr/bin/podman --storage-driver vfs --root '{}' --runroot '{}' \"$@\"\n",
            podman.path("containers.conf").display(),
            podman.path("store").display(),
            podman.path("run").display()
        );
        fs::write(podman.path("bin/podman"), script).unwrap();
        fs::set_permissions(podman.path("bin/podman"), fs::Permissions::from_mode(0o755)).unwrap();
        podman
    }

    /// The folder with the `podman` script.
    pub fn bin(&self) -> PathBuf {
        self.path("bin")
    }

    /// Makes an image of a file system.
    ///
    /// # Panics
    /// If podman fails.
    pub fn import(&self, root: Root, image: &str) {
        let tar = self.path("root.tar");
        let packed =
            Command::new("tar").arg("-C").arg(root.folder.path()).arg("-cf").arg(&tar).arg(".").status();
        assert!(packed.unwrap().success());
        drop(root);
        self.run(&["import", "--quiet", tar.to_str().unwrap(), image]);
        fs::remove_file(tar).unwrap();
    }

    /// Runs podman, and returns what it prints on stdout and stderr.
    ///
    /// # Panics
    /// If podman fails.
    pub fn run(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert!(output.status.success(), "podman {}: {}", arguments.join(" "), printed(&output));
        printed(&output)
    }

    /// Runs podman, which may fail.
    ///
    /// # Panics
    /// If podman cannot be started.
    pub fn output(&self, arguments: &[&str]) -> Output {
        let mut podman = Command::new(self.path("bin/podman"));
        podman.args(arguments).stdin(Stdio::null()).output().expect("podman starts")
    }

    /// Starts a container without any network but its own loopback.
    ///
    /// # Panics
    /// If podman fails.
    pub fn start(&self, name: &'static str, image: &str, start: &Start<'_>) -> Container<'_> {
        self.start_in("none", name, image, start)
    }

    /// Starts a container in the machine's network, where it finds servers on the machine's loopback.
    ///
    /// # Panics
    /// If podman fails.
    pub fn start_on_host(&self, name: &'static str, image: &str, start: &Start<'_>) -> Container<'_> {
        self.start_in("host", name, image, start)
    }

    fn start_in(&self, network: &str, name: &'static str, image: &str, start: &Start<'_>) -> Container<'_> {
        let container = Container { podman: self, name };
        let run = ["run", "--detach", "--name", name, "--network", network];
        self.run(&[&run[..], start.options, &[image], start.command].concat());
        container
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside)
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        self.output(&["rmi", "--all", "--force"]);
    }
}

impl Container<'_> {
    /// Podman's information on the container, by a template of Go's.
    pub fn inspect(&self, template: &str) -> String {
        self.podman.run(&["inspect", "--format", template, self.name]).trim().to_owned()
    }

    /// The container's output.
    pub fn log(&self) -> String {
        self.podman.run(&["logs", self.name])
    }

    /// Stops the container, waits for its end, and returns its exit code.
    pub fn stop(&self) -> String {
        self.podman.run(&["stop", "--time", "20", self.name]);
        self.inspect("{{.State.ExitCode}}")
    }

    /// Sends a signal to the container's first process, by the signal's name.
    pub fn kill(&self, signal: &str) {
        self.podman.run(&["kill", "--signal", signal, self.name]);
    }

    /// Starts the container again after a [`Container::stop`].
    pub fn restart(&self) {
        self.podman.run(&["start", self.name]);
    }

    /// Runs a command in the container.
    pub fn exec(&self, command: &[&str]) -> Output {
        self.podman.output(&[&["exec", self.name][..], command].concat())
    }

    /// The process id of the container's first process, as this machine counts.
    pub fn pid(&self) -> String {
        self.inspect("{{.State.Pid}}")
    }

    /// A line of the first process's status, by the line's name (`proc_pid_status(5)`).
    ///
    /// # Panics
    /// If the container does not run.
    pub fn status(&self, name: &str) -> String {
        let path = format!("/proc/{}/status", self.pid());
        let status = fs::read_to_string(path).expect("the container runs");
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.expect("a line of this name").trim().to_owned()
    }

    /// Runs `act` in the container's network instead of the machine's, in a thread of its own.
    ///
    /// # Panics
    /// If the container does not run, and if `act` panics.
    pub fn inside<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        let path = format!("/proc/{}/ns/net", self.pid());
        let network = fs::File::open(path).expect("the container runs");
        let join = move || {
            move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            act()
        };
        let ended = thread::scope(|scope| scope.spawn(join).join());
        ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        self.podman.output(&["rm", "--force", "--time", "0", "--volumes", self.name]);
    }
}

impl Root {
    /// An empty file system.
    ///
    /// # Panics
    /// If there is no temporary folder.
    pub fn empty() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// A file system with folders as Debian has them, and these programs of busybox.
    ///
    /// # Panics
    /// If they cannot be created.
    pub fn with_applets(applets: &[&str]) -> Self {
        let root = Self::empty();
        for folder in ["bin", "sbin", "lib", "lib64"] {
            fs::create_dir_all(root.path("usr").join(folder)).unwrap();
            symlink(Path::new("usr").join(folder), root.path(folder)).unwrap();
        }
        fs::create_dir(root.path("tmp")).unwrap();
        fs::set_permissions(root.path("tmp"), fs::Permissions::from_mode(0o1777)).unwrap();
        fs::copy("/bin/busybox", root.path("bin/busybox")).unwrap();
        for applet in applets {
            symlink("busybox", root.path("bin").join(applet)).unwrap();
        }
        root
    }

    /// The path of a file in the image, on this machine.
    pub fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside)
    }

    /// Copies a file into the image.
    ///
    /// # Panics
    /// If the file cannot be copied.
    pub fn copy(&self, from: &Path, to: &str) {
        let to = self.path(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, &to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    }

    /// Copies the libraries that these programs are linked with, each to the same path.
    ///
    /// # Panics
    /// If they cannot be copied.
    pub fn libraries_of(&self, programs: &[PathBuf]) {
        let listed = Command::new("ldd").args(programs).output().unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        // Lines that end with a colon are the programs themselves.
        let paths = listed.split_whitespace().filter(|word| word.starts_with('/') && !word.ends_with(':'));
        for library in paths {
            self.copy(Path::new(library), &library[1..]);
        }
    }

    /// Copies a program of this machine with its libraries, each to the same path.
    ///
    /// # Panics
    /// If they cannot be copied.
    pub fn program(&self, path: &str) {
        self.copy(Path::new(path), &path[1..]);
        self.libraries_of(&[PathBuf::from(path)]);
    }
}
