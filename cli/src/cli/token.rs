//! `capy token`: clap derive only.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::lifetime;

#[derive(Subcommand)]
pub(crate) enum Token {
    /// Make an API token and print it, this once
    Create(TokenCreate),
    /// Show the service's API tokens, newest first
    List(TokenList),
    /// Revoke an API token: from now on the service refuses it
    Revoke(TokenRevoke),
}

#[derive(Args)]
pub(crate) struct TokenCreate {
    /// What it may do: deploy or read (this project), deploy:ID, read:ID or admin; may be given more than once
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    pub(crate) scopes: Vec<String>,
    /// A note that `capy token list` shows
    #[arg(long)]
    pub(crate) label: Option<String>,
    /// Refuse it after this time, such as 90d or 12h [default: never]
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    pub(crate) expires: Option<Duration>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) service: ServiceArg,
}

#[derive(Args)]
pub(crate) struct TokenList {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) service: ServiceArg,
}

#[derive(Args)]
pub(crate) struct TokenRevoke {
    /// The token's id, as `capy token list` shows it: tok_ and 16 digits
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) service: ServiceArg,
}

#[derive(Args)]
pub(crate) struct ServiceArg {
    /// The service's URL [default: the project's]
    #[arg(long)]
    pub(crate) url: Option<String>,
}
