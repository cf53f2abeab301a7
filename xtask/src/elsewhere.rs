//! Commands that a separate program, or a build of this one with a feature, runs: they take longer
//! to compile than all others together.

use std::ffi::OsString;

use anyhow::Result;
use clap::Args;

use crate::setup::cargo;
use crate::steps::loud;

/// What a command is told. The program that runs it knows its options.
#[derive(Args, Debug)]
pub struct Arguments {
    /// See `--help`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Runs `bench`, `soak` or `measure`, by `capy-bench`.
///
/// # Errors
/// If the program cannot be compiled, or fails.
pub fn bench(what: &str, arguments: &Arguments) -> Result<()> {
    run(&["--package", "capy-bench"], what, arguments)
}

/// Runs `dist`, by this program with the feature `dist`.
///
/// # Errors
/// If the program cannot be compiled, or fails.
pub fn dist(arguments: &Arguments) -> Result<()> {
    run(&["--package", "xtask", "--features", "dist"], "dist", arguments)
}

/// Runs `house`, by this program with the feature `house`.
///
/// # Errors
/// If the program cannot be compiled, or fails.
pub fn house() -> Result<()> {
    run(&["--package", "xtask", "--features", "house"], "house", &Arguments { arguments: Vec::new() })
}

fn run(program: &[&str], what: &str, Arguments { arguments }: &Arguments) -> Result<()> {
    let mut cargo = cargo();
    cargo.arg("run").args(program).args(["--", what]).args(arguments);
    loud(&format!("cargo run {} -- {what}", program.join(" ")), &mut cargo)
}
