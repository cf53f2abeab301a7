//! The request and response types of the key service's HTTP interface, shared by service and
//! clients.
//!
//! Requests refuse unknown fields, so that an older service never silently ignores a setting that a
//! newer client sends. Responses tolerate unknown fields. Times are milliseconds since the Unix
//! epoch.

pub mod projects;
pub mod tokens;
pub mod trusts;

use alloc::string::{String, ToString};
use core::fmt;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::wrap::InnerBlob;

mod audit;
mod deploys;
mod json;
mod roots;
mod rows;

pub use audit::*;
pub use deploys::*;
pub use roots::*;
pub use rows::*;

/// The answer to `GET /health`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Health {
    /// `ok`, or `degraded` when a binding or the sealing of the audit trail is not `ok`.
    pub status: String,
    /// The version that the service reports. The report is no proof: `capy service verify` compares
    /// the running code.
    pub version: String,
    /// The commit that the service reports it was built from, if the build recorded one.
    #[serde(default)]
    pub commit: Option<String>,
    /// Each binding's state: `ok` or `error`; the project store can also be `off`.
    pub bindings: Bindings,
    /// Whether the service seals its audit trail.
    #[serde(default)]
    pub sealing: SealingHealth,
}

/// Whether the service seals its audit trail.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SealingHealth {
    /// `ok`, `stopped`, or `unknown` when the database does not answer.
    pub state: String,
    /// The time at which sealing stopped.
    pub since: Option<u64>,
    /// Why sealing stopped.
    pub reason: Option<String>,
}

/// The state of each binding.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bindings {
    /// The relational database, the source of truth: whether it answers, has all tables, and
    /// accepts writes.
    pub database: String,
    /// The revocation list.
    pub revocations: String,
    /// The rate limiters.
    #[serde(default)]
    pub limits: String,
    /// The secrets: admin token and wrap roots.
    pub secrets: String,
    /// The project store: `off` without `ENCRYPTION_KEY`, which is not an error.
    #[serde(default)]
    pub store: String,
}

/// The body of every error.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ErrorBody {
    /// Short human-readable text.
    pub error: String,
    /// Stable code for programs.
    pub code: ErrorCode,
}

/// Stable error codes of the service.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// 400: the request is malformed or does not fit the route.
    BadRequest,
    /// 401: no bearer token, or an invalid one.
    Unauthorized,
    /// 401: the API token is past its expiry.
    TokenExpired,
    /// 401: the API token is revoked.
    TokenRevoked,
    /// 401: the API token's row was altered in the database.
    TokenAltered,
    /// 401: the API token's row has no seal. The row may be older than row seals.
    TokenUnsealed,
    /// 401: the wrap root that sealed the API token's row was removed from the service.
    TokenRootGone,
    /// 401: no trust matches the CI's identity token, or the token does not verify.
    IdentityRefused,
    /// 403: the bearer's scopes do not allow this request.
    Forbidden,
    /// 403: the deployment's allowed networks do not include the caller's address.
    AddressNotAllowed,
    /// 404: no such route.
    NotFound,
    /// 404: no deployment has this id.
    DeployUnknown,
    /// 404: no API token has this id.
    TokenUnknown,
    /// 404: no trust has this id.
    TrustUnknown,
    /// 404: no project has this id, or the bearer may not see the project.
    ProjectUnknown,
    /// 404: no secret has this id, or the bearer may not see the secret.
    SecretUnknown,
    /// 405: the route exists, but not with this method.
    MethodNotAllowed,
    /// 409: a deployment with this id exists already.
    DeployExists,
    /// 409: a project with this id exists already.
    ProjectExists,
    /// 409: the wrap root cannot be given up: the service holds the root, no part of the audit
    /// trail needs it, or the trail could not be sealed without other roots either.
    NotGivenUp,
    /// 410: the deployment was revoked.
    DeployRevoked,
    /// 410: the deployment has expired.
    DeployExpired,
    /// 410: the deployment has reached its maximum number of uses.
    DeployUsedUp,
    /// 413: the body is larger than the limit.
    PayloadTooLarge,
    /// 415: the request's content type is not JSON.
    UnsupportedMediaType,
    /// 422: the deployment's row was altered in the database.
    DeployAltered,
    /// 422: the outer blob cannot be decrypted.
    BlobRejected,
    /// 422: the outer blob names a wrap root that this service does not hold.
    WrapRootUnknown,
    /// 422: the deployment is known, but its wrap root was removed from the service.
    WrapRootGone,
    /// 422: the project would exceed the size limit of the store.
    ProjectFull,
    /// 429: too many requests.
    RateLimited,
    /// 500: a bug; the detail is in the service's log.
    Internal,
    /// 503: the project store is off, because the service has no `ENCRYPTION_KEY`.
    StoreOff,
    /// 503: the deployment's row has no seal. The row may be older than row seals.
    DeployUnsealed,
    /// 503: a binding does not answer, or a secret is missing or malformed.
    Unavailable,
    /// A code that this client does not know yet.
    #[serde(other)]
    Unknown,
}

