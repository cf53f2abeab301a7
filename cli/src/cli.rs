//! The command line: clap derive and nothing else.

#[cfg(unix)]
mod build;
mod deploy;
#[cfg(all(test, target_os = "linux"))]
mod reference;
mod store;
mod suggestion;
mod token;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use capy_protocol::limits::{DECRYPTS_FROM_ADDRESS, DECRYPTS_OF_DEPLOY};
use capy_protocol::network::Network;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::environment;

#[cfg(unix)]
pub(crate) use build::{Build, BuildCommand, BuildList, BuildLogs, BuildOrder, BuildShow};
pub(crate) use deploy::{Deploy, DeployCommand, DeployList, DeployRevoke, DeployRotate, Mint, OptionValue};
pub(crate) use store::{
    ProjectCommand, ProjectCreate, ProjectDelete, ProjectUpdate, SecretCommand, SecretDelete, SecretSet,
    Settings, Store, StoreKeysCommand, StoredProject,
};
pub(crate) use suggestion::parse;
pub(crate) use token::{Token, TokenCreate, TokenRevoke, TokenTrust, TrustAdd, TrustRemove};

/// Secrets for applications deployed where nobody can wrap the process.
///
/// capy seals values on this machine, in `.env`. `capy deploy` makes the pair of variables that a
/// platform needs for one deployment. There, `capy run -- <command>` opens the values through the
/// key service, and writes them into the server bundles of a build. Neither the platform nor the
/// key service can open them alone.
#[derive(Parser)]
#[command(
    name = "capy",
    version = capy_client::VERSION,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = after_help()
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The end of `capy --help`.
fn after_help() -> String {
    format!(
        "\
First steps:
  capy login --url https://keys.example.com    # once per machine
  capy init                                    # once per project; shows 24 words to keep
  capy set DATABASE_URL                        # asks for the value
  capy deploy                                  # opens a page that shows what to set where
  capy run -- next build                       # the build command there; here it uses .env

Environment (all variables: capy environment):
{}
Exit codes: capy help exit-codes
An error:   capy help CODE, as in capy help DEPLOY_REVOKED",
        environment::usual()
    )
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Log in to a key service: keep its API token on this machine
    Login(Login),
    /// Log out of a key service: remove its API token from this machine
    Logout(Logout),
    /// Make this folder a project, and show its 24 recovery words once
    Init(Init),
    /// Allow a folder's .env to set variables that run code, and its capy.toml to use a local key
    Allow(FolderArg),
    /// Take back the permission that `capy allow` or `capy init` gave a folder
    Deny(FolderArg),
    /// Seal a variable in .env; asks for the value, or reads it from stdin
    Set(Set),
    /// Remove variables from .env
    Unset(Unset),
    /// Show the names in .env, and which of them are sealed
    List(List),
    /// Seal every plaintext value of .env in place
    Encrypt(EnvFileArg),
    /// Open a page that makes the variables of a deployment; list, rotate and revoke deployments
    Deploy(Box<Deploy>),
    /// Run a command with the secrets in its environment; inline them after a build
    Run(Run),
    /// Build a project of the store in a container, with its secrets; list and show builds
    Build(Box<Build>),
    /// Create, list and revoke API tokens of a key service; trust the jobs of a CI
    #[command(subcommand)]
    Token(Token),
    /// Show the audit trail of the project's deployments; verify that nobody changed it
    Audit(Audit),
    /// Manage the projects and secrets that the key service keeps for `capy build`, and the keys
    /// that seal them
    #[command(subcommand)]
    Store(Store),
    /// Operate a key service: make its keys, show which it needs, verify what is deployed
    #[command(subcommand)]
    Service(Service),
    /// Run a key service on this machine, over SQLite
    #[command(disable_help_flag = true)]
    Serve(ServeArguments),
    /// The init process that `capy run` becomes as PID 1 of a container
    #[cfg(target_os = "linux")]
    #[command(name = "pid1", hide = true)]
    InitProcess(InitProcess),
    /// Show every exit code and what it means
    #[command(name = "exit-codes", long_about = crate::error::exit_table())]
    ExitCodes,
    /// Show every environment variable that capy reads
    #[command(long_about = environment::table())]
    Environment,
    /// `capy help CODE`. It is no subcommand: `parse` makes it.
    #[command(skip)]
    ErrorHelp(String),
}

