//! `cargo xtask`: the workspace's own commands.

use std::path::PathBuf;

use anyhow::Result;
use capy_test_support::workspace_root;
use clap::{Parser, Subcommand};
use xtask::build_worker::{Build, build_worker};
#[cfg(feature = "dist")]
use xtask::dist;
#[cfg(feature = "house")]
use xtask::house;
use xtask::run_tests::Size;
use xtask::{book, demo, elsewhere, run_tests};

/// The workspace's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Set up, then show the main job on a real application, from login to revoked.
    Demo {
        /// With the packages of a release in place of programs that are compiled here.
        #[arg(long)]
        installed: bool,
        /// The folder of the release, as `cargo xtask dist --only npm --only service` made it [default: target/dist]
        #[arg(long, value_name = "DIR", requires = "installed")]
        release: Option<PathBuf>,
    },
    /// Set up, then run the tests of the workspace: at least one case of every kind.
    Test {
        /// All cases: every variant of every framework, and the large inputs.
        #[arg(long)]
        full: bool,
        /// What the test binaries take, such as a part of a test's name.
        #[arg(last = true)]
        filter: Vec<String>,
    },
    /// Set up, then measure our programs against their peers and print the tables of docs/benchmarks.md.
    #[command(disable_help_flag = true)]
    Bench(elsewhere::Arguments),
    /// Set up, then hold the key service under mixed load, with restarts, and check every answer, the audit trail and the
    /// memory.
    #[command(disable_help_flag = true)]
    Soak(elsewhere::Arguments),
    /// What a command takes: CPU and wall time in microseconds, peak memory in KiB.
    #[command(hide = true, disable_help_flag = true)]
    Measure(elsewhere::Arguments),
    /// Make everything that a release consists of, in one folder, with SHA256SUMS.
    #[cfg(feature = "dist")]
    Dist(dist::Arguments),
    /// Make everything that a release consists of, in one folder, with SHA256SUMS.
    #[cfg(not(feature = "dist"))]
    #[command(disable_help_flag = true)]
    Dist(elsewhere::Arguments),
    /// Check that no files of the sources need each other in a circle.
    House,
    /// Build the book of docs/ into target/book.
    Book,
    /// Write the pages of docs/reference anew that are made from the code.
    Reference,
    /// Build the key service into build/worker, as wrangler bundles it.
    BuildWorker,
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Demo { installed, release } => {
            let release = release.unwrap_or_else(|| workspace_root().join("target/dist"));
            demo::run(installed.then_some(std::path::absolute(release)?.as_path()))
        }
        Command::Test { full, filter } => {
            run_tests::run(if full { Size::Full } else { Size::Usual }, &filter)
        }
        Command::Bench(arguments) => elsewhere::bench("bench", &arguments),
        Command::Soak(arguments) => elsewhere::bench("soak", &arguments),
        Command::Measure(arguments) => elsewhere::bench("measure", &arguments),
        #[cfg(feature = "dist")]
        Command::Dist(arguments) => dist::run(arguments),
        #[cfg(not(feature = "dist"))]
        Command::Dist(arguments) => elsewhere::dist(&arguments),
        #[cfg(feature = "house")]
        Command::House => house::run(),
        #[cfg(not(feature = "house"))]
        Command::House => elsewhere::house(),
        Command::Book => book::build(),
        Command::Reference => book::reference(),
        Command::BuildWorker => build_worker(&Build::service()).map(drop),
    }
}

#[cfg(test)]
mod tests {
    use capy_test_support::pages;
    use clap::error::ErrorKind;

    use super::*;

    #[test]
    fn every_xtask_that_a_page_shows_is_understood() {
        let (mut checked, mut faults) = (0, Vec::new());
        for page in pages::all() {
            for command in page.commands() {
                let Some(arguments) = command.words.strip_prefix(&["cargo", "xtask"].map(str::to_owned))
                else {
                    continue;
                };
                checked += 1;
                let words = std::iter::once("cargo xtask").chain(arguments.iter().map(String::as_str));
                match Cli::try_parse_from(words) {
                    Err(error) if error.kind() != ErrorKind::DisplayHelp => {
                        faults.push(format!("{}: {error}", command.place));
                    }
                    _ => {}
                }
            }
        }
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        assert!(checked > 3, "{checked}");
    }
}
