//! Tools that a release needs besides cargo, each at a fixed version, in the user's cache folder.
//!
//! zig is a C compiler and a linker for every target, and brings the libc of each; cargo-zigbuild
//! makes cargo use it. Both come from PyPI, and pip checks their hashes.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::steps::quiet;

/// pip's requirements for zig and cargo-zigbuild, with their hashes.
const ZIGBUILD: &str = include_str!("zigbuild.txt");
/// The version of cargo-cyclonedx, which writes the software bill of materials.
const CYCLONEDX: &str = "0.5.9";

/// `cargo zigbuild`, as a command that finds its zig. Installs both if they are missing.
///
/// # Errors
/// If Python has no venv, or pip cannot install the tools.
pub(super) fn zigbuild() -> Result<Command> {
    let folder = cache()?.join("zigbuild");
    let venv = folder.join("venv");
    installed(&folder, ZIGBUILD, || {
        quiet("python3 -m venv", Command::new("python3").args(["-m", "venv"]).arg(&venv))
            .context("hint: install Python 3 with its venv module (Debian: python3-venv)")?;
        let requirements = folder.join("requirements.txt");
        fs::write(&requirements, ZIGBUILD)?;
        let mut pip = Command::new(venv.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]);
        quiet("pip install ziglang cargo-zigbuild (100 MB)", pip.arg("--requirement").arg(&requirements))
    })?;
    let mut command = Command::new(venv.join("bin/cargo-zigbuild"));
    command.arg("zigbuild");
    command.env("CARGO_ZIGBUILD_PYTHON_PATH", venv.join("bin/python3"));
    command.env("CARGO_ZIGBUILD_CACHE_DIR", folder.join("wrappers"));
    command
        .env("ZIG_GLOBAL_CACHE_DIR", folder.join("zig-cache"))
        .env("ZIG_LOCAL_CACHE_DIR", folder.join("zig-cache"));
    Ok(command)
}

/// `cargo cyclonedx`, as a command. Installs it if it is missing.
///
/// # Errors
/// If cargo cannot install it.
pub(super) fn cyclonedx() -> Result<Command> {
    let folder = cache()?.join("cyclonedx");
    installed(&folder, CYCLONEDX, || {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["install", "--locked", "cargo-cyclonedx", "--version", CYCLONEDX, "--root"]).arg(&folder);
        quiet("cargo install cargo-cyclonedx", cargo.env_remove("CARGO_TARGET_DIR"))
    })?;
    let mut command = Command::new(folder.join("bin/cargo-cyclonedx"));
    command.arg("cyclonedx");
    Ok(command)
}

/// Installs into a folder, unless this version is there. Of two runs at once, one waits for the
/// other.
fn installed(folder: &Path, version: &str, install: impl FnOnce() -> Result<()>) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let lock = fs::File::create(folder.with_extension("lock"))?;
    lock.lock()?;
    let stamp = folder.join("installed");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == version) {
        return Ok(());
    }
    fs::remove_dir_all(folder)?;
    fs::create_dir_all(folder)?;
    install()?;
    fs::write(stamp, version)?;
    Ok(())
}

/// The cache folder: `capy-dist` in the user's cache folder (`$XDG_CACHE_HOME`, else `~/.cache`).
fn cache() -> Result<PathBuf> {
    let named = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let home = || env::home_dir().map(|home| home.join(".cache"));
    let cache = named.or_else(home).context("no cache folder\n\nhint: set HOME, or XDG_CACHE_HOME")?;
    Ok(cache.join("capy-dist"))
}

/// Adds a target's standard library, unless it is installed.
///
/// # Errors
/// If rustup cannot add it.
pub(super) fn rust_target(triple: &str) -> Result<()> {
    if sysroot()?.join("lib/rustlib").join(triple).is_dir() {
        return Ok(());
    }
    quiet(&format!("rustup target add {triple}"), Command::new("rustup").args(["target", "add", triple]))
}

/// rustc's own folder, with its libraries.
///
/// # Errors
/// If rustc does not tell it.
pub(super) fn sysroot() -> Result<PathBuf> {
    Ok(PathBuf::from(rustc(&["--print", "sysroot"])?.trim()))
}

/// Runs rustc, and returns what it prints.
///
/// # Errors
/// If rustc cannot start, or fails.
pub(super) fn rustc(arguments: &[&str]) -> Result<String> {
    let output = Command::new("rustc").args(arguments).current_dir(crate::workspace_root()).output();
    let output = output.context("rustc: cannot start")?;
    ensure!(output.status.success(), "rustc {}: {}", arguments.join(" "), output.status);
    Ok(String::from_utf8(output.stdout)?)
}