// `capy build` on Windows: taken, whatever it says, so that it can be refused with the reason.
#[cfg(windows)]
#[derive(Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Build {
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    _words: Vec<OsString>,
}

#[derive(Args)]
pub(crate) struct Login {
    /// The service's URL [default: CAPY_SERVICE_URL; at a terminal also the project's, after a
    /// question]
    #[arg(long)]
    pub(crate) url: Option<String>,
}

#[derive(Args)]
pub(crate) struct Logout {
    /// The service's URL [default: the project's]
    #[arg(long)]
    pub(crate) url: Option<String>,
}

/// Makes this folder a project, and then offers what is left to do: seal the readable values of
/// .env, keep .env out of git, and put `capy run --` before the build script of package.json, or
/// before its start script. It shows each change, without values, and asks. Where nobody can
/// answer, it only shows them. Run it again in a project for what is still left.
#[derive(Args)]
pub(crate) struct Init {
    /// The key service's URL [default: that of the only login]
    #[arg(long, conflicts_with = "recover")]
    pub(crate) url: Option<String>,
    /// Restore the key of a project that has a capy.toml, from its 24 words, on a new machine
    #[arg(long)]
    pub(crate) recover: bool,
    /// Take back what `capy init` changed in .env, package.json and .gitignore; the project stays
    #[arg(long, conflicts_with_all = ["url", "recover"])]
    pub(crate) undo: bool,
    /// Do not ask
    #[arg(long, conflicts_with = "recover")]
    pub(crate) yes: bool,
}

/// Like direnv, capy asks once per folder. A folder that you pulled or unpacked may hold a .env
/// that makes every program run code (LD_PRELOAD, NODE_OPTIONS, PATH, …), and a capy.toml that
/// names one of your projects, so that its program gets your values. A folder with neither needs no
/// permission. `capy init` allows its own folder. The permission ends when the folder moves,
/// changes its owner or names another project.
#[derive(Args)]
pub(crate) struct FolderArg {
    /// The folder; inside a project, the project's folder
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,
}

#[derive(Args)]
pub(crate) struct EnvFileArg {
    /// The .env file [default: .env beside capy.toml, else in the current folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) env_file: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Set {
    /// The variable's name; the value cannot be an argument, as other processes can read arguments
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
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Audit {
    #[command(subcommand)]
    pub(crate) command: Option<AuditCommand>,
    /// Show events of the service's API tokens and trusts instead; needs an admin's token
    #[arg(long = "service")]
    pub(crate) of_service: bool,
    /// Show events of a project in the service's store instead, by its name or id
    #[arg(long, value_name = "PROJECT", conflicts_with = "of_service")]
    pub(crate) project: Option<String>,
    /// How many events to show, newest first
    #[arg(long, value_name = "N", default_value = "50")]
    pub(crate) last: usize,
    #[command(flatten)]
    pub(crate) ask: AskService,
}

#[derive(Subcommand)]
pub(crate) enum AuditCommand {
    /// Check that no event of the service was removed, added or changed; needs an admin's token
    Verify(AuditVerify),
    /// Give up wrap roots that are lost, so that events are sealed again; needs an admin's token
    ///
    /// Events that no checkpoint covers yet lose their proof for good. `capy audit verify` reports
    /// them from then on.
    GiveUp(AuditGiveUp),
}

#[derive(Args)]
pub(crate) struct AuditGiveUp {
    /// The key ids of all lost roots, as `capy service roots` prints them
    #[arg(value_name = "KEY_ID", required = true)]
    pub(crate) key_ids: Vec<u32>,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) ask: AskService,
}

#[derive(Args)]
pub(crate) struct AuditVerify {
    /// Start at the first event, not at the last checkpoint that this machine saw
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) ask: AskService,
}

// The service to call. No doc comment here and below: clap would take it for the commands' help.
#[derive(Args)]
pub(crate) struct ServiceArg {
    /// The service's URL [default: the project's]
    #[arg(long)]
    pub(crate) url: Option<String>,
}

// The service to call, and whether its answer is printed as JSON.
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
#[command(after_help = "\
The secrets come from the deployment whose credentials are in the environment, else from .env.
A deployment's values replace variables that are already set; values of .env do so only with
--override. The command never sees the credentials or any CAPY_ setting. In a folder that was not
allowed (see capy allow), .env cannot set variables that run code, and no sealed value opens.

