//! Errors of `capy`: the message, stable code, exit code and hint of each.
//!
//! Messages contain names and paths, never values.

#[cfg(unix)]
mod build;
mod deployment;
mod env_file;
pub(crate) mod exit;
mod explanations;
mod init;
mod service_verify;

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use capy_client::ServiceUrl;
use capy_client::service_url::MalformedUrl;
use capy_protocol::id::ProjectId;
use capy_protocol::service_secrets::{ENCRYPTION_KEY, SecretFault};

use crate::exec_limits::Excess;

#[cfg(unix)]
pub(crate) use build::Fault as BuildFault;
pub(crate) use deployment::{Alternatives, Fault as DeploymentFault, LimitExceeded};
pub(crate) use env_file::{Ambiguity, AmbiguityKind, EncodingFault, MAX_BYTES as ENV_FILE_MAX_BYTES};
pub(crate) use explanations::{explanation, similar_codes};
pub(crate) use init::Fault as InitFault;
pub(crate) use service_verify::{CloudflareFault, ReleaseFault};

/// Result with this program's [`Error`].
pub(crate) type Result<T, E = Error> = core::result::Result<T, E>;

/// Why a command stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Client(#[from] capy_client::Error),
    #[error("there is no capy.toml in this folder or above it")]
    NotInitialised,
    #[error("{} exists: this folder is a project already", path.display())]
    AlreadyInitialised { path: PathBuf },
    #[error("not logged in to {url}")]
    NotLoggedIn { url: ServiceUrl },
    #[error("no key service is given")]
    WhichService { known: Vec<String> },
    #[error("only {} names the key service {url}, and nobody confirmed that a token may go there", path.display())]
    ServiceUnconfirmed { url: ServiceUrl, path: PathBuf },
    #[cfg_attr(
        unix,
        error("the home folder is unknown: none of CAPY_CONFIG_DIR, XDG_CONFIG_HOME and HOME is set")
    )]
    #[cfg_attr(windows, error("the settings folder is unknown: neither CAPY_CONFIG_DIR nor APPDATA is set"))]
    NoConfigFolder,
    #[error("{} cannot be read: {reason}", path.display())]
    LoginsMalformed { path: PathBuf, reason: String },
    #[error("this machine has no key for project {project}")]
    LocalKeyMissing { project: ProjectId },
    #[error("{} does not contain a key", path.display())]
    LocalKeyMalformed { path: PathBuf },
    #[error("{} was not allowed: {reasons}", folder.display())]
    FolderNotAllowed { folder: PathBuf, reasons: Reasons },
    #[error("{} can be read by other users of this machine", path.display())]
    LocalKeyExposed { path: PathBuf },
    #[error(
        "CAPY_TOKEN is set but CAPY_SERVICE_URL is not, so capy does not know which service may see the token"
    )]
    TokenWithoutUrl,
    #[error("CAPY_TOKEN is not an API token: a token is one word of letters, digits and signs")]
    TokenMalformed,
    #[error("this API token is mistyped: a character is missing or wrong")]
    TokenMistyped,
    #[error("{text:?} is not a token's id: an id is tok_ and 16 digits of 0-9 a-f")]
    TokenIdMalformed { text: String },
    #[error("{text:?} is not a trust's id: an id is tru_ and 16 digits of 0-9 a-f")]
    TrustIdMalformed { text: String },
    #[error("{text:?} is not a scope")]
    ScopeMalformed { text: String },
    #[error("the key in {} differs from the key of these words", path.display())]
    LocalKeyDiffers { path: PathBuf },
    #[error("these are not the 24 words of a recovery phrase")]
    PhraseMalformed,
    #[error("these words do not open {name} in {}: they belong to another project", path.display())]
    PhraseWrong { name: String, path: PathBuf },
    #[error("{name} (line {line} of {}) does not open: {reason}", path.display())]
    SealedValue { name: String, line: usize, path: PathBuf, reason: &'static str },
    #[error("no secrets found: no credentials are set, and {} does not exist", path.display())]
    NoSecrets { path: PathBuf },
    #[error("{} does not exist", path.display())]
    NoEnvFile { path: PathBuf },
    #[error("{} is {what}, not a regular file", path.display())]
    NotRegularFile { path: PathBuf, what: &'static str },
    #[error("{} is larger than {} bytes", path.display(), env_file::MAX_BYTES)]
    EnvFileTooLarge { path: PathBuf },
    #[error("{} {fault}", path.display())]
    EnvFileEncoding { path: PathBuf, fault: EncodingFault },
    #[error("line {} of {} {}", ambiguity.line, path.display(), ambiguity.kind)]
    EnvFileAmbiguous { path: PathBuf, ambiguity: Ambiguity },
    #[error("this would change more of {} than you asked for, so nothing was written", path.display())]
    EditChangesMore { path: PathBuf },
    #[error("{name} is not in {}", path.display())]
    NameNotFound { name: String, path: PathBuf },
    #[error("{name:?} is not a valid variable name")]
    NameMalformed { name: String },
    #[error("{name:?} and a value were given, but a command line is no place for values")]
    NameIsAssignment { name: String },
    #[error("{name} is reserved for capy and cannot be the name of a secret")]
    NameReserved { name: String },
    #[error("the value contains a zero byte, which no environment variable can contain")]
    ValueUnusable,
    #[error("the value is too long: name and value may have 131,070 bytes together")]
    ValueTooLong,
    #[error("the value is not valid UTF-8")]
    ValueNotUnicode,
    #[error("the audit trail of {url} is not as the service wrote it: see above")]
    AuditTampered { url: ServiceUrl },
    #[error("{} is not the file in which capy remembers audit trails", path.display())]
    CheckpointsMalformed { path: PathBuf },
    #[error("{text:?} is not a project id: an id is 1 to 64 letters, digits, `_` or `-`")]
    ProjectIdMalformed { text: String },
    #[error("{} projects have the name {name}:\n{}", candidates.len(), candidates.join("\n"))]
    ProjectAmbiguous { name: String, candidates: Vec<String> },
    #[error("project {project} has no secret {name}")]
    SecretNotFound { name: String, project: String },
    #[error("{count} values of the store cannot be decrypted: see above")]
    StoreUnopened { count: usize },
    #[error("nothing was done, because nobody confirmed it")]
    NotConfirmed,
    #[error("the input is empty")]
    NothingTyped,
    #[error("the input has several lines, but this prompt takes only one")]
    SeveralLines,
    #[error("{} has no variables to deploy", path.display())]
    NothingToDeploy { path: PathBuf },
    #[error("unknown platform {id:?}")]
    PlatformUnknown { id: String, known: String },
    #[error("no platform is given")]
    PlatformMissing,
    #[error("no app is given")]
    PushProjectMissing { option: &'static str },
    #[error("invalid time: {reason}")]
    LifetimeMalformed { reason: String },
    #[error("the environment has no variables of a deployment")]
    NothingHeld,
    #[error("{} {} set but empty", names.join(" and "), if names.len() == 1 { "is" } else { "are" })]
    CredentialsEmpty { names: Vec<&'static str> },
    #[error("deployment {short} is live, but its values differ from {}: {difference}", path.display())]
    Stale { short: String, path: PathBuf, difference: String },
    #[error("{program}, the platform's own command line, was not found")]
    PushProgramMissing { program: String },
    #[error("cannot serve the setup page: {0}")]
    SetupPage(#[source] std::io::Error),
    #[error("{platform} has no environment {environment:?}")]
    EnvironmentUnknown { platform: String, environment: String, known: String },
    #[error("the variables are too large for {platform}: {exceeded}; see {source_url}")]
    TooLarge { platform: String, exceeded: LimitExceeded, source_url: String, alternatives: Alternatives },
    #[error(transparent)]
    Deployment(#[from] DeploymentFault),
    #[error(transparent)]
    Offer(#[from] InitFault),
    #[error("there is no browser to open, and no terminal to ask questions")]
    NoOutput,
    #[error("{} deployments begin with {prefix}:\n{}", candidates.len(), candidates.join("\n"))]
    PrefixAmbiguous { prefix: String, candidates: Vec<String> },
    #[error("no deployment of this project begins with {prefix}")]
    PrefixUnknown { prefix: String },
    #[error("{prefix:?} is not the beginning of a deployment's id: 4 to 64 digits of 0-9 a-f")]
    PrefixMalformed { prefix: String },
    #[error("{program} was not found")]
    CommandNotFound { program: String },
    #[error("{name}=… is an assignment, not a command")]
    CommandIsAssignment { name: String },
    #[error("{first:?} and the text after it are one word, and there is no such command")]
    CommandIsOneWord { first: String },
    #[error("the command cannot be started: {0}")]
    ExecLimit(Excess),
    #[error("{program} cannot be executed: {source}")]
    CommandNotExecutable { program: String, source: std::io::Error },
    #[error(transparent)]
    #[cfg(unix)]
    Build(#[from] BuildFault),
    /// Takes the place of `Error::Build`, which exists on Unix only.
    #[cfg(windows)]
    #[error("capy build does not work on Windows: it runs Linux containers as this user")]
    BuildNotHere,
    /// An argument that `cmd` would read as its own syntax instead of handing it to the script.
    #[cfg(windows)]
    #[error("{} is a cmd script, and one of the arguments cannot be passed to it unchanged", program.display())]
    ScriptArgument { program: PathBuf },
    #[error(transparent)]
    Inline(#[from] capy_inliner::Error),
    #[error("the command wrote no build output in {} that capy can inline", path.display())]
    NothingToInline { path: PathBuf },
    #[error("{} is older than this command and does not contain these values", path.display())]
    OutputOlder { path: PathBuf, folder: PathBuf },
    #[error("nothing was inlined, because the build leaks secrets or lacks some: see above")]
    InlineRefused,
    #[error("the command also uploads to Cloudflare, in a way that leaves no time to inline before it")]
    UploadHidden,
    #[error("wrangler's configuration {} cannot be read", path.display())]
    WranglerConfiguration { path: PathBuf },
    #[error("wrangler bundled the Worker, but {} does not contain its main module", path.display())]
    WranglerEntryMissing { path: PathBuf },
    #[error("{} is a source file that git tracks, so no value is inlined into it", path.display())]
    TrackedWorker { path: PathBuf },
    #[error("cannot {doing} {}: {source}", path.display())]
    File { doing: &'static str, path: PathBuf, source: std::io::Error },
    #[error("cannot write the output: {0}")]
    Output(#[source] std::io::Error),
    #[error("cannot handle signals")]
    Signals(#[source] std::io::Error),
    #[cfg(target_os = "linux")]
    #[error("the command was started, but PID 1 cannot wait for it")]
    Init(#[source] std::io::Error),
    #[cfg(target_os = "linux")]
    #[error("`capy pid1` runs only as PID 1 of a container, where `capy run` starts it")]
    NotInit,
    #[error("cannot read the input: {0}")]
    Input(#[source] std::io::Error),
    #[error("cannot find the program capy-server beside capy or on PATH")]
    ServerMissing,
    #[error(transparent)]
    Serve(#[from] capy_server::Error),
    #[error("{} can be read by other users of this machine", path.display())]
    SecretExposed { path: PathBuf },
    #[error(transparent)]
    ServiceSecret(#[from] SecretFault),
    #[error("cannot seal a value: {0}")]
    Seal(#[source] capy_protocol::Error),
    #[error(transparent)]
    Cloudflare(#[from] CloudflareFault),
    #[error(transparent)]
    ServiceRelease(#[from] ReleaseFault),
    #[error("the Worker {name} is not this release: see above")]
    ServiceDiffers { name: String },
    #[error("{word:?} is neither a command nor the code of an error")]
    HelpTopicUnknown { word: String, similar: Vec<&'static str> },
}

impl From<MalformedUrl> for Error {
    fn from(malformed: MalformedUrl) -> Self {
        capy_client::Error::from(malformed).into()
    }
}

impl Error {
    /// Wraps an IO error with the action (`doing`) and the path of the file.
    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::File { doing, path: path.into(), source }
    }

    /// The stable error code, for programs and for searches.
    pub(crate) fn code(&self) -> &'static str {
        self.facts().0
    }

    /// The exit code of the process for this error.
    pub(crate) fn exit_code(&self) -> u8 {
        self.facts().1
    }

    /// One action that may resolve the error, if there is one.
    pub(crate) fn hint(&self) -> Option<String> {
        self.facts().2
    }

    capy_client::error_codes! {
        pub(crate) fn facts;
        // Project, login, tokens and local key.
        Self::NotInitialised => ("NOT_INITIALISED", exit::NOT_SET_UP,
            "run `capy init` in the project's folder"),
        Self::AlreadyInitialised { .. } => ("ALREADY_INITIALISED", exit::FAILED,
            "leave out --url; to restore the project's key on this machine, run `capy init --recover`"),
        Self::NotLoggedIn { url } => ("NOT_LOGGED_IN", exit::NOT_SET_UP,
            format!("run `capy login --url {}`", quoted(url.as_str()))),
        Self::WhichService { known } if known.is_empty() => ("SERVICE_URL_MISSING", exit::NOT_SET_UP,
            "run `capy login --url https://…` first"),
        Self::WhichService { known } => ("SERVICE_URL_MISSING", exit::NOT_SET_UP,
            format!("pass --url with one of: {}", known.join(", "))),
        Self::ServiceUnconfirmed { url, .. } => ("SERVICE_URL_UNCONFIRMED", exit::NOT_SET_UP,
            format!("if the token is for that service, run `capy login --url {}`", quoted(url.as_str()))),
        Self::NoConfigFolder => ("NO_CONFIG_FOLDER", exit::NOT_SET_UP,
            "set CAPY_CONFIG_DIR to a folder that only you can read"),
        Self::LoginsMalformed { .. } => ("LOGINS_MALFORMED", exit::NOT_SET_UP,
            "remove the file, then run `capy login`"),
        Self::LocalKeyMissing { .. } => ("LOCAL_KEY_MISSING", exit::LOCAL_KEY, RECOVER),
        Self::LocalKeyMalformed { .. } => ("LOCAL_KEY_MALFORMED", exit::LOCAL_KEY, RECOVER),
        Self::FolderNotAllowed { folder, reasons } => ("FOLDER_NOT_ALLOWED", exit::NOT_ALLOWED,
            format!(
                "read those files, then run `capy allow {}`{}",
                quoted(&folder.display().to_string()),
                if reasons.key_of.is_none() { ", or pass --allow-loader for one run" } else { "" }
            )),
        Self::LocalKeyExposed { path } => ("LOCAL_KEY_EXPOSED", exit::LOCAL_KEY, make_private(path)),
        Self::TokenWithoutUrl => ("TOKEN_WITHOUT_SERVICE_URL", exit::NOT_SET_UP,
            "set CAPY_SERVICE_URL to the service that the token is for"),
        Self::TokenMalformed => ("TOKEN_MALFORMED", exit::USAGE, "copy the token again, or unset CAPY_TOKEN"),
        Self::TokenMistyped => ("TOKEN_MISTYPED", exit::USAGE, "copy all 54 characters of it again"),
        Self::TokenIdMalformed { .. } => ("TOKEN_ID_MALFORMED", exit::USAGE,
            "`capy token list` shows the ids"),
        Self::TrustIdMalformed { .. } => ("TRUST_ID_MALFORMED", exit::USAGE,
            "`capy token trust list` shows the ids"),
        Self::ScopeMalformed { .. } => ("SCOPE_MALFORMED", exit::USAGE,
            "use deploy or read (for this project), deploy:ID, read:ID, build:ID or admin"),
        Self::LocalKeyDiffers { .. } => ("LOCAL_KEY_DIFFERS", exit::LOCAL_KEY,
            "if these are the right words, move that file away first"),
        Self::PhraseMalformed => ("PHRASE_MALFORMED", exit::LOCAL_KEY,
            "check the order and the spelling; the last word contains a checksum"),
        Self::PhraseWrong { .. } => ("PHRASE_WRONG", exit::LOCAL_KEY,
            "type the words that `capy init` showed for this project"),
        Self::SealedValue { name, .. } => ("SEALED_VALUE_DOES_NOT_OPEN", exit::LOCAL_KEY,
            format!("set it again with `capy set {}`", quoted(name))),
        // `.env`, names and values.
        Self::NoSecrets { .. } => ("NO_SECRETS", exit::NOT_SET_UP,
            "set SECRETS_BLOB and PROJECT_KEY as `capy deploy` prints them, or run `capy set NAME` here"),
        Self::NoEnvFile { .. } => ("NO_ENV_FILE", exit::NOT_SET_UP,
            "set a first variable with `capy set NAME`"),
        Self::NotRegularFile { .. } => ("NOT_A_REGULAR_FILE", exit::FAILED,
            "put a regular file there; commands that only read also take a pipe: --env-file <(…)"),
        Self::EnvFileTooLarge { .. } => ("ENV_FILE_TOO_LARGE", exit::FAILED,
            "pass the right file with --env-file"),
        Self::EnvFileEncoding { fault, .. } => ("ENV_FILE_ENCODING", exit::FAILED, fault.hint()),
        Self::EditChangesMore { .. } => ("ENV_FILE_AMBIGUOUS", exit::FAILED,
            "rewrite the ambiguous lines, which `capy list` shows"),
        Self::EnvFileAmbiguous { .. } => ("ENV_FILE_AMBIGUOUS", exit::FAILED,
            "rewrite the line so that it has one meaning"),
        Self::NameNotFound { .. } => ("NAME_NOT_FOUND", exit::FAILED, "`capy list` shows the names"),
        Self::NameMalformed { .. } => ("NAME_MALFORMED", exit::USAGE,
            "use letters, digits and `_`, and no digit at the beginning: a shell drops other names"),
        Self::NameIsAssignment { .. } => ("NAME_IS_ASSIGNMENT", exit::USAGE,
            "give the name alone, and type or pipe the value"),
        Self::NameReserved { .. } => ("NAME_RESERVED", exit::USAGE, "choose another name"),
        Self::ValueUnusable => ("VALUE_UNUSABLE", exit::USAGE),
        Self::ValueTooLong => ("VALUE_TOO_LONG", exit::USAGE,
            "keep the value in a file or another store, and set the path or key to it"),
        Self::ValueNotUnicode => ("VALUE_NOT_UNICODE", exit::USAGE),
        // Audit trail and project store.
        Self::AuditTampered { .. } => ("AUDIT_TAMPERED", exit::AUDIT_TAMPERED,
            "find out who can write to the service's database; its backups may hold what is missing"),
        Self::CheckpointsMalformed { .. } => ("CHECKPOINTS_MALFORMED", exit::NOT_SET_UP,
            "restore the file from a backup; if there is none, remove it"),
        Self::ProjectIdMalformed { .. } => ("PROJECT_ID_MALFORMED", exit::USAGE),
        Self::ProjectAmbiguous { .. } => ("PROJECT_AMBIGUOUS", exit::FAILED, "give the id of one of them"),
        Self::SecretNotFound { .. } => ("SECRET_UNKNOWN", exit::PROJECT_UNKNOWN,
            "`capy store secret list` shows the names"),
        Self::StoreUnopened { .. } => ("STORE_UNOPENED", exit::STORE_UNOPENED,
            "put the missing key back into ENCRYPTION_KEY, or set the values again"),
        // Questions.
        Self::NotConfirmed => ("NOT_CONFIRMED", exit::FAILED,
            "answer y, or pass --yes where nobody can answer"),
        Self::NothingTyped => ("NOTHING_TYPED", exit::USAGE),
        Self::SeveralLines => ("SEVERAL_LINES", exit::USAGE, "pipe the value: `capy set NAME < FILE`"),
        // Deployments.
        Self::NothingToDeploy { .. } => ("NOTHING_TO_DEPLOY", exit::FAILED,
            "set a variable with `capy set NAME`"),
        Self::PlatformUnknown { known, .. } => ("PLATFORM_UNKNOWN", exit::USAGE,
            format!("use one of: {known}")),
        Self::PlatformMissing => ("PLATFORM_MISSING", exit::USAGE, "pass --platform ID"),
        Self::PushProjectMissing { option } => ("PUSH_PROJECT_MISSING", exit::USAGE,
            format!("pass the app's name with {option}")),
        Self::LifetimeMalformed { .. } => ("LIFETIME_MALFORMED", exit::USAGE,
            "write a time such as 90d, 12h or 30m"),
        Self::NothingHeld => ("NOTHING_HELD", exit::NOT_SET_UP,
            "save the platform's variables, for example with `vercel env pull FILE`, and pass --held FILE"),
        Self::CredentialsEmpty { .. } => ("CREDENTIALS_EMPTY", exit::NOT_SET_UP,
            "set them again as `capy deploy` prints them; the platform stored nothing, or hides the values here"),
        Self::Stale { .. } => ("DEPLOYMENT_STALE", exit::FAILED,
            "make a new deployment with `capy deploy` and set its variables; then revoke this one"),
        Self::PushProgramMissing { .. } => ("PUSH_PROGRAM_MISSING", exit::FAILED,
            "install it and log in, or pass --print and set the variables by hand"),
        Self::SetupPage(_) => ("SETUP_PAGE_FAILED", exit::FAILED),
        Self::EnvironmentUnknown { known, .. } if known.is_empty() => ("ENVIRONMENT_UNKNOWN", exit::USAGE,
            "leave out --environment"),
        Self::EnvironmentUnknown { known, .. } => ("ENVIRONMENT_UNKNOWN", exit::USAGE,
            format!("use one of: {known}")),
        Self::TooLarge { alternatives, .. } => ("DEPLOYMENT_TOO_LARGE", exit::FAILED, alternatives.hint()),
        Self::NoOutput => ("NO_OUTPUT", exit::USAGE,
            "pass --platform ID with --print or --json, or pass --no-open to get the page's address"),
        Self::PrefixAmbiguous { .. } => ("PREFIX_AMBIGUOUS", exit::FAILED, "give more digits of the id"),
        Self::PrefixUnknown { .. } => ("PREFIX_UNKNOWN", exit::DEPLOY_UNKNOWN,
            "`capy deploy list` shows the ids"),
        Self::PrefixMalformed { .. } => ("PREFIX_MALFORMED", exit::USAGE, "`capy deploy list` shows the ids"),
        // Commands that run, and inlining after them.
        Self::CommandNotFound { .. } => ("COMMAND_NOT_FOUND", exit::NOT_FOUND,
            "check the command's name and PATH"),
        Self::CommandIsAssignment { name } if cfg!(windows) => ("COMMAND_NOT_FOUND", exit::NOT_FOUND,
            format!("set the variable on its own line: $env:{name} = '…', or in cmd: set {name}=…")),
        Self::CommandIsAssignment { name } => ("COMMAND_NOT_FOUND", exit::NOT_FOUND,
            format!("use env: capy run -- env {name}=… COMMAND")),
        Self::CommandIsOneWord { .. } => ("COMMAND_NOT_FOUND", exit::NOT_FOUND,
            format!(
                "remove the quotes, as in `capy run -- COMMAND ARGUMENT…`, or use a shell, as in `capy run -- {}`",
                if cfg!(windows) { "cmd /c …" } else { "sh -c '…'" }
            )),
        Self::ExecLimit(Excess::Variable { .. }) => ("VARIABLE_TOO_LARGE", exit::NOT_EXECUTABLE,
            "keep the value in a file or another store, and set the path or key to it"),
        Self::ExecLimit(Excess::Argument { .. }) => ("ARGUMENT_TOO_LARGE", exit::NOT_EXECUTABLE,
            "pass it in a file or on standard input"),
        Self::ExecLimit(Excess::Together { .. }) => ("ENVIRONMENT_TOO_LARGE", exit::NOT_EXECUTABLE,
            "set fewer variables, or a larger stack: ulimit -s 32768"),
        Self::CommandNotExecutable { .. } => ("COMMAND_NOT_EXECUTABLE", exit::NOT_EXECUTABLE),
        #[cfg(windows)]
        Self::BuildNotHere => ("BUILD_NOT_ON_WINDOWS", exit::ENGINE, "run it in WSL, or on a Linux machine"),
        #[cfg(windows)]
        Self::ScriptArgument { .. } => ("SCRIPT_ARGUMENT", exit::NOT_EXECUTABLE,
            "leave out line breaks, or run the program behind the script: capy run -- node SCRIPT"),
        Self::NothingToInline { .. } => ("NOTHING_TO_INLINE", exit::FAILED,
            "pass the application's folder (--inline=DIR), or its bundle (--file FILE)"),
        Self::OutputOlder { folder, .. } => ("OUTPUT_OLDER_THAN_RUN", exit::FAILED,
            format!(
                "build without the cache, or pass --inline={} to inline that output anyway",
                quoted(&folder.display().to_string())
            )),
        Self::InlineRefused => ("INLINE_REFUSED", exit::FAILED,
            "repair what the table shows and build again, or pass --no-inline"),
        Self::UploadHidden => ("UPLOAD_NOT_INLINED", exit::FAILED,
            "give capy the upload alone, as in `capy run -- npx wrangler deploy`, or upload without values: --no-inline"),
        Self::WranglerConfiguration { .. } => ("WRANGLER_CONFIGURATION", exit::FAILED,
            "correct the file: it is JSON with comments, or TOML"),
        Self::WranglerEntryMissing { .. } => ("WRANGLER_ENTRY_MISSING", exit::FAILED,
            "pass the Worker's script to wrangler: wrangler deploy src/index.ts"),
        Self::TrackedWorker { .. } => ("TRACKED_WORKER", exit::FAILED,
            "build _worker.js into the folder, or pass --no-inline to upload it as it is"),
        // Input, output and signals.
        Self::File { .. } => ("FILE_ERROR", exit::FAILED),
        Self::Output(_) => ("OUTPUT_ERROR", exit::FAILED),
        Self::Signals(_) => ("NO_SIGNALS", exit::FAILED),
        #[cfg(target_os = "linux")]
        Self::Init(_) => ("INIT_FAILED", exit::FAILED),
        #[cfg(target_os = "linux")]
        Self::NotInit => ("NOT_PID_1", exit::USAGE, "run `capy run -- COMMAND`"),
        Self::Input(_) => ("INPUT_ERROR", exit::FAILED),
        // Operation of a key service.
        Self::ServerMissing => ("SERVER_MISSING", exit::NOT_SET_UP,
            "install capy-server from the same release: its archive, or the Debian package capy-server"),
        Self::SecretExposed { path } => ("SERVICE_SECRET_EXPOSED", exit::NOT_SET_UP, make_private(path)),
        Self::ServiceSecret(SecretFault::Missing(name)) => ("SERVICE_SECRET", exit::NOT_SET_UP,
            format!("set {name} or {name}_FILE, or pass --init to generate it")),
        Self::ServiceSecret(SecretFault::Malformed(ENCRYPTION_KEY, _)) => ("SERVICE_SECRET", exit::NOT_SET_UP,
            "make one with `capy service keygen --encryption-key`"),
        Self::ServiceSecret(SecretFault::Malformed(..)) => ("SERVICE_SECRET", exit::NOT_SET_UP,
            "make one with `capy service keygen`"),
        Self::Seal(_) => ("SEAL_FAILED", exit::FAILED),
        Self::ServiceRelease(_) => ("RELEASE_MALFORMED", exit::FAILED,
            "pass the release's archive or its unpacked folder"),
        Self::ServiceDiffers { .. } => ("SERVICE_DIFFERS", exit::SERVICE_DIFFERS,
            "if you deployed another release, pass that one; if not, find out who can deploy"),
        Self::HelpTopicUnknown { similar, .. } if similar.is_empty() => ("HELP_TOPIC_UNKNOWN", exit::USAGE,
            "`capy help exit-codes` shows every code"),
        Self::HelpTopicUnknown { similar, .. } => ("HELP_TOPIC_UNKNOWN", exit::USAGE,
            format!("use one of: {}", similar.join(", "))),
        ;
        Self::Client(error) => (error.code(), error.exit_code(), error.hint()),
        Self::Deployment(fault) => fault.facts(),
        Self::Offer(fault) => fault.facts(),
        #[cfg(unix)]
        Self::Build(fault) => fault.facts(),
        Self::Inline(error) => (error.code(), exit::FAILED, error.hint().map(Into::into)),
        Self::Serve(error) => {
            let is_exposed = matches!(error, capy_server::Error::SecretExposed { .. });
            let exit = if is_exposed { exit::NOT_SET_UP } else { exit::FAILED };
            (error.code(), exit, error.hint().map(Cow::into_owned))
        },
        Self::Cloudflare(fault) => fault.facts(),
    }
}

/// Why a folder needs `capy allow`: what the command would do there.
#[derive(Debug, Default)]
pub(crate) struct Reasons {
    /// Variables of `.env` that run code, each with what it does.
    pub(crate) loaders: Vec<(String, &'static str)>,
    /// The project whose local key is asked for.
    pub(crate) key_of: Option<ProjectId>,
}

impl Reasons {
    pub(crate) fn is_empty(&self) -> bool {
        self.loaders.is_empty() && self.key_of.is_none()
    }
}

impl fmt::Display for Reasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let loaders: Vec<_> =
            self.loaders.iter().map(|(name, reason)| format!("{name} ({reason})")).collect();
        if !loaders.is_empty() {
            write!(f, "its .env sets {}", loaders.join(", "))?;
        }
        if let Some(project) = &self.key_of {
            let and = if loaders.is_empty() { "" } else { "; " };
            write!(f, "{and}its capy.toml asks for the key of project {project}, which is on this machine")?;
        }
        Ok(())
    }
}

/// The hint for a key that is missing or damaged.
const RECOVER: &str = "run `capy init --recover` and type the project's 24 words";

/// The hint for a file that other users can read.
fn make_private(path: &Path) -> String {
    let path = path.display().to_string();
    match cfg!(windows) {
        true => format!("icacls \"{path}\" /inheritance:r /grant:r \"%USERNAME%:F\""),
        false => format!("chmod 600 {}", quoted(&path)),
    }
}

/// Quotes a word for a shell, for the commands in hints. People copy these commands, and the word
/// may come from somebody else's file.
fn quoted(word: &str) -> Cow<'_, str> {
    shell_words::quote(word)
}

/// The table of exit codes, made from the errors' own tables. `capy help exit-codes` prints it.
pub(crate) fn exit_table() -> String {
    exit::table(all_codes())
}

/// All error codes with their exit codes, of all error types that have such a table.
fn all_codes() -> impl Iterator<Item = (&'static str, u8)> {
    #[cfg(unix)]
    let of_build = BuildFault::CODES;
    #[cfg(not(unix))]
    let of_build = &[];
    let tables = [
        capy_client::Error::CODES,
        Error::CODES,
        DeploymentFault::CODES,
        InitFault::CODES,
        CloudflareFault::CODES,
        of_build,
    ];
    tables.into_iter().flatten().copied()
}

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    use std::collections::BTreeSet;

    use super::exit::MEANINGS;
    use super::*;

    #[test]
    fn every_exit_code_of_an_error_has_a_meaning() {
        for (code, exit) in all_codes() {
            assert!(MEANINGS.iter().any(|(number, _)| *number == exit), "{code} ends with {exit}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_reference_of_exit_codes_is_current() {
        let mut page = String::from(
            "# Exit codes\n\nThe exit codes of `capy`, `capy-inline` and `capy serve`, with the errors that end with each. \
             `capy help exit-codes` prints this table.\n\n| exit code | meaning | errors |\n|---|---|---|\n",
        );
        for (number, meaning) in MEANINGS {
            let codes: BTreeSet<_> =
                all_codes().filter(|(_, exit)| exit == number).map(|(code, _)| code).collect();
            let links = codes.iter().map(|code| format!("[{code}](errors.md#{})", code.to_ascii_lowercase()));
            let links: Vec<_> = links.collect();
            page.push_str(&format!("| {number} | {meaning} | {} |\n", links.join(", ")));
        }
        page.push_str(&format!("\n{}", exit::REST));
        capy_test_support::reference::assert_current("exit-codes.md", &page);
    }

    #[test]
    fn every_exit_code_but_that_of_success_has_an_error() {
        for (number, meaning) in MEANINGS.iter().filter(|(number, _)| *number > 0) {
            assert!(all_codes().any(|(_, exit)| exit == *number), "{number}: {meaning}");
        }
    }
}
