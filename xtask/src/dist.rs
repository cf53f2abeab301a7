//! `cargo xtask dist`: makes all files of a release, in one folder, with `SHA256SUMS`.
//!
//! Each part is a module with `make(&Release) -> Result<()>`. A part asks the [`Release`] for the
//! programs of a target, which are built once, and hands its files to [`Release::add`]. Otherwise
//! only [`Release::write_sums`] writes into the folder.

mod archive;
mod archives;
mod deb;
mod image;
mod installers;
mod kept_programs;
mod lambda;
mod licences;
mod npm;
mod programs;
mod release;
mod sbom;
mod service;
mod target;
mod tools;
mod verify;

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};

use programs::Program;
pub use programs::Programs;
pub use release::Release;
pub use target::Target;

use crate::steps::{heading, say};
use crate::workspace_root;

/// What `cargo xtask dist` is asked for.
#[derive(Args, Clone, Debug, Default)]
pub struct Arguments {
    /// Only this part of the release; may be given again
    #[arg(long, value_enum, value_name = "PART")]
    pub only: Vec<Part>,
    /// The folder to fill; files of an earlier run are replaced [default: target/dist]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Only programs for this target; may be given again [default: all that a release has]
    #[arg(long, value_enum, value_name = "TRIPLE")]
    pub target: Vec<Target>,
    /// Take programs from DIR/TRIPLE, where they are, instead of building them
    #[arg(long, value_name = "DIR")]
    pub programs: Option<PathBuf>,
    /// Make it twice, from two clones in different folders, and compare all bytes; the first is
    /// kept
    #[arg(long, conflicts_with = "programs")]
    pub verify: bool,
}

/// A part of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// The program `capy`, in target/dist-programs
    Programs,
    /// The program `capy-server`, likewise
    ServerPrograms,
    /// An archive for each target: programs and licences
    Archives,
    /// Packages for Debian and Ubuntu
    Deb,
    /// The container image of `capy`
    Image,
    /// The key service for a machine of one's own: archives, packages and an image of `capy-server`
    Server,
    /// The layers of AWS Lambda: `capy` and a wrapper for each architecture
    Lambda,
    /// What each program consists of: a bill of materials
    Sbom,
    /// The npm packages: one for people, one for each platform
    Npm,
    /// The key service for Cloudflare: an archive and an npm package
    Service,
    /// The shell installer
    Installer,
    /// Homebrew's formula, from the archives that are in the folder
    Formula,
}

impl Part {
    /// All parts, in the order in which they are made.
    pub fn all() -> Vec<Self> {
        Self::value_variants().to_vec()
    }

    /// The part's name on the command line.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    fn make(self, release: &Release) -> Result<()> {
        match self {
            Self::Programs => kept_programs::make(release, Program::Capy),
            Self::ServerPrograms => kept_programs::make(release, Program::Server),
            Self::Archives => archives::make(release),
            Self::Deb => deb::make(release),
            Self::Image => image::make(release),
            Self::Server => {
                archives::make_server(release)?;
                deb::make_server(release)?;
                image::make_server(release)
            }
            Self::Lambda => lambda::make(release),
            Self::Sbom => sbom::make(release),
            Self::Npm => npm::make(release),
            Self::Service => service::make(release),
            Self::Installer => installers::make_shell(release),
            Self::Formula => installers::make_formula(release),
        }
    }
}

/// The folder of a release's programs for this machine, which benchmarks measure. Builds them.
///
/// # Errors
/// If they cannot be built, or a release has none for this machine.
pub fn programs_for_this_machine() -> Result<PathBuf> {
    let target = Target::of_this_machine()?;
    let release = Release::new(release_folder(), vec![target], None)?;
    kept_programs::keep(&release, target, Program::Server)?;
    kept_programs::keep(&release, target, Program::Capy)
}

fn release_folder() -> PathBuf {
    workspace_root().join("target/dist")
}

/// Makes the parts that are asked for, and then the sums of all files in the folder.
///
/// # Errors
/// If a part cannot be made. The other parts are made nevertheless.
pub fn run(arguments: Arguments) -> Result<()> {
    if arguments.verify {
        return verify::run(&arguments);
    }
    let parts = if arguments.only.is_empty() { Part::all() } else { arguments.only };
    let out = match arguments.out {
        Some(out) => std::path::absolute(out)?,
        None => release_folder(),
    };
    let release = Release::new(out, arguments.target, arguments.programs)?;
    say(format!("Capy {}, commit {}", release.version, release.commit));
    let mut failed = Vec::new();
    for part in parts {
        heading(&part.name());
        if let Err(error) = part.make(&release) {
            say(format!("error: {error:#}"));
            failed.push(part.name());
        }
    }
    release.write_sums()?;
    ensure!(failed.is_empty(), "not made, or not for all targets: {}", failed.join(", "));
    Ok(())
}
