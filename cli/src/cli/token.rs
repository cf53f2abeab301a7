//! `capy token`: clap derive only.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::{AskService, ServiceArg};
use crate::deployment::lifetime;

#[derive(Subcommand)]
pub(crate) enum Token {
    /// Create an API token and print it once
    Create(TokenCreate),
    /// Show the service's API tokens, newest first
    List(AskService),
    /// Revoke an API token: from now on the service refuses it
    Revoke(TokenRevoke),
    /// Trust jobs on GitHub Actions by their identity (OpenID Connect), without an API token
    #[command(subcommand)]
    Trust(TokenTrust),
}

#[derive(Subcommand)]
pub(crate) enum TokenTrust {
    /// Trust the jobs of a repository with a scope
    Add(TrustAdd),
    /// Show the trusted repositories and their scopes, newest first
    List(AskService),
    /// Remove a trust: from now on the service refuses those jobs
    Remove(TrustRemove),
}

#[derive(Args)]
#[command(after_help = "\
Everybody who can push to a trusted branch gets the scope: narrow it with --ref or --environment.
A value can end with *, as in --ref 'refs/heads/release/*'. Put a / before it: refs/heads/main* also
matches refs/heads/main-x, and a warning says so. The job needs `permissions: id-token: write`.")]
pub(crate) struct TrustAdd {
    /// The repository, as owner/name
    #[arg(long, value_name = "OWNER/NAME")]
    pub(crate) repository: String,
    /// Only on this branch or tag, such as refs/heads/main
    #[arg(long = "ref", value_name = "REF")]
    pub(crate) git_ref: Option<String>,
    /// Only in jobs of this environment
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Option<String>,
    /// Only in the repository with this number, even if another one gets its name
    #[arg(long, value_name = "N")]
    pub(crate) repository_id: Option<String>,
    /// Only in this workflow, as .github/workflows/FILE@REF
    #[arg(long, value_name = "PATH@REF")]
    pub(crate) workflow: Option<String>,
    /// Only in this reusable workflow, as OWNER/NAME/PATH@REF
    #[arg(long, value_name = "FILE@REF")]
    pub(crate) job_workflow: Option<String>,
    /// What the jobs may do: deploy or read (this project), deploy:ID, read:ID or build:ID
    #[arg(long, value_name = "SCOPE")]
    pub(crate) scope: String,
    /// Who signs the identities [default: GitHub]
    #[arg(long, value_name = "URL")]
    pub(crate) issuer: Option<String>,
    /// The audience of the identities [default: the service's URL, which capy requests]
    #[arg(long, value_name = "TEXT")]
    pub(crate) audience: Option<String>,
    #[command(flatten)]
    pub(crate) ask: AskService,
}

#[derive(Args)]
pub(crate) struct TrustRemove {
    /// The trust's id, as `capy token trust list` shows it: tru_ and 16 digits
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) service: ServiceArg,
}

#[derive(Args)]
pub(crate) struct TokenCreate {
    /// What the token may do: deploy or read (this project), deploy:ID, read:ID, build:ID or admin;
    /// repeatable
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    pub(crate) scopes: Vec<String>,
    /// A note that `capy token list` shows
    #[arg(long)]
    pub(crate) label: Option<String>,
    /// Refuse the token after this time, such as 90d or 12h [default: never]
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    pub(crate) expires: Option<Duration>,
    #[command(flatten)]
    pub(crate) ask: AskService,
}

#[derive(Args)]
pub(crate) struct TokenRevoke {
    /// The token's id, as `capy token list` shows it: tok_ and 16 digits
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) service: ServiceArg,
}
