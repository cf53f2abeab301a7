//! Python programs for tests, from PyPI: installed once, into the tests' cache folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use anyhow::{Context, Result, ensure};
use capy_test_support::{needs, setup, workspace_root};
use tempfile::TempDir;

use crate::printed;

/// Python, and a folder with packages.
#[derive(Debug)]
pub struct Python {
    /// The path of `python3`.
    pub program: PathBuf,
    /// The folder, for `PYTHONPATH`.
    pub packages: PathBuf,
}

impl Python {
    /// The packages of a file of requirements, by its path from the workspace's root. The first one names the
    /// folder. `None` if the test has to be skipped: see [`needs`].
    ///
    /// # Panics
    /// If Python or a package is missing and `CI` is set.
    pub fn require(requirements: &str) -> Option<Self> {
        // Tests run in parallel; one of them installs the packages for all.
        static INSTALLING: Mutex<()> = Mutex::new(());
        let installed = {
            let _one = INSTALLING.lock();
            Self::install(&workspace_root().join(requirements))
        };
        let missing = installed.as_ref().err().map(|error| format!("Python with venv: {error:#}"));
        needs(installed.is_ok(), missing.as_deref().unwrap_or_default());
        installed.ok()
    }

    /// A command that runs a module of the packages.
    pub fn module(&self, name: &str) -> Command {
        let mut python = Command::new(&self.program);
        python.args(["-m", name]).env("PYTHONPATH", &self.packages);
        python
    }

    fn install(requirements: &Path) -> Result<Self> {
        let ask = "import sys; print(sys.executable); print(sys.version_info.minor)";
        let told = Command::new("python3").args(["-c", ask]).output().context("python3: cannot start")?;
        let told = String::from_utf8(told.stdout)?;
        let (program, minor) = told.trim().split_once('\n').context("python3 does not tell its path")?;
        let cache = setup::cache()?;
        fs::create_dir_all(&cache)?;
        let text = fs::read_to_string(requirements)?;
        let first = text.lines().find_map(|line| line.split(' ').next()?.split_once("=="));
        let (name, version) = first.context("no requirement")?;
        let packages = cache.join(format!("{name}-{version}-py3.{minor}"));
        let installed = Self { program: program.into(), packages };
        if installed.packages.is_dir() {
            return Ok(installed);
        }
        let scratch = TempDir::with_prefix_in(format!("{name}-"), &cache)?;
        let venv = scratch.path().join("venv");
        run(Command::new(program).args(["-m", "venv"]).arg(&venv))?;
        let mut pip = Command::new(venv.join("bin/pip"));
        pip.args([
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--only-binary",
            ":all:",
        ]);
        pip.args(["--require-hashes", "--requirement"]).arg(requirements);
        run(pip.arg("--target").arg(scratch.path().join("packages")))?;
        // Another process may have been faster.
        let _ = fs::rename(scratch.path().join("packages"), &installed.packages);
        ensure!(installed.packages.is_dir(), "{} is missing", installed.packages.display());
        Ok(installed)
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", printed(&output));
    Ok(())
}
