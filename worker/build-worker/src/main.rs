//! `capy-build-worker`, which `cargo xtask build-worker` starts.

use std::path::PathBuf;

use anyhow::Result;
use capy_build_worker::{Build, build_worker};
use clap::Parser;

/// Builds a crate for Cloudflare Workers: wasm, its glue, and the module that wrangler starts from.
#[derive(Parser)]
#[command(name = "capy-build-worker")]
struct Cli {
    /// The package that holds the crate.
    #[arg(long)]
    package: String,
    /// The example to build instead of the package's library.
    #[arg(long, value_name = "NAME")]
    example: Option<String>,
    /// The cargo profile.
    #[arg(long, default_value = "service")]
    profile: String,
    /// The folder to fill; what was in it goes.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The module that wrangler starts from; it is copied into the folder.
    #[arg(long, value_name = "FILE")]
    entry: PathBuf,
    /// Let functions keep their names.
    #[arg(long)]
    names: bool,
}

fn main() -> Result<()> {
    let Cli { package, example, profile, out, entry, names } = Cli::parse();
    build_worker(&Build { package, example, profile, out_dir: out, entry, names }).map(drop)
}
