//! Set-up of a machine that has rustup and Node: the wasm target, npm packages, our own programs.
//!
//! A step is skipped if its result is already there and newer than what it is made from.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::steps::{loud, quiet, say};
use crate::workspace_root;

/// Sets up all that the demo and the tests need.
///
/// # Errors
/// If a step fails.
pub fn everything() -> Result<()> {
    wasm_target()?;
    packages()
}

/// Installs npm packages, which compiling does not need: Node, wrangler, and the example's.
///
/// # Errors
/// If Node is missing or npm fails.
pub fn packages() -> Result<()> {
    check_node()?;
    npm_ci("")?;
    npm_ci("examples/next")
}

/// Adds the wasm target that the key service is compiled for.
///
/// # Errors
/// If rustup cannot add the target.
pub fn wasm_target() -> Result<()> {
    let sysroot =
        Command::new("rustc").args(["--print", "sysroot"]).output().context("rustc: cannot start")?;
    let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot.stdout).trim());
    if sysroot.join("lib/rustlib/wasm32-unknown-unknown").is_dir() {
        return Ok(());
    }
    let mut rustup = Command::new("rustup");
    quiet(
        "rustup target add wasm32-unknown-unknown",
        rustup.args(["target", "add", "wasm32-unknown-unknown"]),
    )
}

/// Runs `npm ci` in a folder of the workspace, unless what is installed is newer than the lockfile.
///
/// # Errors
/// If npm is missing or fails.
pub fn npm_ci(folder: &str) -> Result<()> {
    let dir = workspace_root().join(folder);
    let modified = |path: PathBuf| path.metadata().and_then(|meta| meta.modified()).ok();
    let installed = modified(dir.join("node_modules/.package-lock.json"));
    if installed.is_some() && installed >= modified(dir.join("package-lock.json")) {
        return Ok(());
    }
    let what = format!("npm ci in {}", if folder.is_empty() { "the root" } else { folder });
    let mut npm = Command::new(node_tool("npm")?);
    quiet(&what, npm.args(["ci", "--no-audit", "--no-fund"]).current_dir(dir))
}

/// The path of `node` or `npm` on PATH.
///
/// # Errors
/// If the program is missing: then with a hint how to install it.
pub fn node_tool(name: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut candidates = std::env::split_paths(&path).map(|folder| folder.join(name));
    candidates.find(|file| file.is_file()).with_context(|| {
        format!(
            "{name} is not on PATH\n\nhint: install Node 20.9 or newer, with npm, from your system's packages"
        )
    })
}

/// Checks that Node is new enough for Next.
///
/// # Errors
/// If Node is missing or older than 20.
pub fn check_node() -> Result<()> {
    let output = Command::new(node_tool("node")?).arg("--version").output().context("node: cannot start")?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < 20) {
        bail!("node is {version}\n\nhint: the example needs Node 20.9 or newer");
    }
    say(format!("   node {version}"));
    Ok(())
}

/// Builds several of our programs, and returns their folder. It builds them with one call of cargo,
/// since separate calls would compile the dependencies they share again, with other features for
/// each.
///
/// # Errors
/// If cargo fails.
pub fn programs(profile: &str, names: &[&str]) -> Result<PathBuf> {
    let mut cargo = cargo();
    cargo.args(["build", "--locked", "--profile", profile]);
    for name in names {
        let package = match *name {
            "capy-inline" => "capy-inliner",
            "capy-server" => "capy",
            name => name,
        };
        cargo.args(["--package", package, "--bin", name]);
    }
    let what = format!("cargo build of {} ({profile})", names.join(", "));
    loud(&what, cargo.current_dir(workspace_root()))?;
    Ok(target_dir()?.join(if profile == "dev" { "debug" } else { profile }))
}

/// A command of cargo as if it were started by hand: without the variables that cargo sets for the
/// program it runs, which is this one. Some build scripts depend on these variables, and would run
/// again and cause everything that depends on them to be compiled again.
pub fn cargo() -> Command {
    let is_of_this_run = |name: &str| {
        let told = ["CARGO_CRATE_NAME", "CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PRIMARY_PACKAGE"];
        told.contains(&name) || name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_BIN_")
    };
    let mut cargo = Command::new(env!("CARGO"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_of_this_run)) {
        cargo.env_remove(name);
    }
    cargo
}

