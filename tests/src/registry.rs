//! An npm registry on loopback with the packages of a release, and package managers that install
//! from it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use capy_test_support::node::Node;
use capy_test_support::server_process::ServerProcess;
use capy_test_support::{setup, workspace_root};
use tempfile::TempDir;

use crate::printed;

/// A registry that has only the packages published to it. Stopped on drop.
#[derive(Debug)]
pub struct Registry {
    server: ServerProcess,
    node: Node,
    folder: TempDir,
}

impl Registry {
    /// Starts a registry, and publishes the packages in a folder with the owner's script.
    ///
    /// # Panics
    /// If the registry cannot be installed or started, or refuses a package.
    pub fn start(node: &Node, packages: &Path) -> Self {
        // Tests run in parallel; one of them installs the registry for all.
        static INSTALLED: OnceLock<()> = OnceLock::new();
        INSTALLED.get_or_init(|| setup::npm_ci("tests/registry").expect("the registry is installed"));
        let folder = TempDir::new().unwrap();
        let mut serve = Command::new(&node.node);
        serve.arg(workspace_root().join("tests/registry/serve.cjs")).arg(folder.path().join("data"));
        let server = ServerProcess::spawn(&serve, folder.path(), "serving on ").expect("the registry starts");
        let registry = Self { server, node: node.clone(), folder };
        let address = registry.url().trim_start_matches("http:");
        // npm publishes only with a token; this registry accepts any.
        let npmrc = format!("registry={}/\n{address}/:_authToken=anyone\n", registry.url());
        fs::write(registry.home().join(".npmrc"), npmrc).unwrap();
        let mut publish = registry.command(&workspace_root().join("packaging/publish-npm.sh"), packages);
        let published = publish.arg(packages).output().unwrap();
        assert!(published.status.success(), "{}", printed(&published));
        registry
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// A home folder whose `.npmrc` names the registry.
    pub fn home(&self) -> &Path {
        self.folder.path()
    }

    /// A program in a folder, with this registry, Node on PATH, and nothing of the caller's
    /// environment.
    pub fn command(&self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(folder).env_clear().env("PATH", self.node.path()).env("HOME", self.home());
        // Otherwise settings of the machine's npm could name another registry.
        command.env("NPM_CONFIG_REGISTRY", self.url()).env("NPM_CONFIG_UPDATE_NOTIFIER", "false");
        command
    }

    /// A package manager's script or program, installed beside the registry.
    pub fn manager(path: &str) -> PathBuf {
        workspace_root().join("tests/registry/node_modules").join(path)
    }
}
