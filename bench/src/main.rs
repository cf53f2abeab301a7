//! `capy-bench`, the program behind `cargo xtask bench`, `cargo xtask soak` and
//! `cargo xtask measure`.

mod bench;
mod registered;
mod soak;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Measures Capy's programs and its key service.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Set up, then measure our programs against their peers and print the tables of docs/benchmarks.md.
    Bench {
        /// Counted runs of each side [default: 15; 5 of those that take seconds].
        #[arg(long)]
        runs: Option<u32>,
        /// Only the rows of: start-up, build, tree, install, service, isolate, scale.
        #[arg(value_name = "ROWS")]
        only: Option<bench::Rows>,
    },
    /// Set up, then hold the key service under mixed load, with restarts, and check every answer, the audit trail and the
    /// memory.
    Soak {
        /// How long, for each host.
        #[arg(long, default_value_t = 15.0)]
        minutes: f64,
        /// Which host.
        #[arg(long, default_value = "both")]
        host: soak::Host,
        /// Calls a second, where the machine has other work and what it takes now says little [default: half of what it takes]
        #[arg(long)]
        rate: Option<f64>,
    },
    /// What a command takes: CPU and wall time in microseconds, peak memory in KiB.
    Measure {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<std::ffi::OsString>,
    },
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Bench { runs, only } => bench::run(runs, only),
        Command::Soak { minutes, host, rate } => soak::run(minutes, host, rate),
        Command::Measure { command } => bench::print_usage(&command),
    }
}
