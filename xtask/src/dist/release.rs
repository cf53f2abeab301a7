//! A release that is being made: its version, commit, time, programs and folder, which all parts
//! share.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::Target;
use super::programs::{self, Program, Programs};
use crate::steps::say;
use crate::workspace_root;

/// The file of SHA-256 sums, in the format of `sha256sum`.
const SUMS: &str = "SHA256SUMS";

/// A release that is being made.
#[derive(Debug)]
pub struct Release {
    /// The workspace's version, without a `v`.
    pub version: String,
    /// The full id of the commit.
    pub commit: String,
    /// The commit's time, in seconds since 1970. No file of a release holds another time.
    pub epoch: u64,
    /// The targets to make programs for.
    pub targets: Vec<Target>,
    /// The names that the owner chooses.
    pub names: Names,
    out: PathBuf,
    programs_from: Option<PathBuf>,
    built: RefCell<BTreeMap<(Target, Program), Result<PathBuf, String>>>,
}

/// The names that the owner chooses, from `packaging/names.json`.
#[derive(Debug, Deserialize)]
pub struct Names {
    /// The URL of the repository on GitHub, from whose releases users download.
    pub repository: String,
    /// The maintainer in Debian's packages: `NAME <ADDRESS>`.
    pub maintainer: String,
    /// The npm package for people, such as `capy` or `@owner/capy`. The names of the platforms'
    /// packages begin with it.
    pub npm: String,
    /// The npm package of the key service.
    pub npm_service: String,
}

impl Names {
    /// The URL below which each version has a folder: `DOWNLOADS/v0.1.0/capy-….tar.gz`.
    pub fn downloads(&self) -> String {
        format!("{}/releases/download", self.repository)
    }
}

impl Release {
    /// A release of the commit that is checked out. Empty `targets` stands for all targets.
    /// Programs are taken from the folder `programs_from`, or built if there is none.
    ///
    /// # Errors
    /// If git does not tell the commit, and if a file or folder cannot be read or created.
    pub fn new(out: PathBuf, targets: Vec<Target>, programs_from: Option<PathBuf>) -> Result<Self> {
        fs::create_dir_all(&out).with_context(|| out.display().to_string())?;
        let targets = if targets.is_empty() { Target::ALL.to_vec() } else { targets };
        let commit = git(&["rev-parse", "HEAD"])?;
        if !git(&["status", "--porcelain"])?.is_empty() {
            say("note: there are changes that no commit holds; nobody else can make the same release");
        }
        let epoch = git(&["log", "-1", "--format=%ct"])?.parse().context("the commit's time")?;
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let names =
            fs::read(workspace_root().join("packaging/names.json")).context("packaging/names.json")?;
        let names = serde_json::from_slice(&names).context("packaging/names.json")?;
        Ok(Self { version, commit, epoch, targets, names, out, programs_from, built: RefCell::default() })
    }

    /// The programs of a target. They are built at the first call.
    ///
    /// # Errors
    /// If they cannot be built.
    pub fn programs(&self, target: Target) -> Result<Programs> {
        Ok(Programs { target, capy: self.program(target, Program::Capy)? })
    }

    /// The path of a target's program. It is built at the first call.
    ///
    /// # Errors
    /// If it cannot be built.
    pub(super) fn program(&self, target: Target, program: Program) -> Result<PathBuf> {
        let key = (target, program);
        if let Some(known) = self.built.borrow().get(&key) {
            return known.clone().map_err(anyhow::Error::msg);
        }
        let path = match &self.programs_from {
            Some(folder) => programs::find(folder, target, program),
            None => programs::build(target, program, &self.commit, self.epoch),
        };
        let known = path.map_err(|error| format!("{error:#}"));
        self.built.borrow_mut().insert(key, known.clone());
        known.map_err(anyhow::Error::msg)
    }

    /// The bytes of a program.
    ///
    /// # Errors
    /// When it cannot be built or read.
    pub(super) fn read_program(&self, target: Target, program: Program) -> Result<Vec<u8>> {
        let path = self.program(target, program)?;
        fs::read(&path).with_context(|| path.display().to_string())
    }

    /// Calls `act` for each target, and goes on after an error.
    ///
    /// # Errors
    /// If `act` failed for any target.
    pub fn each_target(&self, mut act: impl FnMut(Target) -> Result<()>) -> Result<()> {
        let mut failed = Vec::new();
        for target in &self.targets {
            if let Err(error) = act(*target) {
                say(format!("error: {}: {error:#}", target.triple()));
                failed.push(target.triple());
            }
        }
        ensure!(failed.is_empty(), "not for {}", failed.join(", "));
        Ok(())
    }

    /// Writes a file into the release's folder, whole or not at all.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn add(&self, name: &str, content: &[u8]) -> Result<()> {
        let path = self.out.join(name);
        let mut file = tempfile::NamedTempFile::new_in(&self.out).context("a file of the release")?;
        file.write_all(content).context("a file of the release")?;
        // A temporary file is readable by its owner only, and files of a release by everybody.
        #[cfg(unix)]
        fs::set_permissions(file.path(), std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
        file.persist(&path).with_context(|| path.display().to_string())?;
        say(format!("   {name}: {:.2} MB", megabytes(content.len())));
        Ok(())
    }

    /// The SHA-256 of a file in the release's folder.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn sum(&self, name: &str) -> Result<String> {
        let bytes = fs::read(self.out.join(name)).with_context(|| name.to_owned())?;
        Ok(hex::encode(Sha256::digest(bytes)))
    }

    /// Writes the sums of all files in the folder.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn write_sums(&self) -> Result<()> {
        let mut sums = String::new();
        for name in files(&self.out)?.into_iter().filter(|name| name != SUMS) {
            sums.push_str(&format!("{}  {name}\n", self.sum(&name)?));
        }
        fs::write(self.out.join(SUMS), sums).context(SUMS)?;
        say(format!("\n{}", self.out.display()));
        Ok(())
    }
}

/// Decimal megabytes, the unit of the limits in the documentation.
#[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
pub(super) fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

/// The names of the files in a folder, sorted.
///
/// # Errors
/// If the folder cannot be read.
pub(super) fn files(folder: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            files.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    files.sort();
    Ok(files)
}

/// Runs git, and returns what it prints.
///
/// # Errors
/// If git fails.
pub(super) fn git(arguments: &[&str]) -> Result<String> {
    let what = || format!("git {}", arguments.join(" "));
    let output = Command::new("git").args(arguments).current_dir(workspace_root()).output();
    let output = output.with_context(what)?;
    ensure!(output.status.success(), "{}: {}", what(), String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout).with_context(what)?.trim().to_owned())
}
