//! The wire types of the key service's HTTP interface, shared by service and clients.
//!
//! Requests refuse unknown fields, so that a newer client's wish is never ignored in silence; responses
//! tolerate them. Times are milliseconds since the Unix epoch.

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
    /// `ok`, or `degraded` when something below is not `ok`.
    pub status: String,
    /// The version that the service says it is. Nothing proves it: `capy service verify` compares what runs.
    pub version: String,
    /// The commit that the service says it is built from, if its build was told.
    #[serde(default)]
    pub commit: Option<String>,
    /// Each binding's state: `ok` or `error`.
    pub bindings: Bindings,
    /// Whether what happens is sealed.
    #[serde(default)]
    pub sealing: SealingHealth,
}

/// Whether the audit trail is sealed.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SealingHealth {
    /// `ok`, `stopped`, or `unknown` where the database does not answer.
    pub state: String,
    /// Since when it has stopped.
    pub since: Option<u64>,
    /// Why.
    pub reason: Option<String>,
}

/// The state of each binding.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bindings {
    /// The relational database, which is the authority: whether it answers, has all tables, and takes changes.
    pub database: String,
    /// The revocation list.
    pub revocations: String,
    /// The rate limiters.
    #[serde(default)]
    pub limits: String,
    /// The secrets: admin token and wrap roots.
    pub secrets: String,
    /// The project store: `off` without `ENCRYPTION_KEY`, which is no fault.
    #[serde(default)]
    pub store: String,
}

/// The body of every error.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ErrorBody {
    /// Short text for people.
    pub error: String,
    /// Stable, for programs.
    pub code: ErrorCode,
}

/// Stable error codes of the service.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// 400: the request is not what the route takes.
    BadRequest,
    /// 401: no bearer token, or not a valid one.
    Unauthorized,
    /// 401: the API token is past its expiry.
    TokenExpired,
    /// 401: the API token is revoked.
    TokenRevoked,
    /// 401: the API token's row was altered in the database.
    TokenAltered,
    /// 401: the API token's row bears no seal; it may be from before there were any.
    TokenUnsealed,
    /// 401: the wrap root that sealed the API token's row was taken out of the service.
    TokenRootGone,
    /// 401: no trust fits the CI's identity token, or it does not verify.
    IdentityRefused,
    /// 403: the token's scope does not reach this.
    Forbidden,
    /// 403: the deployment may not be opened from the caller's address.
    AddressNotAllowed,
    /// 404: no such route.
    NotFound,
    /// 404: no deployment has this id.
    DeployUnknown,
    /// 404: no API token has this id.
    TokenUnknown,
    /// 404: no trust has this id.
    TrustUnknown,
    /// 404: no project has this id, or none that the bearer may see.
    ProjectUnknown,
    /// 404: no secret has this id, or none that the bearer may see.
    SecretUnknown,
    /// 405: the route exists, the method does not.
    MethodNotAllowed,
    /// 409: the id is taken.
    DeployExists,
    /// 409: the project's id is taken.
    ProjectExists,
    /// 409: a wrap root that is held, or that nothing needs, cannot be given up; nor can it where that is not enough.
    NotGivenUp,
    /// 410: revoked.
    DeployRevoked,
    /// 410: its time is over.
    DeployExpired,
    /// 410: as many keys were released as it may have.
    DeployUsedUp,
    /// 413: the body is larger than the limit.
    PayloadTooLarge,
    /// 415: the body is not JSON by its content type.
    UnsupportedMediaType,
    /// 422: the deployment's row was altered in the database.
    DeployAltered,
    /// 422: the outer blob does not open.
    BlobRejected,
    /// 422: the outer blob names a wrap root that this service does not hold.
    WrapRootUnknown,
    /// 422: the deployment is known, but its wrap root was taken out of the service.
    WrapRootGone,
    /// 422: the project would hold more than the store takes.
    ProjectFull,
    /// 429: too many requests.
    RateLimited,
    /// 500: a bug; the detail is in the service's log.
    Internal,
    /// 503: the service has no `ENCRYPTION_KEY`, and keeps no values of projects.
    StoreOff,
    /// 503: the deployment's row bears no seal; it may be from before there were any.
    DeployUnsealed,
    /// 503: a binding does not answer, or a secret is missing or malformed.
    Unavailable,
    /// A code that this client does not know yet.
    #[serde(other)]
    Unknown,
}

impl ErrorCode {
    /// The name on the wire and in the audit trail.
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

/// Key material on its way through JSON: wiped on drop, never printed.
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
