//! `capy build` from the project store to a running server: React Router, built by Vite in a container with Node.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use capy_journeys::frameworks::{assert_same_answers, expected_answers};
use capy_journeys::{printed, programs};
use xtask::apps::{App, canary_in, variables};
use xtask::desk::Desk;
use xtask::key_service::KeyService;
use xtask::node::{Node, require_node};
use xtask::steps::output_of_group;

const IMAGE: &str = "localhost/node:1";

/// A container engine with an image and a store of its own.
struct Engine {
    folder: tempfile::TempDir,
}

impl Engine {
    /// An image with a shell, Node and the app's packages. None where containers cannot be run; in CI they can.
    fn with_image(node: &Node, packages: &Path) -> Option<Self> {
        let quiet = |program: &str| {
            Command::new(program)
                .arg("--version")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok()
        };
        let there = quiet("podman") && quiet("runc") && Path::new("/bin/busybox").exists();
        assert!(there || std::env::var_os("CI").is_none(), "podman, runc and busybox-static are needed");
        if !there {
            #[expect(clippy::print_stderr, reason = "a skipped test says so")]
            {
                eprintln!("skipped: podman, runc and busybox-static are needed");
            }
            return None;
        }
        let engine = Self { folder: tempfile::tempdir().unwrap() };
        engine.fill(node, packages);
        let settings = "[containers]\ndefault_ulimits = [\"nofile=1024:1024\",\"nproc=4096:4096\"]\n\
                        [engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n";
        fs::write(engine.path("containers.conf"), settings).unwrap();
        let tar = engine.path("root.tar");
        let packed =
            Command::new("tar").arg("-C").arg(engine.path("root")).arg("-cf").arg(&tar).arg(".").status();
        assert!(packed.unwrap().success());
        fs::remove_dir_all(engine.path("root")).unwrap();
        engine.wrap();
        let import = ["import", "--quiet", tar.to_str().unwrap(), IMAGE];
        let output = Command::new(engine.path("bin/podman")).args(import).output().unwrap();
        assert!(output.status.success(), "{}", printed(&output));
        fs::remove_file(tar).unwrap();
        Some(engine)
    }

    fn fill(&self, node: &Node, packages: &Path) {
        let root = self.path("root");
        for folder in ["bin", "usr/bin", "tmp", "app", "deps"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        fs::set_permissions(root.join("tmp"), fs::Permissions::from_mode(0o1777)).unwrap();
        fs::copy("/bin/busybox", root.join("bin/busybox")).unwrap();
        for applet in ["sh", "env", "ln", "rm", "mkdir", "cat"] {
            symlink("busybox", root.join("bin").join(applet)).unwrap();
        }
        symlink("/bin/env", root.join("usr/bin/env")).unwrap();
        let program = fs::canonicalize(&node.node).unwrap();
        fs::copy(&program, root.join("bin/node")).unwrap();
        // Addons ask for more than Node itself.
        let mut linked = vec![program];
        xtask::shop::collect(packages, &mut linked).unwrap();
        linked.retain(|path| path.ends_with("node") || path.extension().is_some_and(|kind| kind == "node"));
        let libraries = Command::new("ldd").args(&linked).output().unwrap();
        let libraries = String::from_utf8(libraries.stdout).unwrap();
        for library in
            libraries.split_whitespace().filter(|word| word.starts_with("/lib") && !word.ends_with(':'))
        {
            let to = root.join(&library[1..]);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(library, to).unwrap();
        }
        let copied = Command::new("cp").arg("-a").arg(packages).arg(root.join("deps/node_modules")).status();
        assert!(copied.unwrap().success());
    }

    /// A `podman` that knows its store.
    fn wrap(&self) {
        fs::create_dir(self.path("bin")).unwrap();
        let script = format!(
            "#!/bin/sh\nexport CONTAINERS_CONF='{}'\n\
             exec /usr/bin/podman --storage-driver vfs --root '{}' --runroot '{}' \"$@\"\n",
            self.path("containers.conf").display(),
            self.path("store").display(),
            self.path("run").display()
        );
        fs::write(self.path("bin/podman"), script).unwrap();
        fs::set_permissions(self.path("bin/podman"), fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = Command::new(self.path("bin/podman")).args(["rmi", "--all", "--force"]).output();
    }
}

/// The app's sources as a repository.
fn repository(sources: &Path, to: &Path) {
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
        let output = Command::new("git").args(identity).args(arguments).current_dir(to).output().unwrap();
        assert!(output.status.success(), "{}", printed(&output));
    };
    let copied = Command::new("cp").arg("-a").arg(sources.join(".")).arg(to).status();
    assert!(copied.unwrap().success());
    fs::remove_dir_all(to.join("node_modules")).unwrap();
    git(&["init", "--quiet", "--initial-branch=main"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message=app"]);
}

#[test]
fn a_vite_app_is_built_with_the_stores_secrets_and_answers_in_an_empty_environment() {
    let Some(node) = require_node() else { return };
    let app = App::find(&node, "react-router", "node").unwrap();
    let expected = expected_answers(&app);
    let copy = app.sources().unwrap();
    let Some(engine) = Engine::with_image(&node, &copy.dir().join("node_modules")) else { return };
    let service = KeyService::embedded(&programs()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("repository");
    fs::create_dir(&source).unwrap();
    repository(copy.dir(), &source);

    let desk = Desk::new(&programs(), folder.path()).unwrap();
    desk.run(&["login", "--url", service.url()], service.admin_token()).unwrap();
    let at = ["--url", service.url()];
    let recipe = [
        "project",
        "create",
        "shop",
        "--repository",
        source.to_str().unwrap(),
        "--branch",
        "main",
        "--image",
        IMAGE,
        "--install-command",
        "ln -s /deps/node_modules node_modules",
        "--build-command",
        "node_modules/.bin/react-router build",
        "--output-directory",
        "build",
    ];
    let id = desk.run(&[&recipe[..], &at].concat(), "").unwrap().trim().to_owned();
    for (name, value) in variables() {
        desk.run(&[&["project", "secret", "set", "shop", name], &at[..]].concat(), value).unwrap();
    }
    // The build host's token takes sealed values of this project out of the store, and does nothing else.
    let scope = format!("build:{id}");
    let token = desk.run(&[&["token", "create", "--scope", &scope], &at[..]].concat(), "").unwrap();

    let out = folder.path().join("out");
    let mut build = desk.capy(&["build", "shop", "--engine", "podman", "--network", "none", "--inline"]);
    build.arg("--artifacts").arg(&out).env("CAPY_SERVICE_URL", service.url()).env("CAPY_TOKEN", token.trim());
    build.env("ENCRYPTION_KEY", service.encryption_key()).env("CAPY_STATE_DIR", folder.path().join("state"));
    let path = format!("{}:{}", engine.path("bin").display(), std::env::var("PATH").unwrap());
    let output = output_of_group(build.env("PATH", path)).unwrap();
    let text = printed(&output);
    assert!(output.status.success(), "{text}");
    assert_eq!(canary_in(text.as_bytes()), None, "the build printed a value:\n{text}");
    let left: Vec<_> = fs::read_dir(folder.path().join("state/temp")).unwrap().flatten().collect();
    assert_eq!(left.iter().filter(|entry| entry.file_name() != ".lock").count(), 0, "{left:?}");

    fs::rename(&out, copy.dir().join("build")).unwrap();
    copy.check_places().expect("values stand in private scripts alone");
    assert_same_answers(&copy, &expected);
}
