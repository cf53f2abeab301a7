//! A hint for each error, for whoever reads the error in a terminal or a build log.

use super::Error;
use crate::credential_text::Stand;

impl Error {
    /// The hint: one thing to do about the error, if there is one.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotTheValue { stand: Stand::Hidden, .. } => {
                "the platform does not hand such a value out: run this where the platform sets it, in a build or a job"
            }
            Self::NotTheValue { stand: Stand::Reference, .. } => {
                "let the platform or the workflow replace it by the secret that it names"
            }
            Self::CredentialsIncomplete { missing, is_empty: true, .. } => {
                return Some(format!(
                    "set {missing} again: nothing was stored for it, or the platform does not show it here"
                ));
            }
            Self::CredentialsIncomplete { missing, .. } => {
                return Some(format!("set {missing} too; `capy deploy` prints both"));
            }
            Self::CredentialsAmbiguous { .. } => {
                "keep SECRETS_BLOB and PROJECT_KEY, or _CAPY_SECRETS_BLOB and _CAPY_DEPLOY_KEY, and remove the others"
            }
            Self::BlobMalformed { .. } | Self::KeyMalformed { .. } | Self::VariableNotUnicode { .. } => {
                "paste it again, whole, as `capy deploy` printed it"
            }
            Self::BlobFileUnreadable { .. } => {
                "deploy the file beside the code; a relative path starts at the current folder"
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
                "make a new deployment with `capy deploy` and set its variables; `--expires` says how long it lives"
            }
            Self::DeployUsedUp { .. } => {
                "make a new deployment with `capy deploy` and set its variables; `--max-uses` says how often it opens"
            }
            Self::AddressNotAllowed { .. } => {
                "run this where the deployment is meant to be opened, or make one with other `--cidr`"
            }
            Self::WrapRootGone { .. } => {
                "make a new deployment with `capy deploy`, or put the root back into the service's WRAP_ROOTS"
            }
            Self::DeployExists { .. } => "run `capy deploy` again: it draws a new id",
            Self::ServiceUnreachable { .. } => {
                "check that the service is up and its URL right; CAPY_TIMEOUT sets how many seconds to try"
            }
            Self::ServiceUntrusted { .. } => {
                "check the URL and the service's certificate; of an authority of your own, SSL_CERT_FILE names the PEM file"
            }
            Self::Authorities(_) => {
                "name a PEM file with every authority that may vouch for a server, or unset it: then those of browsers do"
            }
            Self::ServiceProtocol { .. } => "check that the URL is the key service's own",
            Self::ServiceRefused { .. } => return None,
            Self::Unauthorized { .. } => "log in again with `capy login`",
            Self::TokenExpired { .. } | Self::TokenRevoked { .. } => {
                "ask for a new token (`capy token create`), then log in with it"
            }
            Self::IdentityRefused { .. } => {
                "`capy token trust list` shows what is accepted; an admin adds to it with `capy token trust add`"
            }
            Self::IdentityUnavailable { .. } => {
                "give the job `permissions: id-token: write`, or set CAPY_TOKEN to an API token"
            }
            Self::Forbidden { .. } => {
                "ask for a token with the scope that this needs: `capy token create --scope deploy`, read or admin"
            }
            Self::ProjectUnknown { .. } => {
                "`capy store project list` shows the projects that this token may see"
            }
            Self::SecretUnknown { .. } => "`capy store secret list` shows the names",
            Self::ProjectExists { .. } => "choose another id, or leave it to capy",
            Self::StoreOff { .. } => {
                "set the secret on the service: `capy service keygen --encryption-key` prints one"
            }
            Self::ServiceUrlMissing => "set CAPY_SERVICE_URL to the key service's URL",
            Self::ServiceUrlMalformed(_) => "a service URL looks like https://keys.example.com",
            Self::TimeoutMalformed => "set it to a number such as 30, or remove it",
            Self::FileOfAnotherUser { .. } => {
                "if you trust it, run capy in that file's own folder, or make the file yours"
            }
            Self::ProjectFileUnreadable { .. } | Self::ProjectFileMalformed { .. } => {
                "repair the file; `capy init` shows what belongs into it"
            }
        };
        Some(hint.into())
    }
}