After a build (next build, vite build, npm run build, …; also behind a wrapper, a runner or a
script), capy inlines the values into the server bundles, and searches a static site for them. It
fails if a known output is older than the build; --inline inlines whatever is there. --server and
--file name bundles of a layout that capy does not know, such as a function for AWS Lambda.

wrangler deploy and wrangler versions upload run twice: wrangler bundles the Worker, capy inlines
the values into the bundle and searches the assets for them, and wrangler uploads that bundle. The
same holds for a script of package.json that ends with such a command. Before wrangler pages deploy
and opennextjs-cloudflare deploy, capy inlines what was built. A leak ends it before the upload.

Any other command replaces this process, so that its signals and exit code are its own.

As PID 1, like the command of a container, capy stays beside the command as a small init without its
secrets. It passes on every signal except real-time ones, reaps orphans, and exits as the command
does (128 + N for signal N). A command that handles no signals therefore stops at once. The command
gets the terminal, if there is one. With --exec, or with sockets of systemd's, the command itself is
PID 1.")]
pub(crate) struct Run {
    /// Inline after any command; DIR is the application's folder [default: the current folder]
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, default_missing_value = ".")]
    pub(crate) inline: Option<PathBuf>,
    /// Inline this folder of server bundles after the command, if capy does not know the layout;
    /// repeatable
    #[arg(long, value_name = "DIR", conflicts_with = "no_inline")]
    pub(crate) server: Vec<PathBuf>,
    /// Inline this server bundle after the command, if capy does not know the layout; repeatable
    #[arg(long = "file", value_name = "FILE", conflicts_with = "no_inline")]
    pub(crate) bundle: Vec<PathBuf>,
    /// Search this folder, which the public can fetch, for values; repeatable, implies --inline
    #[arg(long, value_name = "DIR", conflicts_with = "no_inline")]
    pub(crate) public: Vec<PathBuf>,
    /// Never leave this folder when inlining [default: the repository around the application, else
    /// its folder]
    #[arg(long, value_name = "DIR", conflicts_with = "no_inline")]
    pub(crate) root: Option<PathBuf>,
    /// Do not inline, even after a build
    #[arg(long, conflicts_with = "inline")]
    pub(crate) no_inline: bool,
    /// Accept the value of NAME in public files; repeatable, implies --inline
    #[arg(long, value_name = "NAME", conflicts_with = "no_inline")]
    pub(crate) allow_leak: Vec<String>,
    /// Inline NAME although a public script names it; repeatable, implies --inline
    #[arg(long, value_name = "NAME", conflicts_with = "no_inline")]
    pub(crate) allow_mention: Vec<String>,
    /// What to do about uses of the environment that cannot be inlined [default: auto]; implies
    /// --inline
    #[arg(long, value_enum, value_name = "HOW", conflicts_with = "no_inline")]
    pub(crate) dynamic: Option<Dynamic>,
    /// Replace this process by the command, also for a build and as PID 1, and do nothing after it
    #[arg(long, conflicts_with_all = ["inline", "server", "bundle", "public", "root", "allow_leak", "allow_mention", "dynamic"])]
    pub(crate) exec: bool,
    /// Let values of .env replace variables that are already set
    #[arg(long = "override")]
    pub(crate) override_existing: bool,
    /// Let .env set variables that run code, such as NODE_OPTIONS, once, in a folder that was not
    /// allowed
    #[arg(long)]
    pub(crate) allow_loader: bool,
    #[command(flatten)]
    pub(crate) file: EnvFileArg,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

