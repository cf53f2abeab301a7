//! The error type of this crate: each case has a stable code, an exit code and at most one hint.
//!
//! Messages contain names of variables, files, the service's URL and the first digits of a
//! deployment's id, but never a key or a value. Text from the service is cleaned before it is
//! shown.

use std::path::PathBuf;
use std::time::Duration;

use capy_protocol::api::ErrorCode;
use capy_protocol::id::DeployId;

use crate::authorities::Unusable;
use crate::credential_names::Names;
use crate::credential_text::Placeholder;
use crate::exit;
use crate::service_url::{MalformedUrl, ServiceUrl};

/// Why the variables could not be decrypted, or why the service did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Half a pair of credentials is set.
    #[error("{found} is set but {missing} is {}", if *is_empty { "empty" } else { "not" })]
    CredentialsIncomplete {
        /// The variable that is set.
        found: &'static str,
        /// The variable of the pair's other half.
        missing: &'static str,
        /// Whether the missing variable exists with an empty value.
        is_empty: bool,
    },
    /// Variables of both pairs are set.
    #[error("variables of two credential pairs are set: {}", found.join(", "))]
    CredentialsAmbiguous {
        /// All credential variables that are set.
        found: Vec<&'static str>,
    },
    /// The blob cannot be parsed.
    #[error("{variable} is damaged: {source}{}", after_semicolon(*looks))]
    BlobMalformed {
        /// The variable that holds the blob.
        variable: &'static str,
        /// What is wrong with the blob.
        source: capy_protocol::Error,
        /// What the text looks like.
        looks: Option<&'static str>,
    },
    /// The file that holds the blob cannot be read.
    #[error("{variable} names {}, which cannot be read: {source}", path.display())]
    BlobFileUnreadable {
        /// The variable that names the file.
        variable: &'static str,
        /// The file.
        path: PathBuf,
        /// The I/O error.
        source: std::io::Error,
    },
    /// The blob's format is newer than this program.
    #[error("{variable} has format version {version}, which this program cannot read")]
    BlobUnsupported {
        /// The variable that holds the blob.
        variable: &'static str,
        /// The blob's format version.
        version: u8,
    },
    /// The key is not 64 hexadecimal digits.
    #[error("{variable} is not a key: a key is 64 hexadecimal digits{}", after_semicolon(*looks))]
    KeyMalformed {
        /// The variable that holds the key.
        variable: &'static str,
        /// What the text looks like.
        looks: Option<&'static str>,
    },
    /// A variable holds a placeholder or an unresolved reference instead of a credential.
    #[error(
        "{variable} does not contain its value but {}",
        match placeholder {
            Placeholder::Hidden => "what the platform shows instead of a sensitive value",
            Placeholder::Reference => "a reference that was not replaced",
        }
    )]
    NotTheValue {
        /// The variable.
        variable: &'static str,
        /// The kind of placeholder.
        placeholder: Placeholder,
    },
    /// A variable is not UTF-8.
    #[error("{variable} is not valid UTF-8")]
    VariableNotUnicode {
        /// The variable's name.
        variable: &'static str,
    },
    /// The key is not the one that the blob was made for.
    #[error("{} is not the key that this {} was made for", names.key, names.blob)]
    WrongKey {
        /// The names of the variables in use.
        names: Names,
    },
    /// The deployment was made for the other kind of credential.
    #[error("this deployment was made for PROJECT_KEY, not for {}", names.key)]
    WrongCredentialKind {
        /// The names of the variables in use.
        names: Names,
    },
    /// Authentication failed: a byte was altered.
    #[error("{blob} was altered or damaged: it is not what was deployed")]
    BlobTampered {
        /// The variable that holds the blob.
        blob: &'static str,
    },
    /// A blob of the original format (v0) does not open. That format cannot tell whether the key is
    /// wrong or the blob was altered.
    #[error("{} does not open: {} is another deployment's, or the blob was altered", names.blob, names.key)]
    BlobDoesNotOpen {
        /// The names of the variables in use.
        names: Names,
    },
    /// The blob is authentic but does not hold a map of names to values.
    #[error("{blob} opens, but it does not contain variables")]
    ContentMalformed {
        /// The variable that holds the blob.
        blob: &'static str,
    },
    /// The service does not hold the wrap root that the blob names.
    #[error("{url} did not make this blob, or its wrap root is gone")]
    BlobOfAnotherService {
        /// The service that was asked.
        url: ServiceUrl,
    },
    /// The service does not know the deployment.
    #[error("{url} does not know deployment {}", short(id))]
    DeployUnknown {
        /// The service that was asked.
        url: ServiceUrl,
        /// The deployment's id.
        id: DeployId,
    },
    /// The deployment was revoked.
    #[error("deployment {} was revoked", short(id))]
    DeployRevoked {
        /// The deployment's id.
        id: DeployId,
    },
    /// The deployment has expired.
    #[error("deployment {} has expired", short(id))]
    DeployExpired {
        /// The deployment's id.
        id: DeployId,
    },
    /// The deployment has reached its maximum number of uses.
    #[error("deployment {} has no uses left", short(id))]
    DeployUsedUp {
        /// The deployment's id.
        id: DeployId,
    },
    /// The deployment is limited to certain networks, and this machine's address is in none of
    /// them.
    #[error("deployment {} may not be opened from the address of this machine", short(id))]
    AddressNotAllowed {
        /// The deployment's id.
        id: DeployId,
    },
    /// The service knows the deployment but no longer holds its wrap root.
    #[error("{url} no longer has the wrap root of deployment {}", short(id))]
    WrapRootGone {
        /// The service that was asked.
        url: ServiceUrl,
        /// The deployment's id.
        id: DeployId,
    },
    /// The deployment id exists already. After a retry this may be the result of this program's own
    /// first attempt.
    #[error("{url} already has deployment {}", short(id))]
    DeployExists {
        /// The service that was asked.
        url: ServiceUrl,
        /// The deployment's id.
        id: DeployId,
    },
    /// No usable answer before the deadline.
    #[error(
        "the key service at {url} did not answer: {reason} ({attempts} {} in {:.1} s)",
        if *attempts == 1 { "attempt" } else { "attempts" },
        elapsed.as_secs_f32()
    )]
    ServiceUnreachable {
        /// The service that was asked.
        url: ServiceUrl,
        /// What went wrong in the last attempt.
        reason: String,
        /// The number of attempts.
        attempts: u32,
        /// The time spent on all attempts.
        elapsed: Duration,
    },
    /// TLS failed: the certificate is not trusted, or the peer does not speak TLS.
    #[error("no trusted connection to {url}: {source}")]
    ServiceUntrusted {
        /// The service that was asked.
        url: ServiceUrl,
        /// The TLS failure.
        #[source]
        source: Box<ureq::Error>,
    },
    /// The file of trusted certificate authorities cannot be used.
    #[error(transparent)]
    Authorities(Unusable),
    /// The service's answer does not follow the protocol.
    #[error("{url} did not answer like a key service: {reason}")]
    ServiceProtocol {
        /// The service that was asked.
        url: ServiceUrl,
        /// What is wrong with the answer.
        reason: String,
    },
    /// Any other refusal of the service.
    #[error("{url} refused: {text} ({status})")]
    ServiceRefused {
        /// The service that was asked.
        url: ServiceUrl,
        /// The HTTP status.
        status: u16,
        /// The service's stable code.
        code: ErrorCode,
        /// The service's text, cleaned.
        text: String,
    },
    /// The API token is missing or invalid.
    #[error("{url} does not accept the API token")]
    Unauthorized {
        /// The service that was asked.
        url: ServiceUrl,
    },
    /// The API token is past its expiry.
    #[error("the API token for {url} has expired")]
    TokenExpired {
        /// The service that was asked.
        url: ServiceUrl,
    },
    /// The API token is revoked.
    #[error("the API token for {url} was revoked")]
    TokenRevoked {
        /// The service that was asked.
        url: ServiceUrl,
    },
    /// The service does not accept the CI's identity token.
    #[error("{url} does not accept the identity of this job: {text}")]
    IdentityRefused {
        /// The service that was asked.
        url: ServiceUrl,
        /// The service's reason, cleaned.
        text: String,
    },
    /// The CI gives this job no identity token.
    #[error("GitHub gives this job no identity token: {reason}")]
    IdentityUnavailable {
        /// Why no identity token was available.
        reason: String,
    },
    /// The API token's scopes do not allow the request.
    #[error("the API token for {url} may not do this")]
    Forbidden {
        /// The service that was asked.
        url: ServiceUrl,
    },
    /// The service does not know the project, or the API token may not see it.
    #[error("{url} has no such project, or the API token may not see it")]
    ProjectUnknown {
        /// The service that was asked.
        url: ServiceUrl,
    },
    /// The service does not know the secret, or the API token may not see it.
    #[error("{url} has no such secret, or the API token may not see it")]
    SecretUnknown {
        /// The service that was asked.
        url: ServiceUrl,
    },
    /// A project with this id exists already.
    #[error("{url} already has a project with this id")]
    ProjectExists {
        /// The service that was asked.
        url: ServiceUrl,
    },
    /// The service's project store is off: it has no `ENCRYPTION_KEY`.
    #[error("{url} has no project store: its ENCRYPTION_KEY is not set")]
    StoreOff {
        /// The service that was asked.
        url: ServiceUrl,
    },
    /// No environment variable and no project file names the service's URL.
    #[error(
        "no key service is known: CAPY_SERVICE_URL is not set, and there is no capy.toml in this folder or above it"
    )]
    ServiceUrlMissing,
    /// The service's URL is invalid.
    #[error(transparent)]
    ServiceUrlMalformed(#[from] MalformedUrl),
    /// `CAPY_TIMEOUT` is not a number of seconds.
    #[error("CAPY_TIMEOUT is not a number of seconds from 1 to 3600")]
    TimeoutMalformed,
    /// `capy.toml` cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    ProjectFileUnreadable {
        /// The file.
        path: PathBuf,
        /// The I/O error.
        source: std::io::Error,
    },
    /// A file above the current folder belongs to another user.
    #[error("{} is above this folder and belongs to user {owner}, who is neither you nor an administrator", path.display())]
    FileOfAnotherUser {
        /// The file.
        path: PathBuf,
        /// The owner's user id (Unix) or security identifier (Windows).
        owner: String,
    },
    /// `capy.toml` is malformed.
    #[error("{} is not a project file: {reason}", path.display())]
    ProjectFileMalformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with the file.
        reason: String,
    },
}