/// What `cargo metadata` prints about the workspace, without its dependencies.
///
/// # Errors
/// If cargo fails.
pub fn cargo_metadata() -> Result<serde_json::Value> {
    let mut cargo = cargo();
    cargo.args(["metadata", "--no-deps", "--format-version", "1", "--offline"]).current_dir(workspace_root());
    let output = cargo.output().context("cargo metadata: cannot start")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("cargo metadata")
}

/// Cargo's target folder, also where it is not `target/`.
///
/// # Errors
/// If cargo does not tell it.
pub fn target_dir() -> Result<PathBuf> {
    let metadata = cargo_metadata()?;
    let folder = metadata["target_directory"].as_str().context("cargo metadata names no target folder")?;
    Ok(PathBuf::from(folder))
}

/// The tests' cache folder, for what takes long to make and for copies of applications that they
/// build: `capy-tests` in the user's cache folder (`$XDG_CACHE_HOME`, else `~/.cache`).
///
/// It is outside of the workspace. A build tool that walks up from an application must not find the
/// workspace's `wrangler.toml`, `package.json` or `node_modules`: Nitro, for one, merges the first
/// `wrangler.toml` above into the Worker's configuration, with the command that builds the key
/// service.
///
/// # Errors
/// If there is no home, or a folder above has a configuration of wrangler's.
pub fn cache() -> Result<PathBuf> {
    let named = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let home = || std::env::home_dir().map(|home| home.join(".cache"));
    let cache = named.or_else(home).context("no cache folder\n\nhint: set HOME, or XDG_CACHE_HOME")?;
    let cache = cache.join("capy-tests");
    ensure_alone(&cache)?;
    Ok(cache)
}

/// Checks that neither the folder nor a folder above has a configuration of wrangler's.
fn ensure_alone(folder: &Path) -> Result<()> {
    let files = ["wrangler.toml", "wrangler.json", "wrangler.jsonc"];
    let above = folder.ancestors().flat_map(|above| files.map(|file| above.join(file)));
    if let Some(found) = above.into_iter().find(|file| file.exists()) {
        bail!(
            "{} lies below {}, and the applications that the tests build would read it\n\n\
             hint: set XDG_CACHE_HOME to a folder elsewhere",
            folder.display(),
            found.display()
        );
    }
    Ok(())
}

/// A temporary folder for copies of the example, outside of the workspace. Removed on drop.
///
/// # Errors
/// If the folder cannot be created.
pub fn scratch(name: &str) -> Result<tempfile::TempDir> {
    let parent = cache()?.join("scratch");
    std::fs::create_dir_all(&parent).with_context(|| parent.display().to_string())?;
    Ok(tempfile::Builder::new().prefix(&format!("{name}-")).tempdir_in(parent)?)
}

/// Puts a folder of packages into another folder: as hard links, whose files nothing may change in
/// place, or as a copy if the two are on different disks.
///
/// # Errors
/// If `cp` fails.
pub fn link_packages(packages: &Path, to: &Path) -> Result<()> {
    let on_one_disk = packages.metadata()?.dev() == to.metadata()?.dev();
    let mut copy = Command::new("cp");
    copy.arg(if on_one_disk { "-al" } else { "-a" }).arg(packages).arg(to);
    let status = copy.status().context("cp: cannot start")?;
    ensure!(status.success(), "cp {}: {status}", packages.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_is_started_without_what_cargo_told_this_program() {
        let cargo = cargo();
        let removed = |name: &str| cargo.get_envs().any(|(known, value)| known == name && value.is_none());
        for name in ["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "CARGO_PKG_VERSION_MAJOR"] {
            assert!(std::env::var_os(name).is_some() && removed(name), "{name}");
        }
        assert!(!removed("CARGO_HOME") && !removed("PATH"));
    }

    #[test]
    fn applications_are_built_where_no_configuration_is_above() {
        assert!(!cache().unwrap().starts_with(workspace_root()));
        let below = workspace_root().join("target/apps");
        let error = ensure_alone(&below).unwrap_err().to_string();
        assert!(error.contains("wrangler.toml"), "{error}");
    }
}