#[cfg(target_os = "linux")]
#[derive(Args)]
pub(crate) struct InitProcess {
    /// The process to wait for
    pub(crate) child: i32,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Dynamic {
    /// Set the variables that such uses may need before the program starts; fail where that is
    /// impossible
    Auto,
    /// Set all variables before the program starts
    Prelude,
    /// Set nothing; only report such uses
    Warn,
    /// Set nothing; fail if such a use may need a variable
    Error,
}

/// `capy serve` becomes the program `capy-server`, which is installed separately. `capy serve
/// --help` shows its options.
#[derive(Args)]
pub(crate) struct ServeArguments {
    /// Arguments of capy-server
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    pub(crate) arguments: Vec<OsString>,
}

/// The service has the same routes as on Cloudflare. Its secrets come from ADMIN_TOKEN and
/// WRAP_ROOTS, or from the files that ADMIN_TOKEN_FILE and WRAP_ROOTS_FILE name; --init makes such
/// files in the data folder. The project store needs ENCRYPTION_KEY or ENCRYPTION_KEY_FILE; without
/// them it is off.
#[derive(Args, Clone)]
pub(crate) struct Serve {
    /// The address to listen on; port 0 takes a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8787")]
    pub(crate) listen: SocketAddr,
    /// The folder of the database; only this user can read it
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Generate the secrets that are not set, and keep them as files in the data folder
    #[arg(long)]
    pub(crate) init: bool,
    /// PEM file with the certificate and its chain; SIGHUP reads it again
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// PEM file with the certificate's private key
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Serve /metrics for Prometheus at this address [default: off]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) metrics: Option<SocketAddr>,
    /// Trust x-forwarded-for from proxies in this network; repeatable
    #[arg(long, value_name = "NETWORK", value_parser = Network::parse)]
    pub(crate) trust_proxy: Vec<Network>,
    /// How many times in ten seconds clients may request the key of one deployment
    #[arg(long, value_name = "N", default_value_t = DECRYPTS_OF_DEPLOY)]
    pub(crate) deploy_limit: NonZeroU32,
    /// How many times in ten seconds one address may request keys
    #[arg(long, value_name = "N", default_value_t = DECRYPTS_FROM_ADDRESS)]
    pub(crate) address_limit: NonZeroU32,
    /// The most open connections [default: as many as the file descriptors allow, up to 2048]
    #[arg(long, value_name = "N")]
    pub(crate) max_connections: Option<NonZeroUsize>,
    /// The most open connections of one address, or one /64 of IPv6, except loopback and proxies
    /// [default: an eighth]
    #[arg(long, value_name = "N")]
    pub(crate) max_connections_per_address: Option<NonZeroUsize>,
    /// How long open calls may take to finish when the service stops
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = humantime::parse_duration)]
    pub(crate) grace: Duration,
}

#[derive(Subcommand)]
pub(crate) enum Service {
    /// Print a new wrap root, for `wrangler secret put WRAP_ROOTS`; or write the secrets of a
    /// new service without a project store to a file
    Keygen(Keygen),
    /// Show the service's wrap roots and how many live deployments need each; needs an admin's
    /// token
    Roots(AskService),
    /// Seal deployments, API tokens and trusts that an older version stored without seals; needs
    /// ADMIN_TOKEN
    SealRows(SealRowsArguments),
    /// Compare what Cloudflare runs with a release of the service, byte by byte
    Verify(ServiceVerify),
}

/// The command only reads: the deployed versions, their modules and settings, over Cloudflare's
/// API. Exit code 0 means that every module and setting is the release's, 54 that one is not. You
/// have to trust Cloudflare: it could show other bytes than it runs.
#[derive(Args)]
#[command(after_help = "\
Environment:
  CLOUDFLARE_API_TOKEN   a token that may read Workers scripts
  CLOUDFLARE_ACCOUNT_ID  the account's id")]
pub(crate) struct ServiceVerify {
    /// The release: its archive, its unpacked folder, or the folder that `npx capy-service` made
    #[arg(value_name = "RELEASE", default_value = ".")]
    pub(crate) release: PathBuf,
    /// The Worker's name [default: the one in wrangler.toml]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct SealRowsArguments {
    #[command(flatten)]
    pub(crate) ask: AskService,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Args)]
pub(crate) struct Keygen {
    /// Print a new admin token instead, for `wrangler secret put ADMIN_TOKEN`
    #[arg(long)]
    pub(crate) admin_token: bool,
    /// Print a new key for the project store instead, for `wrangler secret put ENCRYPTION_KEY`
    #[arg(long, conflicts_with = "admin_token")]
    pub(crate) encryption_key: bool,
    /// Write a new ADMIN_TOKEN and WRAP_ROOTS to a new private file instead, for `wrangler deploy
    /// --secrets-file FILE`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["admin_token", "encryption_key"])]
    pub(crate) secrets_file: Option<PathBuf>,
}
