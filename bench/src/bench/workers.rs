//! Runs the Workers of `bench/peers/decrypt-worker/serve.mjs`, ours and the one written by hand, in
//! one workerd.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use capy_test_support::key_service::{random_hex, random_roots};
use capy_test_support::node::Node;
use capy_test_support::server_process::ServerProcess;
use capy_test_support::workspace_root;

/// All Workers in one runtime. Drop stops them and removes their data.
pub(super) struct Workers {
    pub(super) server: ServerProcess,
    pub(super) admin_token: String,
    urls: Vec<String>,
    _data: TempDir,
}

impl Workers {
    /// Starts ours, from its upload, and the one written by hand without and with rate limiters.
    pub(super) fn start(node: &Node, upload: &Path) -> Result<Self> {
        Self::begin(node, upload, None)
    }

    /// Starts the same, and in addition those that run alone, and an inspector.
    pub(super) fn start_inspected(node: &Node, upload: &Path) -> Result<Self> {
        Self::begin(node, upload, Some("inspect"))
    }

    fn begin(node: &Node, upload: &Path, inspect: Option<&str>) -> Result<Self> {
        let data = TempDir::with_prefix("capy-bench-service-")?;
        let root = workspace_root();
        let admin_token = random_hex()?;
        let mut serve = Command::new(&node.node);
        serve.arg(root.join("bench/peers/decrypt-worker/serve.mjs")).arg(upload);
        serve.arg(root.join("worker/migrations")).arg(data.path()).args(inspect);
        serve.env("ADMIN_TOKEN", &admin_token).env("WRAP_ROOTS", random_roots()?);
        let server = ServerProcess::spawn(&serve, data.path(), "serving on ")?;
        let urls: Vec<String> = server.url().split(' ').map(str::to_owned).collect();
        ensure!(urls.len() == if inspect.is_some() { 6 } else { 3 }, "serving on other addresses");
        Ok(Self { server, admin_token, urls, _data: data })
    }

    pub(super) fn ours(&self) -> &str {
        &self.urls[0]
    }

    /// The address of the Worker written by hand.
    pub(super) fn peer(&self) -> &str {
        &self.urls[1]
    }

    /// The address of the Worker written by hand, with rate limiters.
    pub(super) fn limited(&self) -> &str {
        &self.urls[2]
    }

    /// The address of our Worker to run alone.
    pub(super) fn ours_alone(&self) -> Result<&str> {
        self.inspected(3)
    }

    /// The address of the Worker written by hand, with rate limiters, to run alone.
    pub(super) fn limited_alone(&self) -> Result<&str> {
        self.inspected(4)
    }

    pub(super) fn inspector(&self) -> Result<&str> {
        self.inspected(5)
    }

    fn inspected(&self, number: usize) -> Result<&str> {
        self.urls.get(number).map(String::as_str).context("started without an inspector")
    }
}
