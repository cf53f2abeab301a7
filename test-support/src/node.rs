//! Finds Node and wrangler. The lockfile installs both, since wrangler does not run on an older
//! Node of the system's.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::workspace_root;

/// The oldest Node that wrangler runs on.
const NODE_MIN: (u32, u32) = (22, 12);

/// The JavaScript tools of the workspace.
#[derive(Clone, Debug)]
pub struct Node {
    /// The program `node`.
    pub node: PathBuf,
    /// The script `wrangler`, which `node` runs.
    pub wrangler: PathBuf,
}

impl Node {
    /// Looks into `node_modules/` of the workspace, then for `node` into `PATH`.
    ///
    /// # Errors
    /// When wrangler is not installed, or no Node is new enough.
    pub fn find() -> Result<Self> {
        let modules = workspace_root().join("node_modules");
        let wrangler = modules.join("wrangler/wrangler-dist/cli.js");
        ensure!(wrangler.is_file(), "wrangler is not installed\n\nhint: npm ci");
        let local = modules.join(".bin/node");
        let node = if local.is_file() { local } else { PathBuf::from("node") };
        let version = version(&node)?;
        let Some(found) = parse_version(&version) else {
            bail!("{} calls itself {version:?}", node.display());
        };
        let (major, minor) = NODE_MIN;
        ensure!(
            found >= NODE_MIN,
            "node {version} is too old: wrangler needs {major}.{minor}\n\nhint: npm ci"
        );
        Ok(Self { node, wrangler })
    }

    /// A command of wrangler that finds the same Node again, without telemetry and questions.
    pub fn wrangler(&self) -> Command {
        let mut command = Command::new(&self.node);
        command.args(["--no-warnings".as_ref(), self.wrangler.as_os_str()]).env("PATH", self.path());
        // The Worker must not get secrets or settings of the caller's environment.
        for name in ["ADMIN_TOKEN", "WRAP_ROOTS", "XDG_CONFIG_HOME"] {
            command.env_remove(name);
        }
        command.envs([
            ("CI", "1"),
            ("NO_COLOR", "1"),
            ("WRANGLER_HIDE_BANNER", "true"),
            ("WRANGLER_SEND_METRICS", "false"),
            ("WRANGLER_SEND_ERROR_REPORTS", "false"),
            ("CLOUDFLARE_CF_FETCH_ENABLED", "false"),
        ]);
        command
    }

    /// The version that Node prints, such as `v22.12.0`.
    ///
    /// # Errors
    /// If Node cannot be started.
    pub fn version(&self) -> Result<String> {
        version(&self.node)
    }

    /// `PATH` with this Node's folder first.
    pub fn path(&self) -> OsString {
        let old = env::var_os("PATH").unwrap_or_default();
        let own = self.node.parent().filter(|folder| !folder.as_os_str().is_empty()).map(Path::to_owned);
        env::join_paths(own.into_iter().chain(env::split_paths(&old))).unwrap_or(old)
    }
}

/// The tools, or `None` if the test has to be skipped: see [`needs`](crate::needs).
///
/// # Panics
/// If the tools are missing and `CI` is set.
pub fn require_node() -> Option<Node> {
    let found = Node::find();
    let missing = found.as_ref().err().map(|error| format!("Node and wrangler: {error:#}"));
    crate::needs(found.is_ok(), missing.as_deref().unwrap_or_default());
    found.ok()
}

fn version(node: &Path) -> Result<String> {
    let output = Command::new(node).arg("--version").output();
    let output = output.with_context(|| format!("{} could not be started", node.display()))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.strip_prefix('v')?.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(parse_version("v22.9.0"), Some((22, 9)));
        assert!(parse_version("v22.9.0").unwrap() < NODE_MIN);
        assert!(parse_version("v100.0.0").unwrap() > NODE_MIN);
        assert_eq!(parse_version("22.12.0"), None);
        assert_eq!(parse_version(""), None);
    }
}
