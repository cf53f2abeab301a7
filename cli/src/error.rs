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
pub(crate) use env_file::{Doubt, DoubtKind, EncodingFault, MAX_BYTES as ENV_FILE_MAX_BYTES};
pub(crate) use exit_table::exit_table;
pub(crate) use service_release::Fault as ReleaseFault;

/// Result with this program's [`Error`].
pub(crate) type Result<T, E = Error> = core::result::Result<T, E>;

/// Why a command stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Client(#[from] capy_client::Error),
    #[error("no capy.toml is here or above")]
    NotInitialised,
    #[error("{} exists already: this is a project", path.display())]
    AlreadyInitialised { path: PathBuf },
    #[error("not logged in to {url}")]
    NotLoggedIn { url: ServiceUrl },
    #[error("no key service is named: pass --url")]
    WhichService { known: Vec<String> },
    #[error("only {} says that the key service is {url}, and nobody confirmed that a token may go there", path.display())]
    ServiceUnconfirmed { url: ServiceUrl, path: PathBuf },
    #[cfg_attr(
        unix,
        error("the home folder is not known: neither CAPY_CONFIG_DIR, XDG_CONFIG_HOME nor HOME is set")
    )]
    #[cfg_attr(
        windows,
        error("the settings folder is not known: neither CAPY_CONFIG_DIR nor APPDATA is set")
    )]
    NoConfigFolder,
    #[error("{} cannot be read: {reason}", path.display())]
    LoginsMalformed { path: PathBuf, reason: String },
    #[error("this machine has no key for project {project}")]
    LocalKeyMissing { project: ProjectId },
    #[error("{} does not hold a key", path.display())]
    LocalKeyMalformed { path: PathBuf },
    #[error("{} was not allowed: {reasons}", folder.display())]
    FolderNotAllowed { folder: PathBuf, reasons: Reasons },
    #[error("{} can be read by other users of this machine", path.display())]
    LocalKeyExposed { path: PathBuf },
    #[error("CAPY_TOKEN is set but CAPY_SERVICE_URL is not, so nothing says which service may see it")]
    TokenWithoutUrl,
    #[error("CAPY_TOKEN cannot be a token: a token is one word of letters, digits and signs")]
    TokenMalformed,
    #[error("this is no whole API token: one of its characters is missing or wrong")]
    TokenMistyped,
    #[error("{text:?} is not a token's id: an id is tok_ and 16 digits of 0-9 a-f")]
    TokenIdMalformed { text: String },
    #[error("{text:?} is not a trust's id: an id is tru_ and 16 digits of 0-9 a-f")]
    TrustIdMalformed { text: String },
    #[error("{text:?} is not a scope")]
    ScopeMalformed { text: String },
    #[error("{} holds another key than these words make", path.display())]
    LocalKeyDiffers { path: PathBuf },
    #[error("these are not the 24 words of a recovery phrase")]
    PhraseMalformed,
    #[error("these words do not open {name} in {}: they are another project's", path.display())]
    PhraseWrong { name: String, path: PathBuf },
    #[error("{name} (line {line} of {}) does not open: {reason}", path.display())]
    SealedValue { name: String, line: usize, path: PathBuf, reason: &'static str },
    #[error("there are no secrets to run with: no credentials are set and {} does not exist", path.display())]
    NoSecrets { path: PathBuf },
    #[error("{} does not exist", path.display())]
    NoEnvFile { path: PathBuf },
    #[error("{} is {what}, and no regular file", path.display())]
    NotRegularFile { path: PathBuf, what: &'static str },
    #[error("{} is larger than {} bytes", path.display(), env_file::MAX_BYTES)]
    EnvFileTooLarge { path: PathBuf },
    #[error("{} {fault}", path.display())]
    EnvFileEncoding { path: PathBuf, fault: EncodingFault },
    #[error("line {} of {} {}", doubt.line, path.display(), doubt.kind)]
    EnvFileInDoubt { path: PathBuf, doubt: Doubt },
    #[error("this would change more of {} than was asked, so nothing was written", path.display())]
    EditChangesMore { path: PathBuf },
    #[error("{name} is not in {}", path.display())]
    NameNotFound { name: String, path: PathBuf },
    #[error("{name:?} is not a variable's name")]
    NameMalformed { name: String },
    #[error("{name} is capy's own and cannot be a secret's name")]
    NameReserved { name: String },
    #[error("the value holds a zero byte, which no environment can carry")]
    ValueUnusable,
    #[error("the value is too long: name and value together have room for 131,070 bytes")]
    ValueTooLong,
    #[error("the value is not valid UTF-8")]
    ValueNotUnicode,
    #[error("the audit trail of {url} is not as the service wrote it: see above")]
    AuditTampered { url: ServiceUrl },
    #[error("{} does not hold what capy remembers of audit trails", path.display())]
    PinsMalformed { path: PathBuf },
    #[error("{text:?} is not a project's id: 1 to 64 letters, digits, `_` or `-`")]
    ProjectIdMalformed { text: String },
    #[error("{} projects have the name {name}:\n{}", candidates.len(), candidates.join("\n"))]
    ProjectAmbiguous { name: String, candidates: Vec<String> },
    #[error("project {project} has no secret {name}")]
    SecretNotFound { name: String, project: String },
    #[error("{count} values of the store do not open: see above")]
    StoreUnopened { count: usize },
    #[error("nothing was done: it was not confirmed")]
    NotConfirmed,
    #[error("nothing was typed")]
    NothingTyped,
    #[error("several lines were pasted, and this prompt takes one")]
    SeveralLines,
    #[error("{} has no variable to deploy", path.display())]
    NothingToDeploy { path: PathBuf },
    #[error("there is no platform {id:?}")]
    PlatformUnknown { id: String, known: String },
    #[error("no platform is named")]
    PlatformMissing,
    #[error("nothing says which app is meant")]
    PushProjectMissing { option: &'static str },
    #[error("that is no time: {reason}")]
    LifetimeMalformed { reason: String },
    #[error("no deployment's variables are in the environment")]
    NothingHeld,
    #[error("{} {} there, and empty", names.join(" and "), if names.len() == 1 { "is" } else { "are" })]
    CredentialsEmpty { names: Vec<&'static str> },
    #[error("deployment {short} is live, and does not hold what {} holds: {difference}", path.display())]
    Stale { short: String, path: PathBuf, difference: String },
    #[error("{program} was not found: it is this platform's own command line")]
    PushProgramMissing { program: String },
    #[error("cannot serve the setup page: {0}")]
    SetupPage(#[source] std::io::Error),
    #[error("{platform} has no environment {environment:?}")]
    EnvironmentUnknown { platform: String, environment: String, known: String },
    #[error("this does not fit {platform}: {exceeded}; see {source_url}")]
    TooLarge { platform: String, exceeded: LimitExceeded, source_url: String, alternatives: Alternatives },
    #[error(transparent)]
    Deployment(#[from] DeploymentFault),
    #[error("no browser can be opened here, and there is no terminal to ask at")]
    NoOutput,
    #[error("{} deployments begin with {prefix}:\n{}", candidates.len(), candidates.join("\n"))]
    PrefixAmbiguous { prefix: String, candidates: Vec<String> },
    #[error("no deployment of this project begins with {prefix}")]
    PrefixUnknown { prefix: String },
    #[error("{prefix:?} is not the beginning of a deployment's id: 4 to 64 digits of 0-9 a-f")]
    PrefixMalformed { prefix: String },
    #[error("{program} was not found")]
    CommandNotFound { program: String },
    #[error("{name}=… was not found: it is an assignment, and no command")]
    CommandIsAssignment { name: String },
    #[error("{first:?} and what follows it was not found: it is one word with blanks in it")]
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
    #[error("capy build runs Linux containers as this user, which it cannot do from Windows")]
    BuildNotHere,
    /// An argument that `cmd` would read as its own syntax instead of handing it to the script.
    #[cfg(windows)]
    #[error("{} is a script of cmd, which cannot be given one of these arguments as it is", program.display())]
    ScriptArgument { program: PathBuf },
    #[error(transparent)]
    Inline(#[from] capy_inliner::Error),
    #[error("the command wrote no build output in {} that could be inlined", path.display())]
    NothingToInline { path: PathBuf },
    #[error("{} is older than this command, and does not hold these values", path.display())]
    OutputOlder { path: PathBuf, folder: PathBuf },
    #[error("the build lacks secrets or shows them, so nothing was inlined: see above")]
    InlineRefused,
    #[error("cannot {doing} {}: {source}", path.display())]
    File { doing: &'static str, path: PathBuf, source: std::io::Error },
    #[error("cannot write the output: {0}")]
    Output(#[source] std::io::Error),
    #[error("signals cannot be caught")]
    Signals(#[source] std::io::Error),
    #[cfg(target_os = "linux")]
    #[error("the command was started, and PID 1 cannot wait for it")]
    Init(#[source] std::io::Error),
    #[cfg(target_os = "linux")]
    #[error("`capy pid1` is what `capy run` becomes as PID 1 of a container, and this process is not PID 1")]
    NotInit,
    #[error("cannot read the input: {0}")]
    Input(#[source] std::io::Error),
    #[error("the program capy-server is neither beside capy nor on PATH")]
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
    #[error("what is deployed as {name} is not this release: see above")]
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
        Self::EditChangesMore { .. } => ("ENV_FILE_IN_DOUBT", exit::FAILED),
        Self::EnvFileInDoubt { .. } => ("ENV_FILE_IN_DOUBT", exit::FAILED),
        Self::NameNotFound { .. } => ("NAME_NOT_FOUND", exit::FAILED),
        Self::NameMalformed { .. } => ("NAME_MALFORMED", exit::USAGE),
        Self::NameReserved { .. } => ("NAME_RESERVED", exit::USAGE),
        Self::ValueUnusable => ("VALUE_UNUSABLE", exit::USAGE),
        Self::ValueTooLong => ("VALUE_TOO_LONG", exit::USAGE),
        Self::ValueNotUnicode => ("VALUE_NOT_UNICODE", exit::USAGE),
        Self::AuditTampered { .. } => ("AUDIT_TAMPERED", exit::AUDIT_TAMPERED),
        Self::PinsMalformed { .. } => ("PINS_MALFORMED", exit::NOT_SET_UP),
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
            Self::AlreadyInitialised { .. } => "on a new machine, `capy init --recover` takes the 24 words",
            Self::NotLoggedIn { url } => {
                return Some(format!("run `capy login --url {}`", quoted(url.as_str())));
            }
            Self::ServiceUnconfirmed { url, .. } => {
                return Some(format!(
                    "if the token is for that service: capy login --url {}",
                    quoted(url.as_str())
                ));
            }
            Self::WhichService { known } if known.is_empty() => "run `capy login --url https://…` first",
            Self::WhichService { known } => return Some(format!("logged in to: {}", known.join(", "))),
            Self::NoConfigFolder => "set CAPY_CONFIG_DIR to a folder that only you can read",
            Self::LoginsMalformed { .. } => "remove the file and log in again with `capy login`",
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
                let allow =
                    format!("read what is there, then: capy allow {}", quoted(&folder.display().to_string()));
                let once = if reasons.key_of.is_none() { "; for one run: --allow-loader" } else { "" };
                return Some(allow + once);
            }
            Self::TokenWithoutUrl => "set CAPY_SERVICE_URL to the service that the token is for",
            Self::TokenMalformed => "set it again as the service's operator gave it, or remove it",
            Self::TokenMistyped => "copy it again, whole; it has 54 characters",
            Self::TokenIdMalformed { .. } => "`capy token list` shows the ids",
            Self::TrustIdMalformed { .. } => "`capy token trust list` shows the ids",
            Self::ScopeMalformed { .. } => {
                "deploy or read (this project), deploy:ID, read:ID, build:ID, or admin"
            }
            Self::LocalKeyDiffers { .. } => "move that file away first if these are the right words",
            Self::PhraseMalformed => "check the order and the spelling; the last word holds a checksum",
            Self::PhraseWrong { .. } => "type the words that `capy init` showed for this project",
            Self::SealedValue { name, .. } => {
                return Some(format!("set it again with `capy set {}`", quoted(name)));
            }
            Self::NoSecrets { .. } => {
                "set SECRETS_BLOB and PROJECT_KEY as `capy deploy` prints them, or `capy set NAME` here"
            }
            Self::NoEnvFile { .. } => "set a first variable with `capy set NAME`",
            Self::NotRegularFile { .. } => {
                "put a regular file there; what only a command reads may come from a pipe: --env-file <(…)"
            }
            Self::EnvFileTooLarge { .. } => "name the right file with --env-file",
            Self::EnvFileEncoding { fault, .. } => return Some(fault.hint()),
            Self::EnvFileInDoubt { .. } => "make the line say what it means, then try again",
            Self::EditChangesMore { .. } => {
                "`capy list` names the lines in doubt; make them say what they mean"
            }
            Self::NameNotFound { .. } => "`capy list` shows the names",
            Self::NameMalformed { .. } => {
                "a name has letters, digits and `_`, and does not begin with a digit: a shell drops any other"
            }
            Self::NameReserved { .. } => "choose another name",
            Self::ValueTooLong => "keep it in a file or a store of its own, and set what opens that",
            Self::SeveralLines => "pipe the value: capy set NAME < file",
            Self::AuditTampered { .. } => {
                "find out who can write to the service's database; its backups may hold what is missing"
            }
            Self::PinsMalformed { .. } => {
                "restore the file from a backup, or remove it and lose what it remembers"
            }
            Self::ProjectAmbiguous { .. } => "name one of them by its id",
            Self::SecretNotFound { .. } => "`capy store secret list` shows the names",
            Self::StoreUnopened { .. } => {
                "put a key that is missing back into ENCRYPTION_KEY; set the other values again"
            }
            Self::NotConfirmed => "answer with y, or pass --yes where nobody can be asked",
            Self::NothingToDeploy { .. } => "set a variable with `capy set NAME`",
            Self::PlatformUnknown { known, .. } => return Some(format!("one of: {known}")),
            Self::PlatformMissing => "pass --platform ID; without --print, --json and --push it is asked for",
            Self::PushProjectMissing { option } => return Some(format!("pass {option}, its plain name")),
            Self::LifetimeMalformed { .. } => "write it as 90d, 12h or 30m",
            Self::CredentialsEmpty { .. } => {
                "set them again, as `capy deploy` prints them: nothing was stored, or the platform does not show here what it holds"
            }
            Self::NothingHeld => {
                "pass --held FILE with the platform's variables, as `vercel env pull FILE` writes them"
            }
            Self::Stale { .. } => {
                "make a new deployment with `capy deploy` and set its variables; then revoke this one"
            }
            Self::PushProgramMissing { .. } => {
                "install it and log in, or set the variables by hand with --print"
            }
            Self::EnvironmentUnknown { known, .. } if known.is_empty() => "leave --environment away",
            Self::EnvironmentUnknown { known, .. } => return Some(format!("one of: {known}")),
            Self::TooLarge { alternatives, .. } => alternatives.hint(),
            Self::Deployment(fault) => return fault.hint(),
            Self::NoOutput => {
                "pass --platform ID with --print for lines to paste, or with --json for a script; --no-open prints the page's address"
            }
            Self::PrefixAmbiguous { .. } => "give more digits",
            Self::PrefixUnknown { .. } | Self::PrefixMalformed { .. } => "`capy deploy list` shows the ids",
            Self::CommandNotFound { .. } => "check the command's name and PATH",
            Self::CommandIsAssignment { name } if cfg!(windows) => {
                return Some(format!(
                    "set it in a line of its own: $env:{name} = '…', or in cmd: set {name}=…"
                ));
            }
            Self::CommandIsAssignment { name } => {
                return Some(format!("set it by env: capy run -- env {name}=… COMMAND"));
            }
            Self::CommandIsOneWord { .. } if cfg!(windows) => {
                "take the quotes away: capy run -- COMMAND ARGUMENT…; or let a shell read it: capy run -- cmd /c …"
            }
            Self::CommandIsOneWord { .. } => {
                "take the quotes away: capy run -- COMMAND ARGUMENT…; or let a shell read it: capy run -- sh -c '…'"
            }
            Self::ExecLimit(excess) => excess.hint(),
            Self::ServerMissing => {
                "install it from the release that this capy is of: the archive capy-server-…, or the Debian package capy-server"
            }
            Self::Serve(error) => return error.hint().map(Cow::into_owned),
            Self::ServiceSecret(SecretFault::Missing(name)) => {
                return Some(format!("set {name} or {name}_FILE, or let --init draw it"));
            }
            Self::ServiceSecret(SecretFault::Malformed(ENCRYPTION_KEY, _)) => {
                "`capy service keygen --encryption-key` makes one"
            }
            Self::ServiceSecret(SecretFault::Malformed(..)) => "`capy service keygen` makes such secrets",
            #[cfg(unix)]
            Self::Build(fault) => return fault.hint(),
            #[cfg(windows)]
            Self::BuildNotHere => "run it in WSL, or on a Linux machine",
            #[cfg(windows)]
            Self::ScriptArgument { .. } => {
                "leave out line breaks; or run the program behind the script, as in: capy run -- node SCRIPT"
            }
            Self::Inline(error) => return error.hint().map(Into::into),
            Self::NothingToInline { .. } => "name the application's folder: --inline=DIR",
            Self::OutputOlder { folder, .. } => {
                return Some(format!(
                    "--inline={} inlines it all the same; or build without the cache, or pass --no-inline",
                    quoted(&folder.display().to_string())
                ));
            }
            #[cfg(target_os = "linux")]
            Self::NotInit => "capy run -- COMMAND",
            Self::InlineRefused => {
                "repair what the table names and build again; --no-inline builds without inlining"
            }
            Self::Cloudflare(fault) => return fault.hint().map(Into::into),
            Self::ServiceRelease(_) => {
                "name the release's archive, the folder it was unpacked to, or the one it is deployed from"
            }
            Self::ServiceDiffers { .. } => {
                "if you deployed another release, name that one; if nobody did, find out who can deploy"
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
