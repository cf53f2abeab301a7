//! The command line: clap derive and nothing else.

mod token;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use capy_protocol::network::Network;
use capy_worker::host::Limit;
use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

pub(crate) use token::{
    ServiceArg, Token, TokenCreate, TokenList, TokenRevoke, TokenTrust, TrustAdd, TrustList, TrustRemove,
};

/// Secrets for applications deployed where nobody can wrap the process.
///
/// Values are sealed on this machine, in `.env`. `capy deploy` makes one deployment's pair of variables for a
/// platform; there `capy run -- <command>` opens them through the key service, and bakes them into the servers
/// that a build makes. The platform's half and the service's half open nothing without each other.
#[derive(Parser)]
#[command(
    name = "capy",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "\
First steps:
  capy login --url https://keys.example.com    # once per machine
  capy init                                    # once per project; shows 24 words to keep
  capy set DATABASE_URL                        # asks for the value
  capy deploy                                  # opens a page: where to, and what to set there
  capy run -- next build                       # there, as the build command; here, with .env

Environment:
  SECRETS_BLOB, PROJECT_KEY              credentials, as `capy deploy` prints them
  _CAPY_SECRETS_BLOB, _CAPY_DEPLOY_KEY   the same with --credential deploy-key
  CAPY_SERVICE_URL                       the key service, in place of the one in capy.toml
  CAPY_TIMEOUT                           seconds to try the service for (30)
  CAPY_TOKEN                             API token, in place of a login (for CI); with CAPY_SERVICE_URL
  CAPY_CONFIG_DIR                        logins and local keys (~/.config/capy)
  CAPY_ALLOW_HTTP=1                      plain http to another machine, for a private network

Exit codes: capy help exit-codes"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Keep an API token of a key service on this machine
    Login(Login),
    /// Forget the API token of a key service
    Logout(Logout),
    /// Make this folder a project: draws its 24 words and shows them once
    Init(Init),
    /// Seal a variable into .env; the value is asked for, or read from stdin
    Set(Set),
    /// Remove variables from .env
    Unset(Unset),
    /// Show the names in .env, and which of them are sealed
    List(List),
    /// Seal every plaintext value of .env in place
    Encrypt(EnvFileArg),
    /// Open a page that makes a deployment's variables for a platform; list and revoke deployments
    Deploy(Box<Deploy>),
    /// Run a command with the secrets in its environment; a build is followed by inlining
    Run(Run),
    /// Make, list and revoke API tokens of a key service; trust the jobs of a CI
    #[command(subcommand)]
    Token(Token),
    /// Show what happened to the project's deployments; verify that nobody changed the record of it
    Audit(Audit),
    /// For who runs a key service
    #[command(subcommand)]
    Service(Service),
    /// Run a key service on this machine, over SQLite
    Serve(Serve),
    /// Show every exit code and what it means
    #[command(name = "exit-codes", long_about = crate::exit::table())]
    ExitCodes,
}

#[derive(Args)]
pub(crate) struct Login {
    /// The service's URL [default: the project's]
    #[arg(long)]
    pub(crate) url: Option<String>,
}

#[derive(Args)]
pub(crate) struct Logout {
    /// The service's URL [default: the project's]
    #[arg(long)]
    pub(crate) url: Option<String>,
}

#[derive(Args)]
pub(crate) struct Init {
    /// The key service's URL [default: that of the only login]
    #[arg(long, conflicts_with = "recover")]
    pub(crate) url: Option<String>,
    /// Take the 24 words of a project that has a capy.toml already, on a new machine
    #[arg(long)]
    pub(crate) recover: bool,
}

#[derive(Args)]
pub(crate) struct EnvFileArg {
    /// The file [default: .env beside capy.toml, else here]
    #[arg(long, value_name = "FILE")]
    pub(crate) env_file: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Set {
    /// The variable's name. There is no argument for the value: arguments are seen by every process
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) file: EnvFileArg,
}

#[derive(Args)]
pub(crate) struct Unset {
    /// The variables' names
    #[arg(required = true)]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) file: EnvFileArg,
}

#[derive(Args)]
pub(crate) struct List {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) file: EnvFileArg,
}

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
    /// Make a deployment's successor with the same terms, then revoke the old one; asks before it does
    Rotate(Box<DeployRotate>),
}

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Audit {
    #[command(subcommand)]
    pub(crate) command: Option<AuditCommand>,
    /// How many events, from the newest on
    #[arg(long, value_name = "N", default_value = "50")]
    pub(crate) last: usize,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Subcommand)]
