//! `capy deploy` and the commands below it.

use std::path::PathBuf;
use std::time::Duration;

use capy_protocol::api::Credential;
use capy_protocol::blob::Format;
use capy_protocol::network::Network;
use clap::builder::PossibleValue;
use clap::{Args, Subcommand, ValueEnum};

use super::EnvFileArg;
use crate::deployment::{BlobPlace, PartialRequest, Terms, lifetime};

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Deploy {
    #[command(subcommand)]
    pub(crate) command: Option<DeployCommand>,
    #[command(flatten)]
    pub(crate) mint: Mint,
}

#[derive(Subcommand)]
pub(crate) enum DeployCommand {
    /// Show the project's deployments, newest first
    List(DeployList),
    /// Revoke a deployment: from now on the service releases no key for it
    Revoke(DeployRevoke),
    /// Replace a deployment by a new one with the same terms; asks before it revokes the old one
    Rotate(Box<DeployRotate>),
}

#[derive(Args)]
pub(crate) struct DeployRotate {
    /// The deployment's id, or its first digits (four at least)
    pub(crate) id: String,
    /// The new deployment's platform [default: the old one's]
    #[arg(long, value_name = "ID")]
    pub(crate) platform: Option<String>,
    /// The platform's environment [default: the old one's]
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Option<String>,
    /// Set the variables with the platform's own command line
    #[arg(long, conflicts_with = "json")]
    pub(crate) push: bool,
    /// The platform's project to push to [default: this folder's]
    #[arg(long, value_name = "NAME", requires = "push")]
    pub(crate) project: Option<String>,
    /// Print the variables and the deployment's id as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Deploy only these variables, separated by commas [default: the old one's]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) only: Option<Vec<String>>,
    /// Deploy all variables of .env
    #[arg(long, conflicts_with = "only")]
    pub(crate) all: bool,
    /// Split the blob over as many variables as it needs
    #[arg(long, conflicts_with = "blob_file")]
    pub(crate) split: bool,
    /// Write the blob to FILE, which you deploy with the code
    #[arg(long, value_name = "FILE")]
    pub(crate) blob_file: Option<PathBuf>,
    /// Do not ask; revoke the old one as soon as the new variables are printed or pushed
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) file: EnvFileArg,
}

#[derive(Args)]
pub(crate) struct Mint {
    /// The platform, such as vercel, docker, github-actions or other; an unknown one lists all
    #[arg(long, value_name = "ID")]
    pub(crate) platform: Option<String>,
    /// The platform's environment, such as production or preview [default: its first]
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Option<String>,
    /// Set the variables with the platform's own command line; shows the commands and asks first
    #[arg(long, conflicts_with_all = ["print", "json", "no_open"])]
    pub(crate) push: bool,
    /// Do not ask before --push runs commands or --blob-file replaces a live blob
    #[arg(long)]
    pub(crate) yes: bool,
    /// The platform's project, app, site or repository to push to [default: this folder's]
    #[arg(long, value_name = "NAME", requires = "push")]
    pub(crate) project: Option<String>,
    /// Check that the platform's deployment is live and has the values of .env; counts as no use
    #[arg(long, conflicts_with_all = ["platform", "print", "json", "push", "no_open"])]
    pub(crate) check: bool,
    /// The platform's variables, as a file of NAME=value lines, or - for stdin [default: the
    /// environment]
    #[arg(long, value_name = "FILE", requires = "check")]
    pub(crate) held: Option<PathBuf>,
    /// Open the deployment through the key service, if another machine made it; counts as a use
    #[arg(long, requires = "check")]
    pub(crate) open: bool,
    /// Print the page's address instead of opening a browser
    #[arg(long, conflicts_with_all = ["print", "json"])]
    pub(crate) no_open: bool,
    /// Print the variables as NAME=value lines, and the next steps on stderr
    #[arg(long)]
    pub(crate) print: bool,
    /// Print the variables and the deployment's id as JSON
    #[arg(long, conflicts_with = "print")]
    pub(crate) json: bool,
    /// Deploy only these variables, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) only: Option<Vec<String>>,
    /// Split the blob over several variables, for a platform that limits their length
    #[arg(long, conflicts_with = "blob_file")]
    pub(crate) split: bool,
    /// Write the blob to FILE, which you deploy with the code; SECRETS_BLOB_FILE then names it.
    /// With --check: the path of that file here
    #[arg(long, value_name = "FILE")]
    pub(crate) blob_file: Option<PathBuf>,
    /// A note that `capy deploy list` shows [default: the environment]
    #[arg(long)]
    pub(crate) label: Option<String>,
    #[command(flatten)]
    pub(crate) terms: TermsArgs,
    /// The credential that the platform keeps beside the blob
    #[arg(long, value_enum, default_value = "project-key")]
    pub(crate) credential: OptionValue<Credential>,
    /// The blob's format; v0 is that of the original system
    #[arg(long, value_enum, default_value = "v1")]
    pub(crate) format: OptionValue<Format>,
    #[command(flatten)]
    pub(crate) file: EnvFileArg,
}

impl From<&Mint> for PartialRequest {
    fn from(arguments: &Mint) -> Self {
        Self {
            platform: arguments.platform.clone(),
            environment: arguments.environment.clone(),
            only: arguments.only.clone(),
            label: arguments.label.clone(),
            terms: arguments.terms.clone().into(),
            credential: arguments.credential.0,
            format: arguments.format.0,
            blob: BlobPlace::of(arguments.split, arguments.blob_file.as_deref()),
        }
    }
}

/// What a deployment is allowed. Nothing given: until it is revoked, from anywhere.
#[derive(Args, Clone)]
pub(crate) struct TermsArgs {
    /// Release no key after this time, such as 90d or 12h
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    pub(crate) expires: Option<Duration>,
    /// Release the key at most N times; each build and each start counts as one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_uses: Option<u64>,
    /// Release keys only to this address or network, such as 192.0.2.7 or 10.0.0.0/8; repeatable
    #[arg(long, value_name = "NETWORK", value_parser = Network::parse)]
    pub(crate) cidr: Vec<Network>,
}

impl From<TermsArgs> for Terms {
    fn from(TermsArgs { expires, max_uses, cidr }: TermsArgs) -> Self {
        Self { expires, max_uses, cidr }
    }
}

/// A type of the protocol as the value of an option.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OptionValue<T>(pub(crate) T);

impl ValueEnum for OptionValue<Credential> {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self(Credential::ProjectKey), Self(Credential::DeployKey)]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self.0 {
            Credential::ProjectKey => "PROJECT_KEY, which is never sent to the key service",
            Credential::DeployKey => "_CAPY_DEPLOY_KEY, which is the deploy token itself",
        };
        Some(PossibleValue::new(self.0.as_str()).help(help))
    }
}

impl ValueEnum for OptionValue<Format> {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self(Format::V1), Self(Format::V0)]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self.0 {
            Format::V1 => "v1",
            Format::V0 => "v0",
        }))
    }
}

#[derive(Args)]
pub(crate) struct DeployList {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct DeployRevoke {
    /// The deployment's id, or its first digits (four at least)
    #[arg(required_unless_present = "all")]
    pub(crate) id: Option<String>,
    /// Revoke every deployment of the project; asks first
    #[arg(long, conflicts_with = "id")]
    pub(crate) all: bool,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}