impl ErrorCode {
    /// The code's name on the wire and in the audit trail.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "BAD_REQUEST",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::TokenExpired => "TOKEN_EXPIRED",
            Self::TokenRevoked => "TOKEN_REVOKED",
            Self::TokenAltered => "TOKEN_ALTERED",
            Self::TokenUnsealed => "TOKEN_UNSEALED",
            Self::TokenRootGone => "TOKEN_ROOT_GONE",
            Self::IdentityRefused => "IDENTITY_REFUSED",
            Self::Forbidden => "FORBIDDEN",
            Self::AddressNotAllowed => "ADDRESS_NOT_ALLOWED",
            Self::NotFound => "NOT_FOUND",
            Self::DeployUnknown => "DEPLOY_UNKNOWN",
            Self::TokenUnknown => "TOKEN_UNKNOWN",
            Self::TrustUnknown => "TRUST_UNKNOWN",
            Self::ProjectUnknown => "PROJECT_UNKNOWN",
            Self::SecretUnknown => "SECRET_UNKNOWN",
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::DeployExists => "DEPLOY_EXISTS",
            Self::ProjectExists => "PROJECT_EXISTS",
            Self::NotGivenUp => "NOT_GIVEN_UP",
            Self::DeployRevoked => "DEPLOY_REVOKED",
            Self::DeployExpired => "DEPLOY_EXPIRED",
            Self::DeployUsedUp => "DEPLOY_USED_UP",
            Self::PayloadTooLarge => "PAYLOAD_TOO_LARGE",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Self::DeployAltered => "DEPLOY_ALTERED",
            Self::BlobRejected => "BLOB_REJECTED",
            Self::WrapRootUnknown => "WRAP_ROOT_UNKNOWN",
            Self::WrapRootGone => "WRAP_ROOT_GONE",
            Self::ProjectFull => "PROJECT_FULL",
            Self::RateLimited => "RATE_LIMITED",
            Self::Internal => "INTERNAL",
            Self::StoreOff => "STORE_OFF",
            Self::DeployUnsealed => "DEPLOY_UNSEALED",
            Self::Unavailable => "UNAVAILABLE",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// A secret text in a JSON body, such as a key or a token: wiped on drop, never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretText(String);

impl SecretText {
    /// The text.
    pub fn expose_secret(&self) -> &str {
        &self.0
    }
}

impl From<&InnerBlob> for SecretText {
    fn from(inner: &InnerBlob) -> Self {
        Self(inner.serialize_base64().to_string())
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{DeployId, ProjectId};
    use crate::network::Network;

    #[test]
    fn wire_format_unchanged() {
        let inner = InnerBlob::from_bytes(&[7; crate::wrap::INNER_LEN]).unwrap();
        let request = RegisterRequest {
            deploy_id: DeployId::new([0xab; 32]),
            project_id: ProjectId::parse("prj_a").unwrap(),
            inner_blob: SecretText::from(&inner),
            format: 1,
            credential: Credential::DeployKey,
            label: None,
            platform: Some("vercel".into()),
            expires_in: Some(90 * 86_400),
            max_uses: Some(5),
            cidrs: alloc::vec![Network::parse("10.0.0.0/8").unwrap()],
        };
        let id = "ab".repeat(32);
        let blob = inner.serialize_base64();
        assert_eq!(
            serde_json::to_string(&request).unwrap(),
            format!(
                r#"{{"deploy_id":"{id}","project_id":"prj_a","inner_blob":"{}","format":1,"credential":"deploy-key","platform":"vercel","expires_in":7776000,"max_uses":5,"cidrs":["10.0.0.0/8"]}}"#,
                *blob
            )
        );
        let body = ErrorBody { error: "no".into(), code: ErrorCode::WrapRootUnknown };
        assert_eq!(serde_json::to_string(&body).unwrap(), r#"{"error":"no","code":"WRAP_ROOT_UNKNOWN"}"#);
    }

    #[test]
    fn a_request_with_an_unknown_field_is_refused() {
        assert!(serde_json::from_str::<DecryptRequest>(r#"{"ciphertext":""}"#).is_ok());
        assert!(serde_json::from_str::<DecryptRequest>(r#"{"ciphertext":"","x":1}"#).is_err());
    }

    #[test]
    fn a_code_is_named_as_it_travels() {
        for code in [ErrorCode::DeployUsedUp, ErrorCode::WrapRootGone, ErrorCode::AddressNotAllowed] {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }

    #[test]
    fn a_code_from_the_future_is_unknown_not_an_error() {
        let body: ErrorBody = serde_json::from_str(r#"{"error":"x","code":"BRAND_NEW"}"#).unwrap();
        assert_eq!(body.code, ErrorCode::Unknown);
    }
}