// Hints of several errors.
const PASTE_AGAIN: &str = "paste it again as `capy deploy` printed it";
const NEW_DEPLOYMENT: &str = "make a new deployment with `capy deploy` and set its variables";
const BOTH_VARIABLES: &str =
    "both variables must come from the same `capy deploy`; make a new deployment and set both";
const NEW_TOKEN: &str = "get a new token (`capy token create`), then log in with it";
const REPAIR_FILE: &str = "repair the file, or restore it from git";

impl Error {
    /// The error's stable code, for programs and for searching.
    pub fn code(&self) -> &'static str {
        self.facts().0
    }

    /// The exit code of a program that stops because of this error: see [`crate::exit`].
    pub fn exit_code(&self) -> u8 {
        self.facts().1
    }

    /// The hint: one thing to do about the error, if there is one.
    pub fn hint(&self) -> Option<String> {
        self.facts().2
    }

    crate::error_codes! {
        pub fn facts;
        Self::CredentialsIncomplete { missing, is_empty, .. } =>
            ("CREDENTIALS_INCOMPLETE", exit::CREDENTIALS_INCOMPLETE,
            match is_empty {
                true => format!("set {missing} again; the platform stored nothing, or hides the value here"),
                false => format!("set {missing} too; `capy deploy` prints both"),
            }),
        Self::CredentialsAmbiguous { .. } => ("CREDENTIALS_AMBIGUOUS", exit::CREDENTIALS_AMBIGUOUS,
            "keep SECRETS_BLOB and PROJECT_KEY, or _CAPY_SECRETS_BLOB and _CAPY_DEPLOY_KEY, and remove the other pair"),
        Self::BlobMalformed { .. } => ("BLOB_MALFORMED", exit::CREDENTIALS_MALFORMED, PASTE_AGAIN),
        Self::BlobFileUnreadable { .. } => ("BLOB_FILE_UNREADABLE", exit::CREDENTIALS_MALFORMED,
            "deploy the file with the code; a relative path starts at the current folder"),
        Self::BlobUnsupported { .. } => ("BLOB_UNSUPPORTED", exit::CREDENTIALS_MALFORMED,
            "update capy to the version that made it"),
        Self::NotTheValue { placeholder: Placeholder::Hidden, .. } =>
            ("VALUE_HIDDEN", exit::CREDENTIALS_MALFORMED,
            "run this in a build or a job on the platform, where it sets the value"),
        Self::NotTheValue { placeholder: Placeholder::Reference, .. } =>
            ("VALUE_NOT_REPLACED", exit::CREDENTIALS_MALFORMED,
            "let the platform or the workflow replace the reference by its secret"),
        Self::KeyMalformed { variable, .. } if *variable == Names::DEPLOY_KEY.key =>
            ("DEPLOY_KEY_MALFORMED", exit::CREDENTIALS_MALFORMED, PASTE_AGAIN),
        Self::KeyMalformed { .. } => ("PROJECT_KEY_MALFORMED", exit::CREDENTIALS_MALFORMED, PASTE_AGAIN),
        Self::VariableNotUnicode { .. } => ("VARIABLE_NOT_UNICODE", exit::CREDENTIALS_MALFORMED, PASTE_AGAIN),
        Self::WrongKey { names } if names.key == Names::DEPLOY_KEY.key =>
            ("WRONG_DEPLOY_KEY", exit::WRONG_KEY, BOTH_VARIABLES),
        Self::WrongKey { .. } => ("WRONG_PROJECT_KEY", exit::WRONG_KEY, BOTH_VARIABLES),
        Self::WrongCredentialKind { .. } => ("WRONG_CREDENTIAL_KIND", exit::WRONG_KEY,
            "set SECRETS_BLOB and PROJECT_KEY, or make a deployment with --credential deploy-key"),
        Self::BlobTampered { .. } => ("BLOB_TAMPERED", exit::BLOB_TAMPERED, NEW_DEPLOYMENT),
        Self::BlobDoesNotOpen { .. } => ("BLOB_DOES_NOT_OPEN", exit::BLOB_DOES_NOT_OPEN, BOTH_VARIABLES),
        Self::ContentMalformed { .. } => ("CONTENT_MALFORMED", exit::CREDENTIALS_MALFORMED, NEW_DEPLOYMENT),
        Self::BlobOfAnotherService { .. } => ("BLOB_OF_ANOTHER_SERVICE", exit::BLOB_OF_ANOTHER_SERVICE,
            "set CAPY_SERVICE_URL to the service that the deployment was made with, or make a new deployment"),
        Self::DeployUnknown { .. } => ("DEPLOY_UNKNOWN", exit::DEPLOY_UNKNOWN,
            "check CAPY_SERVICE_URL, or make a new deployment with `capy deploy`"),
        Self::DeployRevoked { .. } => ("DEPLOY_REVOKED", exit::DEPLOY_REVOKED, NEW_DEPLOYMENT),
        Self::DeployExpired { .. } => ("DEPLOY_EXPIRED", exit::DEPLOY_EXPIRED,
            "make a new deployment with `capy deploy` and set its variables; `--expires` sets how long it lives"),
        Self::DeployUsedUp { .. } => ("DEPLOY_USED_UP", exit::DEPLOY_USED_UP,
            "make a new deployment with `capy deploy` and set its variables; `--max-uses` sets how often it opens"),
        Self::AddressNotAllowed { .. } => ("ADDRESS_NOT_ALLOWED", exit::ADDRESS_NOT_ALLOWED,
            "run this on an allowed address, or make a deployment with another `--cidr`"),
        Self::WrapRootGone { .. } => ("WRAP_ROOT_GONE", exit::WRAP_ROOT_GONE,
            "make a new deployment with `capy deploy`, or put the wrap root back into the service's WRAP_ROOTS"),
        Self::DeployExists { .. } => ("DEPLOY_EXISTS", exit::SERVICE_ERROR,
            "run `capy deploy` again, which makes a new id"),
        Self::ServiceUnreachable { .. } => ("SERVICE_UNREACHABLE", exit::SERVICE_UNREACHABLE,
            "check the service and its URL; CAPY_TIMEOUT sets how many seconds to wait"),
        Self::ServiceUntrusted { .. } => ("SERVICE_UNTRUSTED", exit::SERVICE_ERROR,
            "check the URL and the service's certificate; SSL_CERT_FILE can name your own certificate authority"),
        Self::Authorities(_) => ("CA_FILE_UNUSABLE", exit::USAGE, Unusable::HINT),
        Self::ServiceProtocol { .. } => ("SERVICE_ERROR", exit::SERVICE_ERROR,
            "check that the URL is that of a key service"),
        Self::ServiceRefused { .. } => ("SERVICE_REFUSED", exit::SERVICE_ERROR),
        Self::Unauthorized { .. } => ("UNAUTHORIZED", exit::UNAUTHORIZED,
            "log in again with `capy login`"),
        Self::TokenExpired { .. } => ("TOKEN_EXPIRED", exit::UNAUTHORIZED, NEW_TOKEN),
        Self::TokenRevoked { .. } => ("TOKEN_REVOKED", exit::UNAUTHORIZED, NEW_TOKEN),
        Self::IdentityRefused { .. } => ("IDENTITY_REFUSED", exit::UNAUTHORIZED,
            "let an admin trust this job with `capy token trust add`; `capy token trust list` shows the trusts"),
        Self::IdentityUnavailable { .. } => ("IDENTITY_UNAVAILABLE", exit::UNAUTHORIZED,
            "give the job `permissions: id-token: write`, or set CAPY_TOKEN to an API token"),
        Self::Forbidden { .. } => ("FORBIDDEN", exit::FORBIDDEN,
            "get a token with the right scope: `capy token create --scope SCOPE`, with deploy, read or admin"),
        Self::ProjectUnknown { .. } => ("PROJECT_UNKNOWN", exit::PROJECT_UNKNOWN,
            "`capy store project list` shows the projects that this token may see"),
        Self::SecretUnknown { .. } => ("SECRET_UNKNOWN", exit::PROJECT_UNKNOWN,
            "`capy store secret list` shows the names"),
        Self::ProjectExists { .. } => ("PROJECT_EXISTS", exit::SERVICE_ERROR,
            "choose another id, or leave out --id"),
        Self::StoreOff { .. } => ("STORE_OFF", exit::STORE_OFF,
            "set ENCRYPTION_KEY on the service; `capy service keygen --encryption-key` prints one"),
        Self::ServiceUrlMissing => ("SERVICE_URL_MISSING", exit::NOT_SET_UP,
            "set CAPY_SERVICE_URL to the key service's URL"),
        Self::ServiceUrlMalformed(_) => ("SERVICE_URL_MALFORMED", exit::USAGE,
            "write a URL such as https://keys.example.com"),
        Self::TimeoutMalformed => ("TIMEOUT_MALFORMED", exit::USAGE,
            "set it to a number such as 30, or unset it"),
        Self::ProjectFileUnreadable { .. } => ("PROJECT_FILE_UNREADABLE", exit::NOT_SET_UP, REPAIR_FILE),
        Self::FileOfAnotherUser { .. } => ("FILE_OF_ANOTHER_USER", exit::NOT_SET_UP,
            "if you trust the file, run capy in its folder, or become its owner"),
        Self::ProjectFileMalformed { .. } => ("PROJECT_FILE_MALFORMED", exit::NOT_SET_UP, REPAIR_FILE),
    }
}

/// The first twelve digits of an id, enough to find it in `capy deploy list`.
fn short(id: &DeployId) -> String {
    let mut text = id.to_string();
    text.truncate(12);
    text
}

/// Formats an optional remark behind a semicolon.
fn after_semicolon(remark: Option<&'static str>) -> String {
    remark.map(|remark| format!("; {remark}")).unwrap_or_default()
}
