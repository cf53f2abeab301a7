//! `capy build`: clap derive only.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::ServiceArg;
use crate::build::{AllowedHost, Engine, image, word};
use crate::deployment::lifetime;

#[derive(Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
This machine opens the project's secrets, with ENCRYPTION_KEY or the file that ENCRYPTION_KEY_FILE
names. During the build they are in the container's environment, and in .env beside the source.
capy hands out the output only if it contains no value. A project with secrets must not build static
files alone.

To build a project that is named like a subcommand, give its id, or write: capy build -- list"
)]
pub(crate) struct Build {
    #[command(subcommand)]
    pub(crate) command: Option<BuildCommand>,
    #[command(flatten)]
    pub(crate) order: BuildOrder,
}

#[derive(Subcommand)]
pub(crate) enum BuildCommand {
    /// Show this machine's builds, newest first
    List(BuildList),
    /// Show one build: its source, its result and its output
    Show(BuildShow),
    /// Print the log of a build, with its secrets masked
    Logs(BuildLogs),
}

#[derive(Args)]
pub(crate) struct BuildOrder {
    /// The project's name or id
    #[arg(required = true, value_name = "PROJECT")]
    pub(crate) project: Option<String>,
    /// Build this folder [default: a clone of the project's repository]
    #[arg(long, value_name = "DIR")]
    pub(crate) source: Option<PathBuf>,
    /// The branch, tag or commit [default: the project's branch]
    #[arg(long = "ref", value_name = "REF", conflicts_with = "source")]
    pub(crate) reference: Option<String>,
    /// Fetch the repository only from HOST[:PORT], with this user's ssh keys and passwords;
    /// repeatable, and CAPY_BUILD_HOSTS adds hosts [default: public hosts, over https, without
    /// credentials]
    #[arg(long, value_name = "HOST")]
    pub(crate) allow_host: Vec<AllowedHost>,
    /// The container engine [default: the first that answers]
    #[arg(long, value_enum)]
    pub(crate) engine: Option<Engine>,
    /// The image to build in [default: the project's, else node:24]
    #[arg(long, value_name = "IMAGE", value_parser = image)]
    pub(crate) image: Option<String>,
    /// How much memory the container may use, such as 2g
    #[arg(long, value_name = "BYTES", value_parser = word)]
    pub(crate) memory: Option<String>,
    /// How many processors the container may use, such as 1.5
    #[arg(long, value_name = "N", value_parser = word)]
    pub(crate) cpus: Option<String>,
    /// The container's network, such as none
    #[arg(long, value_name = "NETWORK", value_parser = word)]
    pub(crate) network: Option<String>,
    /// How long the build may take, including the clone
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = lifetime)]
    pub(crate) timeout: Duration,
    /// The folder for the source and its secrets during the build; one in memory keeps them off the
    /// disk
    #[arg(long, value_name = "DIR")]
    pub(crate) temp: Option<PathBuf>,
    /// A new folder for the output [default: beside the build's record]
    #[arg(long, value_name = "DIR")]
    pub(crate) artifacts: Option<PathBuf>,
    /// Inline the secrets into the server bundles of the output
    #[arg(long)]
    pub(crate) inline: bool,
    /// Hand out static files of a project with secrets if they contain no value; the record says
    /// who asked for it
    #[arg(long)]
    pub(crate) static_if_clean: bool,
    /// Print the build's record as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) service: ServiceArg,
}

#[derive(Args)]
pub(crate) struct BuildList {
    /// Show only builds of this project, by its name or id
    #[arg(long, value_name = "PROJECT")]
    pub(crate) project: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct BuildShow {
    /// The build's id, or its first digits (four at least)
    pub(crate) id: String,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct BuildLogs {
    /// The build's id, or its first digits (four at least)
    pub(crate) id: String,
}
