//! `cargo xtask bench`, `soak` and `measure`: run by a crate of its own, which compiles for minutes.

use std::ffi::OsString;
use std::process::Command;

use crate::steps::loud;
use crate::workspace_root;
use anyhow::Result;
use clap::Args;

/// What `capy-bench` is told; it knows its own options.
#[derive(Args)]
pub struct Arguments {
    /// See `--help`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Compiles and runs `capy-bench`.
///
/// # Errors
/// When it cannot be compiled, or fails.
pub fn run(what: &str, Arguments { arguments }: &Arguments) -> Result<()> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--package", "capy-bench", "--", what]).args(arguments);
    loud(&format!("cargo run --package capy-bench -- {what}"), cargo.current_dir(workspace_root()))
}
