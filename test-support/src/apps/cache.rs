//! The cache of apps: installed packages by their lockfile, finished builds by everything that they
//! were made from.
//!
//! ```text
//! <cache>/packages/<digest>/node_modules
//! <cache>/built/<label>-<digest>/…        only complete ones: a build is moved here when done
//! <cache>/scratch/                        copies, on the same disk, so that packages can be linked
//! <cache>/lock                            one process installs or builds at a time
//! ```
//!
//! `<cache>` is `apps` in the [cache of the tests](setup::cache), outside of the workspace: build
//! tools look for their settings in all folders above, and would find the workspace's own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::{App, apps_folder};
use crate::setup;
use crate::shop::{collect, copy_tree};
use crate::steps::{quiet, quiet_group};

/// How long a build is kept after its last use.
const KEPT: Duration = Duration::from_secs(14 * 24 * 3600);

/// The cache of one app. Locked until drop.
pub(super) struct Cache<'a> {
    app: &'a App,
    root: PathBuf,
    _lock: File,
}

impl<'a> Cache<'a> {
    /// Opens the cache, once no other process has it locked.
    pub(super) fn open(app: &'a App) -> Result<Self> {
        let root = setup::cache()?.join("apps");
        for folder in ["packages", "built", "scratch"] {
            fs::create_dir_all(root.join(folder)).with_context(|| root.display().to_string())?;
        }
        let lock = File::create(root.join("lock"))?;
        lock.lock().context("the cache of built apps cannot be locked")?;
        Ok(Self { app, root, _lock: lock })
    }

    pub(super) fn scratch(&self) -> PathBuf {
        self.root.join("scratch")
    }

    /// The folder whose `node_modules` holds the packages of the lockfile. Installs them if they
    /// are missing.
    pub(super) fn packages(&self) -> Result<PathBuf> {
        let source = &self.app.source;
        let mut digest = Sha256::new();
        for file in ["package.json", "package-lock.json"] {
            digest
                .update(fs::read(source.join(file)).with_context(|| format!("{}/{file}", source.display()))?);
        }
        let folder = self.root.join("packages").join(short(digest));
        if folder.is_dir() {
            return Ok(folder);
        }
        let scratch = tempfile::tempdir_in(self.scratch())?;
        for file in ["package.json", "package-lock.json"] {
            fs::copy(source.join(file), scratch.path().join(file))?;
        }
        let mut npm = Command::new(setup::node_tool("npm")?);
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&scratch);
        quiet(&format!("npm ci for {}", self.app.label), npm.env("PATH", self.app.node.path()))?;
        // npm makes no folder for an app without dependencies.
        fs::create_dir_all(scratch.path().join("node_modules"))?;
        fs::rename(scratch.keep(), &folder)?;
        Ok(folder)
    }

    /// The folder with the files that the app keeps of its build. Builds the app if it is missing.
    pub(super) fn built(&self) -> Result<PathBuf> {
        let folder = self.root.join("built").join(format!("{}-{}", self.app.label, self.digest()?));
        if !folder.is_dir() {
            self.build(&folder)?;
            self.forget_unused()?;
        }
        File::open(&folder)?.set_modified(SystemTime::now())?;
        Ok(folder)
    }

    fn build(&self, folder: &Path) -> Result<()> {
        let copy = self.app.scratch(self)?;
        self.app.copy_sources(copy.dir())?;
        copy.link_packages(self)?;
        for words in &self.app.recipe.build {
            let mut command = self.app.build_command(copy.dir(), words)?;
            quiet_group(&format!("{}: {}", self.app.label, words.join(" ")), &mut command)?;
        }
        let kept = tempfile::tempdir_in(self.scratch())?;
        for path in &self.app.recipe.keep {
            let to = kept.path().join(path);
            fs::create_dir_all(to.parent().context("nothing is kept at the root")?)?;
            copy_tree(&copy.dir().join(path), &to)?;
        }
        fs::rename(kept.keep(), folder)?;
        Ok(())
    }

    /// A digest of everything that a build depends on: sources, probes, recipe, lockfile, Node.
    fn digest(&self) -> Result<String> {
        let mut files = Vec::new();
        collect(&self.app.source, &mut files)?;
        collect(&apps_folder().join("shared"), &mut files)?;
        files.sort();
        let mut digest = Sha256::new();
        digest.update(self.app.node.version()?);
        for file in files {
            let text = fs::read(&file).with_context(|| file.display().to_string())?;
            let name = file.strip_prefix(apps_folder())?.to_string_lossy().into_owned();
            digest.update(format!("\n{name} {}\n", text.len()));
            digest.update(text);
        }
        Ok(short(digest))
    }

    fn forget_unused(&self) -> Result<()> {
        for kept in fs::read_dir(self.root.join("built"))? {
            let kept = kept?;
            let age = kept.metadata()?.modified()?.elapsed().unwrap_or_default();
            if age > KEPT {
                fs::remove_dir_all(kept.path())?;
            }
        }
        Ok(())
    }
}

fn short(digest: Sha256) -> String {
    hex::encode(&digest.finalize()[..10])
}
