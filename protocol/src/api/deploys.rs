//! Deployments: what registers, opens, revokes and lists them.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::SecretText;
use crate::Result;
use crate::id::{DeployId, ProjectId};
use crate::key::ServiceKey;
use crate::network::Network;
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
    /// Seconds from now, by the service's clock, after which no key is released. None: it does not expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
    /// How many keys are released at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_uses: Option<u64>,
    /// From where it may be opened; anywhere when there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cidrs: Vec<Network>,
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
    /// From when on no key is released.
    #[serde(default)]
    pub expires_at: Option<u64>,
    /// How many keys are released at most.
    #[serde(default)]
    pub max_uses: Option<u64>,
    /// From where it may be opened; anywhere when there is none.
    #[serde(default)]
    pub cidrs: Vec<Network>,
    /// Who registered it: the API token's id, or another name of who came.
    #[serde(default)]
    pub created_by: Option<String>,
}

/// A page of `GET /projects/{project_id}/deploys`: newest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeployList {
    /// The deployments.
    pub deploys: Vec<Deploy>,
    /// Where the next page begins, as `?cursor=`; none after the last one.
    #[serde(default)]
    pub next: Option<String>,
}

/// The answer to `DELETE /projects/{project_id}/deploys`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RevokeAllResponse {
    /// How many deployments this call revoked.
    pub revoked: u64,
    /// Whether live ones may be left: then the same call goes on.
    pub more: bool,
}
