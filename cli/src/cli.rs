//! The command line: clap derive and nothing else.

#[cfg_attr(windows, path = "cli/build/windows.rs")]
mod build;
mod deploy;
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

pub(crate) use build::Build;
#[cfg(unix)]
pub(crate) use build::{BuildCommand, BuildList, BuildLogs, BuildOrder, BuildShow};
pub(crate) use deploy::{
    CredentialArg, Deploy, DeployCommand, DeployList, DeployRevoke, DeployRotate, FormatArg, Mint,
};
pub(crate) use store::{
    ProjectCommand, ProjectCreate, ProjectDelete, ProjectList, ProjectShow, ProjectUpdate, SecretCommand,
    SecretDelete, SecretList, SecretSet, Settings, Store, StoreKeys, StoreKeysCommand,
};
pub(crate) use suggestion::parse;
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
    version = capy_client::VERSION,
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
  CAPY_CONFIG_DIR                        logins and local keys (~/.config/capy; %APPDATA%\\capy)
  CAPY_STATE_DIR                         builds: their folders, records and logs (~/.local/state/capy)
  CAPY_ALLOW_HTTP=1                      plain http to another machine, for a private network
  SSL_CERT_FILE                          PEM file of the only authorities to trust

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
    /// Let the .env of a folder set what runs code, and its capy.toml ask for a key of this machine
    Allow(FolderArg),
    /// Take back what `capy allow` or `capy init` allowed
    Deny(FolderArg),
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
    /// Build a project of the store in a container, with its secrets; list and show builds
    Build(Box<Build>),
    /// Make, list and revoke API tokens of a key service; trust the jobs of a CI
    #[command(subcommand)]
    Token(Token),
    /// Show what happened to the project's deployments; verify that nobody changed the record of it
    Audit(Audit),
    /// Manage the projects and secrets that the key service keeps for `capy build`, and the keys that seal them
    #[command(subcommand)]
    Store(Store),
    /// For who runs a key service
    #[command(subcommand)]
    Service(Service),
    /// Run a key service on this machine, over SQLite
    #[command(disable_help_flag = true)]
    Serve(ServeArguments),
    /// What `capy run` becomes as PID 1 of a container
    #[cfg(target_os = "linux")]
    #[command(name = "pid1", hide = true)]
    InitProcess(InitProcess),
    /// Show every exit code and what it means
    #[command(name = "exit-codes", long_about = crate::error::exit_table())]
    ExitCodes,
}

#[derive(Args)]
pub(crate) struct Login {
    /// The service's URL [default: CAPY_SERVICE_URL; at a terminal also the project's, which is shown first]
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

/// Once per folder, as direnv asks: a folder that was pulled or unpacked may hold a .env that makes every program run
/// code (LD_PRELOAD, NODE_OPTIONS, PATH, …), and a capy.toml that names a project of yours, so that its program gets
/// your values. Where neither is the case, nothing is asked. `capy init` allows its folder. A leave ends when the
/// folder moves, changes hands or names another project.
#[derive(Args)]
pub(crate) struct FolderArg {
    /// The folder; of a folder inside of a project, the project's
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,
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
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Audit {
    #[command(subcommand)]
    pub(crate) command: Option<AuditCommand>,
    /// What happened to the service's API tokens and trusts instead; needs an admin's token
    #[arg(long = "service")]
    pub(crate) of_service: bool,
    /// What happened to a project of the service's store instead, by its name or id
    #[arg(long, value_name = "PROJECT", conflicts_with = "of_service")]
    pub(crate) project: Option<String>,
    /// How many events, from the newest on
    #[arg(long, value_name = "N", default_value = "50")]
    pub(crate) last: usize,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) service: ServiceArg,
}

#[derive(Subcommand)]
pub(crate) enum AuditCommand {
    /// Check that no event of the service was removed, added or changed; needs an admin's token
    Verify(AuditVerify),
    /// Give up wrap roots that are lost, so that events are sealed again; needs an admin's token
    ///
    /// Events that no checkpoint vouched for by then lose their proof. `capy audit verify` tells that from then on, for as
    /// long as there is an audit trail.
    GiveUp(AuditGiveUp),
}

#[derive(Args)]
pub(crate) struct AuditGiveUp {
    /// Their key ids, as `capy service roots` prints them; those that hold each other up together
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
    /// From the first event on, and not from what this machine saw before
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) ask: AskService,
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
#[command(after_help = "\
The secrets come from the deployment whose credentials are in the environment, else from .env.
A deployment's values replace variables that are set already; those of .env do so with --override
only. The command never sees the credentials, nor any CAPY_ setting. In a folder that was not
allowed (see capy allow) a .env cannot set what runs code, and no sealed value opens.

A build (next build, vite build, npm run build, …; also behind a wrapper, a runner or a script) is
followed by inlining of what it wrote, and a static site by a search for values. An output that is
known and older than the build fails it; --inline inlines whatever is there. Any other command takes
this process's place: signals and exit code are its own.

As PID 1, which the command of a container is, capy stays beside it as a small init, without its
secrets: it passes on every signal but real-time ones, reaps orphans, and exits as the command does
(128 + N for signal N). So a stop ends a command that handles no signal at once. The command gets
the terminal, if there is one. With --exec it is PID 1 itself, as it is with sockets of systemd's.")]
pub(crate) struct Run {
    /// Inline after the command, whatever it is; DIR is where the application is [default: here]
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, default_missing_value = ".")]
    pub(crate) inline: Option<PathBuf>,
    /// The folder that inlining does not leave [default: where the application is, or the repository around it]
    #[arg(long, value_name = "DIR", conflicts_with = "no_inline")]
    pub(crate) root: Option<PathBuf>,
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
    /// Let the command take this process's place even after a build and as PID 1, and do nothing after it
    #[arg(long, conflicts_with_all = ["inline", "root", "allow_leak", "allow_mention", "dynamic"])]
    pub(crate) exec: bool,
    /// Values of .env replace variables that are set already
    #[arg(long = "override")]
    pub(crate) override_existing: bool,
    /// Let .env set what runs code, such as NODE_OPTIONS, this once in a folder that was not allowed
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
    /// The process that it waits for
    pub(crate) child: i32,
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

