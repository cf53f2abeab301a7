//! `capy project` and `capy store`: clap derive only.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ServiceArg;

#[derive(Subcommand)]
pub(crate) enum ProjectCommand {
    /// Make a project, and print its id
    Create(ProjectCreate),
    /// Change a project's settings; what is not named stays
    Update(ProjectUpdate),
    /// Show the projects that the API token may see, newest first
    List(ProjectList),
    /// Show a project and the names of its secrets
    Show(ProjectShow),
    /// Remove a project with its secrets; asks first
    Delete(ProjectDelete),
    /// Set, delete and list the secrets of a project. Nothing shows a value again
    #[command(subcommand)]
    Secret(SecretCommand),
}

#[derive(Subcommand)]
pub(crate) enum SecretCommand {
    /// Set one secret, or all of a .env file; a known name gets the new value
    Set(SecretSet),
    /// Delete secrets
    Delete(SecretDelete),
    /// Show the names of a project's secrets
    List(ProjectShow),
}

#[derive(Subcommand)]
pub(crate) enum Store {
    /// Show the keys of ENCRYPTION_KEY and how many values each sealed; needs an admin's token
    Keys(StoreKeys),
    /// Seal every value again under the newest key; may be stopped and run again; needs an admin's token
    Rotate(StoreKeys),
}

/// What is built, and how. An empty text takes a setting away.
#[derive(Args)]
#[group(id = "settings", multiple = true)]
pub(crate) struct Settings {
    /// Where the source is: https://host/path, user@host:path, or a path on the service's own machine
    #[arg(long, value_name = "URL")]
    pub(crate) repository: Option<String>,
    /// The branch to build
    #[arg(long, value_name = "NAME")]
    pub(crate) branch: Option<String>,
    /// Runs first, by a shell
    #[arg(long, value_name = "COMMAND")]
    pub(crate) install_command: Option<String>,
    /// Runs next, by a shell
    #[arg(long, value_name = "COMMAND")]
    pub(crate) build_command: Option<String>,
    /// Where the result lies, inside the source
    #[arg(long, value_name = "DIR")]
    pub(crate) output_directory: Option<String>,
    /// The container image in which it is built
    #[arg(long, value_name = "IMAGE")]
    pub(crate) image: Option<String>,
}

#[derive(Args)]
pub(crate) struct ProjectCreate {
    /// The project's name: letters, digits, `.`, `_` and `-`
    pub(crate) name: String,
    /// Its id [default: drawn]
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Set all variables of this .env file as its secrets; sealed ones are opened with the local key
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) service: ServiceArg,
}

#[derive(Args)]
#[command(group(clap::ArgGroup::new("change").args([
    "name", "repository", "branch", "install_command", "build_command", "output_directory", "image",
]).required(true).multiple(true)))]
pub(crate) struct ProjectUpdate {
    /// The project's name or id
    pub(crate) project: String,
    /// Another name
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) service: ServiceArg,
}

#[derive(Args)]
pub(crate) struct ProjectList {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) service: ServiceArg,
}

#[derive(Args)]
pub(crate) struct ProjectShow {
    /// The project's name or id
    pub(crate) project: String,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) service: ServiceArg,
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
    /// The variable's name; its value is asked for, or read from stdin. There is no argument for the value
    #[arg(required_unless_present = "from", conflicts_with = "from")]
    pub(crate) name: Option<String>,
    /// Set all variables of this .env file; sealed ones are opened with the local key
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// Print the project as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) service: ServiceArg,
}

#[derive(Args)]
pub(crate) struct SecretDelete {
    /// The project's name or id
    pub(crate) project: String,
    /// The variables' names
    #[arg(required = true)]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) service: ServiceArg,
}

#[derive(Args)]
pub(crate) struct StoreKeys {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) service: ServiceArg,
}
