//! The npm packages, from a registry on loopback: installed by each package manager, and used.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use capy_journeys::printed;
use capy_journeys::registry::Registry;
use capy_test_support::node::{Node, require_node};
use capy_test_support::setup::node_tool;
use tempfile::TempDir;
use xtask::dist::{Part, Target};

use crate::dist::{make, version};

/// In bytes, all packages that are installed.
const LARGEST: u64 = 12_000_000;

/// A folder with an application, and what is typed there.
struct App<'a> {
    registry: &'a Registry,
    folder: TempDir,
}

impl<'a> App<'a> {
    fn new(registry: &'a Registry) -> Self {
        let folder = TempDir::new().unwrap();
        let manifest = r#"{"name":"app","version":"1.0.0","private":true}"#;
        fs::write(folder.path().join("package.json"), manifest).unwrap();
        Self { registry, folder }
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside)
    }

    fn tries(&self, words: &[&str]) -> Output {
        let program = node_tool(words[0]).unwrap_or_else(|_| words[0].into());
        self.registry.command(&program, self.folder.path()).args(&words[1..]).output().unwrap()
    }

    /// What a command prints on stdout that has to succeed.
    #[track_caller]
    fn types(&self, words: &[&str]) -> String {
        let output = self.tries(words);
        assert!(output.status.success(), "{words:?}\n{}", printed(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    fn forget_packages(&self) {
        fs::remove_dir_all(self.path("node_modules")).unwrap();
    }
}

/// Both programs tell their name and version.
#[track_caller]
fn assert_runs(app: &App<'_>, run: &[&str]) {
    for name in ["capy", "capy-inline"] {
        let told = app.types(&[run, &[name, "--version"]].concat());
        assert!(told.starts_with(&format!("{name} {}", version())), "{run:?}: {told}");
    }
}

fn size(folder: &Path) -> u64 {
    let mut files = Vec::new();
    capy_test_support::shop::collect(folder, &mut files).unwrap();
    files.iter().map(|file| file.metadata().unwrap().len()).sum()
}

/// The packages of a release for Linux on x86-64, made once for all tests.
pub(crate) fn packages() -> &'static Path {
    static PACKAGES: OnceLock<PathBuf> = OnceLock::new();
    PACKAGES.get_or_init(|| make("dist-npm-tests", &[Part::Npm], Target::LinuxX64))
}

fn registry(node: &Node) -> Registry {
    Registry::start(node, packages())
}

#[test]
fn npm_installs_the_program_of_this_system_without_scripts_and_says_what_is_missing() {
    let Some(node) = require_node() else { return };
    let registry = registry(&node);
    let app = App::new(&registry);
    app.types(&["npm", "install", "--save-dev", "capy"]);
    app.forget_packages();
    app.types(&["npm", "ci", "--ignore-scripts"]);
    assert_runs(&app, &["npx"]);
    let mut installed: Vec<_> = fs::read_dir(app.path("node_modules")).unwrap().flatten().collect();
    installed.retain(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
    assert_eq!(installed.len(), 2, "{installed:?}");
    let size = size(&app.path("node_modules"));
    assert!(size <= LARGEST, "{size} bytes");

    // Exit codes and deaths by a signal come through npx, the entry, capy and a shell.
    fs::write(app.path(".env"), "GREETING=hello\n").unwrap();
    let run = |script: &str| app.tries(&["npx", "capy", "run", "--", "sh", "-c", script]);
    let said = run("printf %s \"$GREETING\"; printf %s warning >&2; exit 7");
    assert_eq!(
        (said.status.code(), &said.stdout[..], &said.stderr[..]),
        (Some(7), &b"hello"[..], &b"warning"[..])
    );
    for (signal, number) in [("TERM", 15), ("KILL", 9), ("SEGV", 11)] {
        use std::os::unix::process::ExitStatusExt;
        let status = run(&format!("kill -{signal} $$")).status;
        assert!(
            status.signal() == Some(number) || status.code() == Some(128 + number),
            "{signal}: {status:?}"
        );
    }

    app.forget_packages();
    app.types(&["npm", "ci", "--omit=optional"]);
    let missing = app.tries(&["npx", "capy", "--version"]);
    let said = printed(&missing);
    assert_eq!(missing.status.code(), Some(127), "{said}");
    assert!(said.contains("error[PROGRAM_MISSING]: the package capy-linux-x64 is not installed"), "{said}");
    assert!(said.contains("npm install --include=optional"), "{said}");
    app.types(&["npm", "install", "--include=optional"]);
    assert_runs(&app, &["npx"]);
}

#[test]
#[ignore = "one of a matrix: cargo xtask test --full"]
fn pnpm_installs_from_a_frozen_lockfile() {
    let Some(node) = require_node() else { return };
    let registry = registry(&node);
    let app = App::new(&registry);
    let pnpm = Registry::manager("pnpm/bin/pnpm.cjs");
    let pnpm = ["node", pnpm.to_str().unwrap()];
    app.types(&[&pnpm[..], &["add", "--save-dev", "capy"]].concat());
    app.forget_packages();
    app.types(&[&pnpm[..], &["install", "--frozen-lockfile"]].concat());
    assert_runs(&app, &[&pnpm[..], &["exec"]].concat());
    app.forget_packages();
    app.types(&[&pnpm[..], &["install", "--frozen-lockfile", "--no-optional"]].concat());
    let missing = app.tries(&[&pnpm[..], &["exec", "capy", "--version"]].concat());
    assert!(printed(&missing).contains("without --no-optional"), "{}", printed(&missing));
}

#[test]
#[ignore = "one of a matrix: cargo xtask test --full"]
fn yarn_1_installs_from_a_frozen_lockfile() {
    let Some(node) = require_node() else { return };
    let registry = registry(&node);
    let app = App::new(&registry);
    let yarn = Registry::manager("yarn/bin/yarn.js");
    let yarn = ["node", yarn.to_str().unwrap(), "--registry", registry.url()];
    app.types(&[&yarn[..], &["add", "--dev", "capy"]].concat());
    app.forget_packages();
    app.types(&[&yarn[..], &["install", "--frozen-lockfile"]].concat());
    assert_runs(&app, &[&yarn[..], &["--silent", "run"]].concat());
}

#[test]
#[ignore = "one of a matrix: cargo xtask test --full"]
fn yarn_4_installs_from_a_frozen_lockfile_with_and_without_a_folder_of_packages() {
    let Some(node) = require_node() else { return };
    let registry = registry(&node);
    for linker in ["pnp", "node-modules"] {
        let app = App::new(&registry);
        let settings = format!(
            "npmRegistryServer: \"{}\"\nunsafeHttpWhitelist: [\"127.0.0.1\"]\nenableTelemetry: false\n\
             enableGlobalCache: false\nnodeLinker: {linker}\n\
             # It takes no package that was published today.\nnpmMinimalAgeGate: 0\n",
            registry.url()
        );
        fs::write(app.path(".yarnrc.yml"), settings).unwrap();
        fs::write(app.path("yarn.lock"), "").unwrap();
        let yarn = Registry::manager("@yarnpkg/cli-dist/bin/yarn.js");
        let yarn = ["node", yarn.to_str().unwrap()];
        app.types(&[&yarn[..], &["add", "--dev", "capy"]].concat());
        let _ = fs::remove_dir_all(app.path("node_modules"));
        app.types(&[&yarn[..], &["install", "--immutable"]].concat());
        assert_runs(&app, &[&yarn[..], &["run"]].concat());
    }
}

#[test]
#[ignore = "one of a matrix: cargo xtask test --full"]
fn bun_installs_from_a_frozen_lockfile_and_runs_it_without_node() {
    let Some(node) = require_node() else { return };
    let registry = registry(&node);
    let app = App::new(&registry);
    let bun = Registry::manager("@oven/bun-linux-x64/bin/bun");
    let bun = [bun.to_str().unwrap()];
    let settings = format!("[install]\nregistry = \"{}/\"\n", registry.url());
    fs::write(app.path("bunfig.toml"), settings).unwrap();
    app.types(&[&bun[..], &["add", "--dev", "capy"]].concat());
    app.forget_packages();
    app.types(&[&bun[..], &["install", "--frozen-lockfile"]].concat());
    assert_runs(&app, &[&bun[..], &["run"]].concat());
    assert_runs(&app, &[&bun[..], &["run", "--bun"]].concat());
    let mut alone = Command::new(bun[0]);
    alone.args(["run", "--bun", "capy", "--version"]).current_dir(app.folder.path()).env("PATH", "/bin");
    let told = alone.output().unwrap();
    assert!(printed(&told).starts_with("capy "), "{}", printed(&told));
}