pub(crate) enum AuditCommand {
    /// Check that no event of the service was removed, added or changed; needs an admin's token
    Verify(AskService),
}

// A question to a service as a whole. No doc comment: clap would take it for the help of both commands.
#[derive(Args)]
pub(crate) struct AskService {
    /// The service's URL [default: the project's]
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct DeployRotate {
    /// The deployment's id, or its first digits (four at least)
    pub(crate) id: String,
    /// Where it goes [default: where the old one went]
    #[arg(long, value_name = "ID")]
    pub(crate) platform: Option<String>,
    /// Which of the platform's environments [default: its first]
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Option<String>,
    /// Set the variables by the platform's own command line
    #[arg(long, conflicts_with = "json")]
    pub(crate) push: bool,
    /// The platform's project that --push sets them on [default: this folder's]
    #[arg(long, value_name = "NAME", requires = "push")]
    pub(crate) project: Option<String>,
    /// Print the variables and the deployment's id as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Deploy these variables and no others, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) only: Option<Vec<String>>,
    /// Cut the blob over as many variables as it needs
    #[arg(long, conflicts_with = "blob_file")]
    pub(crate) split: bool,
    /// Write the blob to FILE, to be deployed beside the code
    #[arg(long, value_name = "FILE")]
    pub(crate) blob_file: Option<PathBuf>,
    /// Do not ask: the old one is revoked as soon as the successor was printed or pushed
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) file: EnvFileArg,
}

#[derive(Args)]
pub(crate) struct Mint {
    /// Where it goes, such as vercel, docker, github-actions or other; a wrong one shows all
    #[arg(long, value_name = "ID")]
    pub(crate) platform: Option<String>,
    /// Which of the platform's environments, such as production or preview [default: its first]
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Option<String>,
    /// Set the variables by the platform's own command line; shows what it runs and asks first
    #[arg(long, conflicts_with_all = ["print", "json", "no_open"])]
    pub(crate) push: bool,
    /// Do not ask before --push runs anything
    #[arg(long, requires = "push")]
    pub(crate) yes: bool,
    /// The platform's project, app, site or repository that --push sets them on [default: this folder's]
    #[arg(long, value_name = "NAME", requires = "push")]
    pub(crate) project: Option<String>,
    /// Check that what a platform holds is live and holds what .env holds; counts as a use
    #[arg(long, conflicts_with_all = ["platform", "print", "json", "push", "no_open"])]
    pub(crate) check: bool,
    /// The variables that the platform holds, as a file of NAME=value lines; - for stdin [default: the
    /// environment]
    #[arg(long, value_name = "FILE", requires = "check")]
    pub(crate) held: Option<PathBuf>,
    /// Print the page's address and do not open a browser
    #[arg(long, conflicts_with_all = ["print", "json"])]
    pub(crate) no_open: bool,
    /// Print the variables as NAME=value lines, and the steps to take on stderr
    #[arg(long)]
    pub(crate) print: bool,
    /// Print the variables and the deployment's id as JSON
    #[arg(long, conflicts_with = "print")]
    pub(crate) json: bool,
    /// Deploy these variables and no others, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) only: Option<Vec<String>>,
    /// Split the blob over several variables, where the platform's are short
    #[arg(long, conflicts_with = "blob_file")]
    pub(crate) split: bool,
    /// Write the blob to FILE, to be deployed beside the code; the platform then holds SECRETS_BLOB_FILE
    #[arg(long, value_name = "FILE")]
    pub(crate) blob_file: Option<PathBuf>,
    /// A note that `capy deploy list` shows [default: the environment, if one is named]
    #[arg(long)]
    pub(crate) label: Option<String>,
    #[command(flatten)]
    pub(crate) terms: Terms,
    /// What the platform holds beside the blob
    #[arg(long, value_enum, default_value = "project-key")]
    pub(crate) credential: Credential,
    /// The blob's layout; v0 is that of the original system
    #[arg(long, value_enum, default_value = "v1")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) file: EnvFileArg,
}

/// What a deployment is allowed. Nothing given: until it is revoked, from anywhere.
#[derive(Args, Debug, Clone, Default)]
pub(crate) struct Terms {
    /// Release no key after this time, such as 90d or 12h
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    pub(crate) expires: Option<Duration>,
    /// Release the key N times at most; a build takes one, and so does each start
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_uses: Option<u64>,
    /// Release keys to this address or prefix only, such as 192.0.2.7 or 10.0.0.0/8; may be given more than once
    #[arg(long, value_name = "NETWORK", value_parser = Network::parse)]
    pub(crate) cidr: Vec<Network>,
}

