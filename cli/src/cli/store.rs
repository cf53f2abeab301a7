//! `capy store`: clap derive only.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{AskService, ServiceArg};

#[derive(Subcommand)]
pub(crate) enum Store {
    /// Create, change, list and delete projects of the store
    #[command(subcommand)]
    Project(Box<ProjectCommand>),
    /// Set, list and delete the secrets of a project; no command shows a value again
    #[command(subcommand)]
    Secret(SecretCommand),
    /// List and rotate the keys that seal the store's values; for whoever runs the key service
    #[command(subcommand)]
    Keys(StoreKeysCommand),
}

#[derive(Subcommand)]
pub(crate) enum ProjectCommand {
    /// Create a project, and print its id
    Create(ProjectCreate),
    /// Change the settings of a project; those that are not given stay
    Update(ProjectUpdate),
    /// Show the projects that the API token may see, newest first
    List(AskService),
    /// Show a project and the names of its secrets
    Show(StoredProject),
    /// Delete a project and its secrets; asks first
    Delete(ProjectDelete),
}

#[derive(Subcommand)]
pub(crate) enum SecretCommand {
    /// Set one secret, or all variables of a .env file; replaces the value of a name that exists
    Set(SecretSet),
    /// Delete secrets
    Delete(SecretDelete),
    /// Show the names of a project's secrets
    List(StoredProject),
}

#[derive(Subcommand)]
pub(crate) enum StoreKeysCommand {
    /// Show the keys of ENCRYPTION_KEY and how many values each of them seals; needs an admin's
    /// token
    List(AskService),
    /// Seal every value again under the newest key; can be stopped and run again; needs an admin's
    /// token
    Rotate(AskService),
}

/// What is built, and how. An empty text removes a setting.
#[derive(Args)]
#[group(id = "settings", multiple = true)]
pub(crate) struct Settings {
    /// The repository: https://host/path, user@host:path, or a path on the service's own machine
    #[arg(long, value_name = "URL")]
    pub(crate) repository: Option<String>,
    /// The branch to build
    #[arg(long, value_name = "NAME")]
    pub(crate) branch: Option<String>,
    /// The command that installs dependencies, run first by a shell
    #[arg(long, value_name = "COMMAND")]
    pub(crate) install_command: Option<String>,
    /// The command that builds, run next by a shell
    #[arg(long, value_name = "COMMAND")]
    pub(crate) build_command: Option<String>,
    /// The folder of the build's output, inside the source
    #[arg(long, value_name = "DIR")]
    pub(crate) output_directory: Option<String>,
    /// The container image to build in
    #[arg(long, value_name = "IMAGE")]
    pub(crate) image: Option<String>,
}

#[derive(Args)]
pub(crate) struct ProjectCreate {
    /// The project's name: letters, digits, `.`, `_` and `-`
    pub(crate) name: String,
    /// The project's id [default: a random one]
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Set all variables of this .env file as the project's secrets; the local key opens sealed
    /// ones
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) ask: AskService,
}

#[derive(Args)]
#[command(group(clap::ArgGroup::new("change").args([
    "name", "repository", "branch", "install_command", "build_command", "output_directory", "image",
]).required(true).multiple(true)))]
pub(crate) struct ProjectUpdate {
    /// The project's name or id
    pub(crate) project: String,
    /// The new name
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) settings: Settings,
    #[command(flatten)]
    pub(crate) ask: AskService,
}

#[derive(Args)]
pub(crate) struct StoredProject {
    /// The project's name or id
    pub(crate) project: String,
    #[command(flatten)]
    pub(crate) ask: AskService,
}

#[derive(Args)]
pub(crate) struct ProjectDelete {
    /// The project's name or id
    pub(crate) project: String,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) service: ServiceArg,
}

#[derive(Args)]
pub(crate) struct SecretSet {
    /// The project's name or id
    pub(crate) project: String,
    /// The secret's name; the value is asked for, or read from stdin: other processes can read
    /// arguments
    #[arg(required_unless_present = "from", conflicts_with = "from")]
    pub(crate) name: Option<String>,
    /// Set all variables of this .env file; the local key opens sealed ones
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) ask: AskService,
}

#[derive(Args)]
pub(crate) struct SecretDelete {
    /// The project's name or id
    pub(crate) project: String,
    /// The secrets' names
    #[arg(required = true)]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) service: ServiceArg,
}
