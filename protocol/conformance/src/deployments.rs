//! Test vectors of whole deployments: derives every key, opens every wrap, compares the variables.

use std::collections::BTreeMap;

use capy_protocol::blob::{Format, SecretsBlob};
use capy_protocol::env_map::EnvMap;
use capy_protocol::id::{DeployId, KeyId, ProjectId};
use capy_protocol::key::{DeployProjectKey, DeployToken, ProjectKey, WrapRoot};
use capy_protocol::text::parse_base64;
use capy_protocol::wrap::{InnerBlob, OuterBlob};
use serde::Deserialize;

use crate::{Check, Outcome, StepName, same};

/// One deployment; the fields that only v1 has are optional.
#[derive(Debug, Deserialize)]
pub struct Case {
    name: String,
    version: u8,
    project_id: String,
    kid: Option<u32>,
    wrap_root: Option<String>,
    project_key_root: Option<String>,
    deploy_id: String,
    deploy_token: String,
    #[serde(rename = "PROJECT_KEY")]
    project_key: String,
    inner_blob: String,
    outer_blob: String,
    service_key: String,
    #[serde(rename = "SECRETS_BLOB")]
    secrets_blob: String,
    env: BTreeMap<String, String>,
}

impl Case {
    pub(crate) fn check(&self) -> Outcome {
        Outcome::of(format!("v{} {}", self.version, self.name), self.run())
    }

    fn run(&self) -> Check {
        let format = Format::from_number(self.version).in_step("version")?;
        let project = ProjectId::parse(&self.project_id).in_step("project id")?;
        let id = DeployId::parse(&self.deploy_id).in_step("deploy id")?;
        let k_d = DeployProjectKey::parse_hex(&self.project_key).in_step("PROJECT_KEY")?;
        let token = DeployToken::parse_hex(&self.deploy_token).in_step("deploy token")?;
        let inner = InnerBlob::parse_base64(&self.inner_blob).in_step("inner blob")?;
        same(
            "K_d in the inner blob",
            format.open_inner(&inner, &token, &id, &project).in_step("inner")?,
            k_d,
        )?;
        if format == Format::V1 {
            self.check_roots(&id, &project, &inner)?;
        }
        self.check_blob(format, &id, &project, &inner)
    }

    /// Checks how `K_d` and the outer blob were made; v0 vectors do not contain the roots.
    fn check_roots(&self, id: &DeployId, project: &ProjectId, inner: &InnerBlob) -> Check {
        let given = |field: &Option<String>| field.clone().ok_or("a v1 case lacks a root");
        let root = ProjectKey::parse_hex(&given(&self.project_key_root)?).in_step("project key")?;
        same("K_d", &*root.deploy_project_key(id).serialize_hex(), &self.project_key)?;

        let outer = OuterBlob::from_bytes(&parse_base64(&self.outer_blob).in_step("outer blob")?)
            .in_step("outer blob")?;
        same("key id", Some(outer.kid()), self.kid.map(KeyId))?;
        let wrap_root = WrapRoot::parse_hex(&given(&self.wrap_root)?).in_step("wrap root")?;
        same("inner blob in the outer", &outer.open(&wrap_root, id, project).in_step("outer")?, inner)
    }

    fn check_blob(&self, format: Format, id: &DeployId, project: &ProjectId, inner: &InnerBlob) -> Check {
        let service_key = format.service_key(inner, id, project);
        same("service key", &*service_key.serialize_hex(), &self.service_key)?;

        let blob = SecretsBlob::parse(&self.secrets_blob).in_step("blob")?;
        same("format", blob.format(), format)?;
        same("deploy id in the blob", blob.deploy_id(), *id)?;
        same("outer blob", blob.outer_blob(), &parse_base64(&self.outer_blob).in_step("outer blob")?)?;
        same("blob written again", blob.serialize(), self.secrets_blob.clone())?;
        let k_d = DeployProjectKey::parse_hex(&self.project_key).in_step("PROJECT_KEY")?;
        same("variables", plain(&blob.open(&k_d, &service_key).in_step("open")?), self.env.clone())
    }
}

fn plain(env: &EnvMap) -> BTreeMap<String, String> {
    env.iter().map(|(name, value)| (name.to_owned(), value.expose_secret().to_owned())).collect()
}