/// A time in whole seconds, one at least.
pub(crate) fn lifetime(text: &str) -> Result<Duration, String> {
    let parsed = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if parsed.as_secs() == 0 { Err("a second at least".into()) } else { Ok(parsed) }
}

#[derive(Debug, Clone, Copy, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Credential {
    #[default]
    /// PROJECT_KEY, which never travels
    ProjectKey,
    /// _CAPY_DEPLOY_KEY, the token itself
    DeployKey,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Format {
    #[default]
    V1,
    V0,
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

#[derive(Args)]
#[command(after_help = "\
The secrets come from the deployment whose credentials are in the environment, else from .env.
A deployment's values replace variables that are set already; those of .env do so with --override
only. The command never sees the credentials, nor any CAPY_ setting.

A build (next build, vite build, nuxt build, astro build, npm run build, …) is followed by inlining
of what it wrote. Any other command takes this process's place: signals and exit code are its own.")]
pub(crate) struct Run {
    /// Inline after the command, whatever it is; DIR is where the application is [default: here]
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, default_missing_value = ".")]
    pub(crate) inline: Option<PathBuf>,
    /// Do not inline, even after a build
    #[arg(long, conflicts_with = "inline")]
    pub(crate) no_inline: bool,
    /// Let the value of NAME stand in public files; may be given more than once, and implies --inline
    #[arg(long, value_name = "NAME", conflicts_with = "no_inline")]
    pub(crate) allow_leak: Vec<String>,
    /// Inline NAME although a public script names it; may be given more than once, and implies --inline
    #[arg(long, value_name = "NAME", conflicts_with = "no_inline")]
    pub(crate) allow_mention: Vec<String>,
    /// What becomes of uses of the environment that no value can replace [default: auto]; implies --inline
    #[arg(long, value_enum, value_name = "HOW", conflicts_with = "no_inline")]
    pub(crate) dynamic: Option<Dynamic>,
    /// Values of .env replace variables that are set already
    #[arg(long = "override")]
    pub(crate) override_existing: bool,
    #[command(flatten)]
    pub(crate) file: EnvFileArg,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Dynamic {
    /// Set the variables that they may want before the program starts; fail where that cannot be done
    Auto,
    /// Set all variables so
    Prelude,
    /// Set nothing, only report them
    Warn,
    /// Set nothing, fail when one of them may want a variable
    Error,
}

/// The same routes as on Cloudflare. Its secrets come from ADMIN_TOKEN and WRAP_ROOTS, or from the files that
/// ADMIN_TOKEN_FILE and WRAP_ROOTS_FILE name; --init makes such files in the data folder.
#[derive(Args)]
pub(crate) struct Serve {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8787")]
    pub(crate) listen: SocketAddr,
    /// The folder with the database; made for this user alone
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Draw the secrets that are not set, and keep them as files in the data folder
    #[arg(long)]
    pub(crate) init: bool,
    /// PEM file: the certificate, then its chain. Read again on SIGHUP
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// PEM file: the certificate's key
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Serve /metrics here, for Prometheus; nowhere by default
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) metrics: Option<SocketAddr>,
    /// Believe the x-forwarded-for of proxies in this network
    #[arg(long, value_name = "NETWORK", value_parser = Network::parse)]
    pub(crate) trust_proxy: Vec<Network>,
    /// How often in ten seconds a deployment's key may be asked for
    #[arg(long, value_name = "N", default_value_t = Limit::DecryptsOfDeploy.most())]
    pub(crate) deploy_limit: NonZeroU32,
    /// How often in ten seconds one address may ask for keys
    #[arg(long, value_name = "N", default_value_t = Limit::DecryptsFromAddress.most())]
    pub(crate) address_limit: NonZeroU32,
    /// How long calls in flight may take when the service is asked to stop
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = humantime::parse_duration)]
    pub(crate) grace: Duration,
}

#[derive(Subcommand)]
pub(crate) enum Service {
    /// Print a fresh wrap root, for `wrangler secret put WRAP_ROOTS`
    Keygen(Keygen),
    /// Show the service's wrap roots and how many live deployments need each; needs an admin's token
    Roots(AskService),
}

#[derive(Args)]
pub(crate) struct Keygen {
    /// Print a fresh admin token instead, for `wrangler secret put ADMIN_TOKEN`
    #[arg(long)]
    pub(crate) admin_token: bool,
}
