//! Errors of `capy`: the message, stable code, exit code and hint of each.
//!
//! Messages contain names and paths, never values.

mod allowed;
#[cfg(unix)]
mod build;
mod cloudflare;
mod deployment;
mod env_file;
pub(crate) mod exit;
mod exit_table;
mod service_release;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use capy_client::ServiceUrl;
use capy_client::service_url::MalformedUrl;
use capy_protocol::id::ProjectId;
use capy_protocol::service_secrets::{ENCRYPTION_KEY, SecretFault};

use crate::exec_limits::Excess;

pub(crate) use allowed::Reasons;
#[cfg(unix)]
pub(crate) use build::Fault as BuildFault;
pub(crate) use cloudflare::Fault as CloudflareFault;
pub(crate) use deployment::{Alternatives, Fault as DeploymentFault, LimitExceeded};
pub(crate) use env_file::{Ambiguity, AmbiguityKind, EncodingFault, MAX_BYTES as ENV_FILE_MAX_BYTES};
pub(crate) use exit_table::exit_table;
pub(crate) use service_release::Fault as ReleaseFault;

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
        self.codes().0
    }

    /// The exit code of the process for this error.
    pub(crate) fn exit_code(&self) -> u8 {
        self.codes().1
    }

    capy_client::error_codes! {
        pub(crate) fn codes;
        Self::NotInitialised => ("NOT_INITIALISED", exit::NOT_SET_UP),
        Self::AlreadyInitialised { .. } => ("ALREADY_INITIALISED", exit::FAILED),
        Self::NotLoggedIn { .. } => ("NOT_LOGGED_IN", exit::NOT_SET_UP),
        Self::WhichService { .. } => ("SERVICE_URL_MISSING", exit::NOT_SET_UP),
        Self::ServiceUnconfirmed { .. } => ("SERVICE_URL_UNCONFIRMED", exit::NOT_SET_UP),
        Self::NoConfigFolder => ("NO_CONFIG_FOLDER", exit::NOT_SET_UP),
        Self::LoginsMalformed { .. } => ("LOGINS_MALFORMED", exit::NOT_SET_UP),
        Self::LocalKeyMissing { .. } => ("LOCAL_KEY_MISSING", exit::LOCAL_KEY),
        Self::LocalKeyMalformed { .. } => ("LOCAL_KEY_MALFORMED", exit::LOCAL_KEY),
        Self::FolderNotAllowed { .. } => ("FOLDER_NOT_ALLOWED", exit::NOT_ALLOWED),
        Self::LocalKeyExposed { .. } => ("LOCAL_KEY_EXPOSED", exit::LOCAL_KEY),
        Self::TokenWithoutUrl => ("TOKEN_WITHOUT_SERVICE_URL", exit::NOT_SET_UP),
        Self::TokenMalformed => ("TOKEN_MALFORMED", exit::USAGE),
        Self::TokenMistyped => ("TOKEN_MISTYPED", exit::USAGE),
        Self::TokenIdMalformed { .. } => ("TOKEN_ID_MALFORMED", exit::USAGE),
        Self::TrustIdMalformed { .. } => ("TRUST_ID_MALFORMED", exit::USAGE),
        Self::ScopeMalformed { .. } => ("SCOPE_MALFORMED", exit::USAGE),
        Self::LocalKeyDiffers { .. } => ("LOCAL_KEY_DIFFERS", exit::LOCAL_KEY),
        Self::PhraseMalformed => ("PHRASE_MALFORMED", exit::LOCAL_KEY),
        Self::PhraseWrong { .. } => ("PHRASE_WRONG", exit::LOCAL_KEY),
        Self::SealedValue { .. } => ("SEALED_VALUE_DOES_NOT_OPEN", exit::LOCAL_KEY),
        Self::NoSecrets { .. } => ("NO_SECRETS", exit::NOT_SET_UP),
        Self::NoEnvFile { .. } => ("NO_ENV_FILE", exit::NOT_SET_UP),
        Self::NotRegularFile { .. } => ("NOT_A_REGULAR_FILE", exit::FAILED),
        Self::EnvFileTooLarge { .. } => ("ENV_FILE_TOO_LARGE", exit::FAILED),
        Self::EnvFileEncoding { .. } => ("ENV_FILE_ENCODING", exit::FAILED),
        Self::EditChangesMore { .. } => ("ENV_FILE_AMBIGUOUS", exit::FAILED),
        Self::EnvFileAmbiguous { .. } => ("ENV_FILE_AMBIGUOUS", exit::FAILED),
        Self::NameNotFound { .. } => ("NAME_NOT_FOUND", exit::FAILED),
        Self::NameMalformed { .. } => ("NAME_MALFORMED", exit::USAGE),
        Self::NameIsAssignment { .. } => ("NAME_IS_ASSIGNMENT", exit::USAGE),
        Self::NameReserved { .. } => ("NAME_RESERVED", exit::USAGE),
        Self::ValueUnusable => ("VALUE_UNUSABLE", exit::USAGE),
        Self::ValueTooLong => ("VALUE_TOO_LONG", exit::USAGE),
        Self::ValueNotUnicode => ("VALUE_NOT_UNICODE", exit::USAGE),
        Self::AuditTampered { .. } => ("AUDIT_TAMPERED", exit::AUDIT_TAMPERED),
        Self::CheckpointsMalformed { .. } => ("CHECKPOINTS_MALFORMED", exit::NOT_SET_UP),
        Self::ProjectIdMalformed { .. } => ("PROJECT_ID_MALFORMED", exit::USAGE),
        Self::ProjectAmbiguous { .. } => ("PROJECT_AMBIGUOUS", exit::FAILED),
        Self::SecretNotFound { .. } => ("SECRET_UNKNOWN", exit::PROJECT_UNKNOWN),
        Self::StoreUnopened { .. } => ("STORE_UNOPENED", exit::STORE_UNOPENED),
        Self::NotConfirmed => ("NOT_CONFIRMED", exit::FAILED),
        Self::NothingTyped => ("NOTHING_TYPED", exit::USAGE),
        Self::SeveralLines => ("SEVERAL_LINES", exit::USAGE),
        Self::NothingToDeploy { .. } => ("NOTHING_TO_DEPLOY", exit::FAILED),
        Self::PlatformUnknown { .. } => ("PLATFORM_UNKNOWN", exit::USAGE),
        Self::PlatformMissing => ("PLATFORM_MISSING", exit::USAGE),
        Self::PushProjectMissing { .. } => ("PUSH_PROJECT_MISSING", exit::USAGE),
        Self::LifetimeMalformed { .. } => ("LIFETIME_MALFORMED", exit::USAGE),
        Self::NothingHeld => ("NOTHING_HELD", exit::NOT_SET_UP),
        Self::CredentialsEmpty { .. } => ("CREDENTIALS_EMPTY", exit::NOT_SET_UP),
        Self::Stale { .. } => ("DEPLOYMENT_STALE", exit::FAILED),
        Self::PushProgramMissing { .. } => ("PUSH_PROGRAM_MISSING", exit::FAILED),
        Self::SetupPage(_) => ("SETUP_PAGE_FAILED", exit::FAILED),
        Self::EnvironmentUnknown { .. } => ("ENVIRONMENT_UNKNOWN", exit::USAGE),
        Self::TooLarge { .. } => ("DEPLOYMENT_TOO_LARGE", exit::FAILED),
        Self::NoOutput => ("NO_OUTPUT", exit::USAGE),
        Self::PrefixAmbiguous { .. } => ("PREFIX_AMBIGUOUS", exit::FAILED),
        Self::PrefixUnknown { .. } => ("PREFIX_UNKNOWN", exit::DEPLOY_UNKNOWN),
        Self::PrefixMalformed { .. } => ("PREFIX_MALFORMED", exit::USAGE),
        Self::CommandNotFound { .. } => ("COMMAND_NOT_FOUND", exit::NOT_FOUND),
        Self::CommandIsAssignment { .. } | Self::CommandIsOneWord { .. } => ("COMMAND_NOT_FOUND", exit::NOT_FOUND),
        Self::ExecLimit(Excess::Variable { .. }) => ("VARIABLE_TOO_LARGE", exit::NOT_EXECUTABLE),
        Self::ExecLimit(Excess::Argument { .. }) => ("ARGUMENT_TOO_LARGE", exit::NOT_EXECUTABLE),
        Self::ExecLimit(Excess::Together { .. }) => ("ENVIRONMENT_TOO_LARGE", exit::NOT_EXECUTABLE),
        Self::CommandNotExecutable { .. } => ("COMMAND_NOT_EXECUTABLE", exit::NOT_EXECUTABLE),
        #[cfg(windows)]
        Self::BuildNotHere => ("BUILD_NOT_ON_WINDOWS", exit::ENGINE),
        #[cfg(windows)]
        Self::ScriptArgument { .. } => ("SCRIPT_ARGUMENT", exit::NOT_EXECUTABLE),
        Self::NothingToInline { .. } => ("NOTHING_TO_INLINE", exit::FAILED),
        Self::OutputOlder { .. } => ("OUTPUT_OLDER_THAN_RUN", exit::FAILED),
        Self::InlineRefused => ("INLINE_REFUSED", exit::FAILED),
        Self::File { .. } => ("FILE_ERROR", exit::FAILED),
        Self::Output(_) => ("OUTPUT_ERROR", exit::FAILED),
        Self::Signals(_) => ("NO_SIGNALS", exit::FAILED),
        #[cfg(target_os = "linux")]
        Self::Init(_) => ("INIT_FAILED", exit::FAILED),
        #[cfg(target_os = "linux")]
        Self::NotInit => ("NOT_PID_1", exit::USAGE),
        Self::Input(_) => ("INPUT_ERROR", exit::FAILED),
        Self::ServerMissing => ("SERVER_MISSING", exit::NOT_SET_UP),
        Self::SecretExposed { .. } => ("SERVICE_SECRET_EXPOSED", exit::NOT_SET_UP),
        Self::ServiceSecret(_) => ("SERVICE_SECRET", exit::NOT_SET_UP),
        Self::Seal(_) => ("SEAL_FAILED", exit::FAILED),
        Self::ServiceRelease(_) => ("RELEASE_MALFORMED", exit::FAILED),
        Self::ServiceDiffers { .. } => ("SERVICE_DIFFERS", exit::SERVICE_DIFFERS),
        ;
        Self::Client(error) => (error.code(), error.exit_code()),
        Self::Deployment(fault) => fault.codes(),
        #[cfg(unix)]
        Self::Build(fault) => fault.codes(),
        Self::Inline(error) => (error.code(), exit::FAILED),
        Self::Serve(error @ capy_server::Error::SecretExposed { .. }) => (error.code(), exit::NOT_SET_UP),
        Self::Serve(error) => (error.code(), exit::FAILED),
        Self::Cloudflare(fault) => fault.codes(),
    }
    /// One action that may resolve the error, if there is one.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Client(error) => return error.hint(),
            Self::NotInitialised => "run `capy init` in the project's folder",
            Self::AlreadyInitialised { .. } => {
                "to restore its key on this machine, run `capy init --recover`"
            }
            Self::NotLoggedIn { url } => {
                return Some(format!("run `capy login --url {}`", quoted(url.as_str())));
            }
            Self::ServiceUnconfirmed { url, .. } => {
                return Some(format!(
                    "if the token is for that service, run `capy login --url {}`",
                    quoted(url.as_str())
                ));
            }
            Self::WhichService { known } if known.is_empty() => "run `capy login --url https://…` first",
            Self::WhichService { known } => {
                return Some(format!("pass --url with one of: {}", known.join(", ")));
            }
            Self::NoConfigFolder => "set CAPY_CONFIG_DIR to a folder that only you can read",
            Self::LoginsMalformed { .. } => "remove the file, then run `capy login`",
            Self::LocalKeyMissing { .. } | Self::LocalKeyMalformed { .. } => {
                "run `capy init --recover` and type the project's 24 words"
            }
            Self::LocalKeyExposed { path } | Self::SecretExposed { path } => {
                let path = path.display().to_string();
                return Some(match cfg!(windows) {
                    true => format!("icacls \"{path}\" /inheritance:r /grant:r \"%USERNAME%:F\""),
                    false => format!("chmod 600 {}", quoted(&path)),
                });
            }
            Self::FolderNotAllowed { folder, reasons } => {
                let allow = format!(
                    "read those files, then run `capy allow {}`",
                    quoted(&folder.display().to_string())
                );
                let once = if reasons.key_of.is_none() { ", or pass --allow-loader for one run" } else { "" };
                return Some(allow + once);
            }
            Self::TokenWithoutUrl => "set CAPY_SERVICE_URL to the service that the token is for",
            Self::TokenMalformed => "copy the token again, or unset CAPY_TOKEN",
            Self::TokenMistyped => "copy all 54 characters of it again",
            Self::TokenIdMalformed { .. } => "`capy token list` shows the ids",
            Self::TrustIdMalformed { .. } => "`capy token trust list` shows the ids",
            Self::ScopeMalformed { .. } => {
                "use deploy or read (for this project), deploy:ID, read:ID, build:ID or admin"
            }
            Self::LocalKeyDiffers { .. } => "if these are the right words, move that file away first",
            Self::PhraseMalformed => "check the order and the spelling; the last word contains a checksum",
            Self::PhraseWrong { .. } => "type the words that `capy init` showed for this project",
            Self::SealedValue { name, .. } => {
                return Some(format!("set it again with `capy set {}`", quoted(name)));
            }
            Self::NoSecrets { .. } => {
                "set SECRETS_BLOB and PROJECT_KEY as `capy deploy` prints them, or run `capy set NAME` here"
            }
            Self::NoEnvFile { .. } => "set a first variable with `capy set NAME`",
            Self::NotRegularFile { .. } => {
                "put a regular file there; commands that only read also take a pipe: --env-file <(…)"
            }
            Self::EnvFileTooLarge { .. } => "pass the right file with --env-file",
            Self::EnvFileEncoding { fault, .. } => return Some(fault.hint()),
            Self::EnvFileAmbiguous { .. } => "rewrite the line so that it has one meaning",
            Self::EditChangesMore { .. } => "rewrite the ambiguous lines, which `capy list` shows",
            Self::NameNotFound { .. } => "`capy list` shows the names",
            Self::NameMalformed { .. } => {
                "use letters, digits and `_`, and no digit at the beginning: a shell drops other names"
            }
            Self::NameIsAssignment { .. } => "give the name alone, and type or pipe the value",
            Self::NameReserved { .. } => "choose another name",
            Self::ValueTooLong => "keep the value in a file or another store, and set the path or key to it",
            Self::SeveralLines => "pipe the value: `capy set NAME < FILE`",
            Self::AuditTampered { .. } => {
                "find out who can write to the service's database; its backups may hold what is missing"
            }
            Self::CheckpointsMalformed { .. } => {
                "restore the file from a backup; if there is none, remove it"
            }
            Self::ProjectAmbiguous { .. } => "give the id of one of them",
            Self::SecretNotFound { .. } => "`capy store secret list` shows the names",
            Self::StoreUnopened { .. } => {
                "put the missing key back into ENCRYPTION_KEY, or set the values again"
            }
            Self::NotConfirmed => "answer y, or pass --yes where nobody can answer",
            Self::NothingToDeploy { .. } => "set a variable with `capy set NAME`",
            Self::PlatformUnknown { known, .. } => return Some(format!("use one of: {known}")),
            Self::PlatformMissing => "pass --platform ID",
            Self::PushProjectMissing { option } => return Some(format!("pass the app's name with {option}")),
            Self::LifetimeMalformed { .. } => "write a time such as 90d, 12h or 30m",
            Self::CredentialsEmpty { .. } => {
                "set them again as `capy deploy` prints them; the platform stored nothing, or hides the values here"
            }
            Self::NothingHeld => {
                "save the platform's variables, for example with `vercel env pull FILE`, and pass --held FILE"
            }
            Self::Stale { .. } => {
                "make a new deployment with `capy deploy` and set its variables; then revoke this one"
            }
            Self::PushProgramMissing { .. } => {
                "install it and log in, or pass --print and set the variables by hand"
            }
            Self::EnvironmentUnknown { known, .. } if known.is_empty() => "leave out --environment",
            Self::EnvironmentUnknown { known, .. } => return Some(format!("use one of: {known}")),
            Self::TooLarge { alternatives, .. } => alternatives.hint(),
            Self::Deployment(fault) => return fault.hint(),
            Self::NoOutput => {
                "pass --platform ID with --print or --json, or pass --no-open to get the page's address"
            }
            Self::PrefixAmbiguous { .. } => "give more digits of the id",
            Self::PrefixUnknown { .. } | Self::PrefixMalformed { .. } => "`capy deploy list` shows the ids",
            Self::CommandNotFound { .. } => "check the command's name and PATH",
            Self::CommandIsAssignment { name } if cfg!(windows) => {
                return Some(format!(
                    "set the variable on its own line: $env:{name} = '…', or in cmd: set {name}=…"
                ));
            }
            Self::CommandIsAssignment { name } => {
                return Some(format!("use env: capy run -- env {name}=… COMMAND"));
            }
            Self::CommandIsOneWord { .. } if cfg!(windows) => {
                "remove the quotes, as in `capy run -- COMMAND ARGUMENT…`, or use a shell, as in `capy run -- cmd /c …`"
            }
            Self::CommandIsOneWord { .. } => {
                "remove the quotes, as in `capy run -- COMMAND ARGUMENT…`, or use a shell, as in `capy run -- sh -c '…'`"
            }
            Self::ExecLimit(excess) => excess.hint(),
            Self::ServerMissing => {
                "install capy-server from the same release: its archive, or the Debian package capy-server"
            }
            Self::Serve(error) => return error.hint().map(Cow::into_owned),
            Self::ServiceSecret(SecretFault::Missing(name)) => {
                return Some(format!("set {name} or {name}_FILE, or pass --init to generate it"));
            }
            Self::ServiceSecret(SecretFault::Malformed(ENCRYPTION_KEY, _)) => {
                "make one with `capy service keygen --encryption-key`"
            }
            Self::ServiceSecret(SecretFault::Malformed(..)) => "make one with `capy service keygen`",
            #[cfg(unix)]
            Self::Build(fault) => return fault.hint(),
            #[cfg(windows)]
            Self::BuildNotHere => "run it in WSL, or on a Linux machine",
            #[cfg(windows)]
            Self::ScriptArgument { .. } => {
                "leave out line breaks, or run the program behind the script: capy run -- node SCRIPT"
            }
            Self::Inline(error) => return error.hint().map(Into::into),
            Self::NothingToInline { .. } => "pass the application's folder: --inline=DIR",
            Self::OutputOlder { folder, .. } => {
                return Some(format!(
                    "build without the cache, or pass --inline={} to inline that output anyway",
                    quoted(&folder.display().to_string())
                ));
            }
            #[cfg(target_os = "linux")]
            Self::NotInit => "run `capy run -- COMMAND`",
            Self::InlineRefused => "repair what the table shows and build again, or pass --no-inline",
            Self::Cloudflare(fault) => return fault.hint().map(Into::into),
            Self::ServiceRelease(_) => "pass the release's archive or its unpacked folder",
            Self::ServiceDiffers { .. } => {
                "if you deployed another release, pass that one; if not, find out who can deploy"
            }
            _ => return None,
        };
        Some(hint.into())
    }
}

/// Quotes a word for a shell, for the commands in hints. People copy these commands, and the word
/// may come from somebody else's file.
fn quoted(word: &str) -> Cow<'_, str> {
    shell_words::quote(word)
}
