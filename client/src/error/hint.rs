//! A hint for each error, for whoever reads the error in a terminal or a build log.

use super::Error;
use crate::credential_text::Placeholder;

impl Error {
    /// The hint: one thing to do about the error, if there is one.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotTheValue { placeholder: Placeholder::Hidden, .. } => {
                "run this in a build or a job on the platform, where it sets the value"
            }
            Self::NotTheValue { placeholder: Placeholder::Reference, .. } => {
                "let the platform or the workflow replace the reference by its secret"
            }
            Self::CredentialsIncomplete { missing, is_empty: true, .. } => {
                return Some(format!(
                    "set {missing} again; the platform stored nothing, or hides the value here"
                ));
            }
            Self::CredentialsIncomplete { missing, .. } => {
                return Some(format!("set {missing} too; `capy deploy` prints both"));
            }
            Self::CredentialsAmbiguous { .. } => {
                "keep SECRETS_BLOB and PROJECT_KEY, or _CAPY_SECRETS_BLOB and _CAPY_DEPLOY_KEY, and remove the other pair"
            }
            Self::BlobMalformed { .. } | Self::KeyMalformed { .. } | Self::VariableNotUnicode { .. } => {
                "paste it again as `capy deploy` printed it"
            }
            Self::BlobFileUnreadable { .. } => {
                "deploy the file with the code; a relative path starts at the current folder"
            }
            Self::BlobUnsupported { .. } => "update capy to the version that made it",
            Self::WrongKey { .. } | Self::BlobDoesNotOpen { .. } => {
                "both variables must come from the same `capy deploy`; make a new deployment and set both"
            }
            Self::WrongCredentialKind { .. } => {
                "set SECRETS_BLOB and PROJECT_KEY, or make a deployment with --credential deploy-key"
            }
            Self::BlobTampered { .. } | Self::ContentMalformed { .. } => {
                "make a new deployment with `capy deploy` and set its variables"
            }
            Self::BlobOfAnotherService { .. } => {
                "set CAPY_SERVICE_URL to the service that the deployment was made with, or make a new deployment"
            }
            Self::DeployUnknown { .. } => {
                "check CAPY_SERVICE_URL, or make a new deployment with `capy deploy`"
            }
            Self::DeployRevoked { .. } => "make a new deployment with `capy deploy` and set its variables",
            Self::DeployExpired { .. } => {
                "make a new deployment with `capy deploy` and set its variables; `--expires` sets how long it lives"
            }
            Self::DeployUsedUp { .. } => {
                "make a new deployment with `capy deploy` and set its variables; `--max-uses` sets how often it opens"
            }
            Self::AddressNotAllowed { .. } => {
                "run this on an allowed address, or make a deployment with another `--cidr`"
            }
            Self::WrapRootGone { .. } => {
                "make a new deployment with `capy deploy`, or put the wrap root back into the service's WRAP_ROOTS"
            }
            Self::DeployExists { .. } => "run `capy deploy` again, which makes a new id",
            Self::ServiceUnreachable { .. } => {
                "check the service and its URL; CAPY_TIMEOUT sets how many seconds to wait"
            }
            Self::ServiceUntrusted { .. } => {
                "check the URL and the service's certificate; SSL_CERT_FILE can name your own certificate authority"
            }
            Self::Authorities(_) => {
                "name a PEM file with all certificate authorities to trust, or unset it to trust those of browsers"
            }
            Self::ServiceProtocol { .. } => "check that the URL is that of a key service",
            Self::ServiceRefused { .. } => return None,
            Self::Unauthorized { .. } => "log in again with `capy login`",
            Self::TokenExpired { .. } | Self::TokenRevoked { .. } => {
                "get a new token (`capy token create`), then log in with it"
            }
            Self::IdentityRefused { .. } => {
                "let an admin trust this job with `capy token trust add`; `capy token trust list` shows the trusts"
            }
            Self::IdentityUnavailable { .. } => {
                "give the job `permissions: id-token: write`, or set CAPY_TOKEN to an API token"
            }
            Self::Forbidden { .. } => {
                "get a token with the right scope: `capy token create --scope SCOPE`, with deploy, read or admin"
            }
            Self::ProjectUnknown { .. } => {
                "`capy store project list` shows the projects that this token may see"
            }
            Self::SecretUnknown { .. } => "`capy store secret list` shows the names",
            Self::ProjectExists { .. } => "choose another id, or leave out --id",
            Self::StoreOff { .. } => {
                "set ENCRYPTION_KEY on the service; `capy service keygen --encryption-key` prints one"
            }
            Self::ServiceUrlMissing => "set CAPY_SERVICE_URL to the key service's URL",
            Self::ServiceUrlMalformed(_) => "write a URL such as https://keys.example.com",
            Self::TimeoutMalformed => "set it to a number such as 30, or unset it",
            Self::FileOfAnotherUser { .. } => {
                "if you trust the file, run capy in its folder, or become its owner"
            }
            Self::ProjectFileUnreadable { .. } | Self::ProjectFileMalformed { .. } => {
                "repair the file, or restore it from git"
            }
        };
        Some(hint.into())
    }
}