/// `capy serve` becomes the program `capy-server`, which is installed by itself: `capy serve --help` tells what it takes.
#[derive(Args)]
pub(crate) struct ServeArguments {
    /// What capy-server takes
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    pub(crate) arguments: Vec<OsString>,
}

/// The same routes as on Cloudflare. Its secrets come from ADMIN_TOKEN and WRAP_ROOTS, or from the files that
/// ADMIN_TOKEN_FILE and WRAP_ROOTS_FILE name; --init makes such files in the data folder. ENCRYPTION_KEY, or
/// ENCRYPTION_KEY_FILE, opens the project store; without it there is none.
#[derive(Args, Clone)]
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
    #[arg(long, value_name = "N", default_value_t = DECRYPTS_OF_DEPLOY)]
    pub(crate) deploy_limit: NonZeroU32,
    /// How often in ten seconds one address may ask for keys
    #[arg(long, value_name = "N", default_value_t = DECRYPTS_FROM_ADDRESS)]
    pub(crate) address_limit: NonZeroU32,
    /// How many connections are open at once; as many as there are file descriptors for, and 2048 at most, by default
    #[arg(long, value_name = "N")]
    pub(crate) max_connections: Option<NonZeroUsize>,
    /// How many of those one address may have, or one /64 of IPv6; an eighth by default. Loopback and proxies may have all
    #[arg(long, value_name = "N")]
    pub(crate) max_connections_per_address: Option<NonZeroUsize>,
    /// How long calls in flight may take when the service is asked to stop
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = humantime::parse_duration)]
    pub(crate) grace: Duration,
}

#[derive(Subcommand)]
pub(crate) enum Service {
    /// Print a fresh wrap root, for `wrangler secret put WRAP_ROOTS`; or write what a new service needs to a file
    Keygen(Keygen),
    /// Show the service's wrap roots and how many live deployments need each; needs an admin's token
    Roots(AskService),
    /// Seal deployments, API tokens and trusts from before rows bore seals, once after an upgrade; needs ADMIN_TOKEN
    SealRows(SealRowsArguments),
    /// Compare what Cloudflare runs with a release of the service, byte by byte
    Verify(ServiceVerify),
}

/// Reads only: the versions that answer calls, their modules and settings, over Cloudflare's API. Exit code 0 says that
/// every module and setting is the release's, 54 that one is not. Cloudflare is believed: it could show other bytes than it
/// runs.
#[derive(Args)]
#[command(after_help = "\
Environment:
  CLOUDFLARE_API_TOKEN   a token that may read Workers scripts
  CLOUDFLARE_ACCOUNT_ID  the account's id")]
pub(crate) struct ServiceVerify {
    /// The release: its archive, the folder it was unpacked to, or the one that `npx capy-service` made
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
    /// Ask no question
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Args)]
pub(crate) struct Keygen {
    /// Print a fresh admin token instead, for `wrangler secret put ADMIN_TOKEN`
    #[arg(long)]
    pub(crate) admin_token: bool,
    /// Print a fresh key of the project store instead, for `wrangler secret put ENCRYPTION_KEY`
    #[arg(long, conflicts_with = "admin_token")]
    pub(crate) encryption_key: bool,
    /// Write fresh ADMIN_TOKEN and WRAP_ROOTS to a new, private file instead, for `wrangler deploy --secrets-file FILE`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["admin_token", "encryption_key"])]
    pub(crate) secrets_file: Option<PathBuf>,
}
