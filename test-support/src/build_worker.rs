//! Builds a Worker from a crate, by the program of `worker/build-worker`. That is a program of its
//! own since it takes longer to compile than the programs that start it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::setup::cargo;
use crate::workspace_root;

const PROGRAM: &str = "capy-build-worker";

/// What to build, and where to.
#[derive(Clone, Debug)]
pub struct Build {
    /// The package that holds the crate.
    pub package: String,
    /// The example to build instead of the package's library.
    pub example: Option<String>,
    /// The folder to fill. Its old content is removed.
    pub out_dir: PathBuf,
    /// The module that `wrangler` starts from, which imports `index.js`. It is copied beside that.
    pub entry: PathBuf,
    /// Whether functions keep their names, for a profile. Their code is the same.
    pub names: bool,
    /// The commit that the service reports, in a release.
    pub commit: Option<String>,
}

impl Build {
    /// The key service, into `build/worker/`.
    pub fn service() -> Self {
        Self::package("capy-worker", "worker")
    }

    /// The key service with the names of its functions, into `build/worker-named/`.
    pub fn named_service() -> Self {
        Self { names: true, ..Self::package("capy-worker", "worker-named") }
    }

    /// A library crate, into `build/<out>/`, with the service's entry.
    pub fn package(package: &str, out: &str) -> Self {
        Self {
            package: package.to_owned(),
            example: None,
            out_dir: workspace_root().join("build").join(out),
            entry: workspace_root().join("worker/entry.mjs"),
            names: false,
            commit: None,
        }
    }
}

/// Builds, and returns the path of the copied entry.
///
/// # Errors
/// When the program, or the crate, cannot be built.
pub fn build_worker(build: &Build) -> Result<PathBuf> {
    build_worker_by(program()?, build)
}

/// Builds with the build program in the folder `programs`, and returns the path of the copied
/// entry.
///
/// # Errors
/// If the crate cannot be built.
pub fn build_worker_with(programs: &Path, build: &Build) -> Result<PathBuf> {
    build_worker_by(Command::new(programs.join(PROGRAM)), build)
}

fn build_worker_by(mut program: Command, build: &Build) -> Result<PathBuf> {
    program.args(["--package", &build.package]);
    program.arg("--out").arg(&build.out_dir).arg("--entry").arg(&build.entry);
    if let Some(example) = &build.example {
        program.args(["--example", example]);
    }
    if build.names {
        program.arg("--names");
    }
    match &build.commit {
        Some(commit) => program.env("CAPY_COMMIT", commit),
        // With a value from the caller's environment, cargo would compile the same service again.
        None => program.env_remove("CAPY_COMMIT"),
    };
    let status = program.current_dir(workspace_root()).stdin(Stdio::null()).status();
    let status = status.context("capy-build-worker: cannot start")?;
    ensure!(status.success(), "{} was not built: {status}", build.package);
    let name = build.entry.file_name().context("the entry is not a file")?;
    Ok(build.out_dir.join(name))
}

/// The build program: in a test, the one that cargo built with the test; otherwise by `cargo run`.
fn program() -> Result<Command> {
    let this = std::env::current_exe().context("the path of this program")?;
    let folder = this.parent().context("this program lies nowhere")?;
    if folder.ends_with("deps") {
        let program = folder.with_file_name(PROGRAM);
        ensure!(
            program.is_file(),
            "capy-build-worker is not built\n\nhint: cargo xtask test, or cargo build --workspace"
        );
        return Ok(Command::new(program));
    }
    let mut cargo = cargo();
    cargo.args(["run", "--locked", "--package", PROGRAM, "--"]);
    Ok(cargo)
}
