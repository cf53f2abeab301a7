//! The wire types of the key service's HTTP interface, shared by service and clients.
//!
//! Requests refuse unknown fields, so that a newer client's wish is never ignored in silence; responses
//! tolerate them. Times are milliseconds since the Unix epoch.

pub mod tokens;

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::Result;
use crate::id::{DeployId, ProjectId};
use crate::key::ServiceKey;
use crate::wrap::InnerBlob;

/// Which half of a credential pair the platform holds next to the blob.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Credential {
    /// `PROJECT_KEY`: the deploy-scoped project key `K_d`.
    #[default]
    ProjectKey,
    /// `_CAPY_DEPLOY_KEY`: the deploy token. The service then returns the inner blob too.
    DeployKey,
}

impl Credential {
    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ProjectKey => "project-key",
            Self::DeployKey => "deploy-key",
        }
    }
}

/// `POST /deploy`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisterRequest {
    /// The new deployment's id, drawn by the client.
    pub deploy_id: DeployId,
    /// The project that it belongs to.
    pub project_id: ProjectId,
    /// `K_d` sealed under the deploy token.
    pub inner_blob: SecretText,
    /// 1, or 0 for the original system's layout.
    #[serde(default = "current_format")]
    pub format: u8,
    /// What the platform will hold.
    #[serde(default)]
    pub credential: Credential,
    /// A note for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The platform's id, such as `vercel`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
}

fn current_format() -> u8 {
    crate::blob::Format::V1.number()
}

/// The answer to `POST /deploy`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RegisterResponse {
    /// Base64 of the outer blob.
    pub outer_blob: String,
}

/// `POST /deploy/{id}/decrypt`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecryptRequest {
    /// Base64 of the outer blob.
    pub ciphertext: String,
}

/// The answer to `POST /deploy/{id}/decrypt`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DecryptResponse {
    /// The service's half of the key: 64 hexadecimal digits.
    pub service_key: SecretText,
    /// The project that the deployment belongs to.
    pub project_id: ProjectId,
    /// Base64 of the inner blob; with the deploy-key credential only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inner_blob: Option<SecretText>,
}

impl DecryptResponse {
    /// Builds the answer; `inner` only where the deployment's credential is the deploy key.
    pub fn new(key: &ServiceKey, project_id: ProjectId, inner: Option<&InnerBlob>) -> Self {
        Self {
            service_key: SecretText(key.serialize_hex().to_string()),
            project_id,
            inner_blob: inner.map(SecretText::from),
        }
    }

    /// The service key.
    ///
    /// # Errors
    /// [`crate::Error::MalformedKey`].
    pub fn parse_service_key(&self) -> Result<ServiceKey> {
        ServiceKey::parse_hex(&self.service_key.0)
    }
}

/// The answer to `DELETE /deploy/{id}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RevokeResponse {
    /// The revoked deployment.
    pub deploy_id: DeployId,
    /// When it was revoked first.
    pub revoked_at: u64,
}

/// One deployment as `GET /projects/{project_id}/deploys` shows it. No key material.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deploy {
    /// Its id.
    pub deploy_id: DeployId,
    /// A note for people.
    pub label: Option<String>,
    /// The platform's id.
    pub platform: Option<String>,
    /// What the platform holds.
    pub credential: Credential,
    /// 1, or 0 for the original system's layout.
    pub format: u8,
    /// When it was registered.
    pub created_at: u64,
    /// When a key was last released.
    pub last_used_at: Option<u64>,
    /// How many times a key was released.
    pub uses: u64,
    /// When it was revoked, if it was.
    pub revoked_at: Option<u64>,
}

/// The answer to `GET /projects/{project_id}/deploys`: newest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeployList {
    /// The deployments.
    pub deploys: Vec<Deploy>,
}

/// The answer to `GET /health`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Health {
    /// `ok`, or `degraded` when something below is not `ok`.
    pub status: String,
    /// The service's version.
    pub version: String,
    /// Each binding's state: `ok` or `error`.
    pub bindings: Bindings,
}

/// The state of each binding.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bindings {
    /// The relational database, which is the authority.
    pub database: String,
    /// The revocation list.
    pub revocations: String,
    /// The secrets: admin token and wrap roots.
    pub secrets: String,
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
    /// 403: the token's scope does not reach this.
    Forbidden,
    /// 404: no such route.
    NotFound,
    /// 404: no deployment has this id.
    DeployUnknown,
    /// 404: no API token has this id.
    TokenUnknown,
    /// 405: the route exists, the method does not.
    MethodNotAllowed,
    /// 409: the id is taken.
    DeployExists,
    /// 410: revoked.
    DeployRevoked,
    /// 413: the body is larger than the limit.
    PayloadTooLarge,
    /// 415: the body is not JSON by its content type.
    UnsupportedMediaType,
    /// 422: the outer blob does not open.
    BlobRejected,
    /// 422: the outer blob names a wrap root that this service does not hold.
    WrapRootUnknown,
    /// 429: too many requests.
    RateLimited,
    /// 500: a bug; the detail is in the service's log.
    Internal,
    /// 503: a binding does not answer, or a secret is missing or malformed.
    Unavailable,
    /// A code that this client does not know yet.
    #[serde(other)]
    Unknown,
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
        };
        let id = "ab".repeat(32);
        let blob = inner.serialize_base64();
        assert_eq!(
            serde_json::to_string(&request).unwrap(),
            format!(
                r#"{{"deploy_id":"{id}","project_id":"prj_a","inner_blob":"{}","format":1,"credential":"deploy-key","platform":"vercel"}}"#,
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
    fn a_code_from_the_future_is_unknown_not_an_error() {
        let body: ErrorBody = serde_json::from_str(r#"{"error":"x","code":"BRAND_NEW"}"#).unwrap();
        assert_eq!(body.code, ErrorCode::Unknown);
    }
}
