//! `cargo xtask`: the workspace's own commands.

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::build_worker::{Build, build_worker};
use xtask::run_tests::Size;
use xtask::{bench, demo, dist, run_tests, soak};

/// The workspace's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Set up, then show the main job on a real application, from login to revoked.
    Demo,
    /// Set up, then run the tests of the workspace: at least one case of every kind.
    Test {
        /// All cases: every variant of every framework, and the large inputs.
        #[arg(long)]
        full: bool,
        /// What the test binaries take, such as a part of a test's name.
        #[arg(last = true)]
        filter: Vec<String>,
    },
    /// Set up, then measure our programs against their peers and print the README's table.
    Bench {
        /// Counted runs of each side [default: 15; 5 of those that take seconds].
        #[arg(long)]
        runs: Option<u32>,
        /// Only the rows of: start-up, build, tree, service, isolate.
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
    #[command(hide = true)]
    Measure {
        #[arg(last = true)]
        command: Vec<std::ffi::OsString>,
    },
    /// Make everything that a release consists of, in one folder, with SHA256SUMS.
    Dist(dist::Arguments),
    /// Build the key service into build/worker, as wrangler bundles it.
    BuildWorker,
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Demo => demo::run(),
        Command::Test { full, filter } => {
            run_tests::run(if full { Size::Full } else { Size::Usual }, &filter)
        }
        Command::Bench { runs, only } => bench::run(runs, only),
        Command::Soak { minutes, host, rate } => soak::run(minutes, host, rate),
        Command::Measure { command } => bench::tell(&command),
        Command::Dist(arguments) => dist::run(arguments),
        Command::BuildWorker => build_worker(&Build::service()).map(drop),
    }
}
