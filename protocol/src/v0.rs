//! The original system's layout (v0), so that its clients work with this service: inner wrap, service
//! key and sealed variables.
//!
//! The differences from [`crate::wrap`] and [`crate::blob`]: other labels, no associated data, no key
//! commitment, and variables that may also be `KEY=value` lines.

use alloc::string::ToString;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use crate::env_map::{EnvMap, SecretValue};
use crate::id::{DeployId, ProjectId};
use crate::kdf::hkdf;
use crate::key::{DeployProjectKey, DeployToken, ServiceKey};
use crate::wrap::{self, InnerBlob};
use crate::{Error, Result, seal};

const INNER_LABEL: &[u8] = b"capy:deploy";

/// `SEAL(HKDF(DT, project_id, "capy:deploy", 32), none, PROJECT_KEY)`.
///
/// # Errors
/// [`Error::Randomness`].
pub(crate) fn seal_inner(
    token: &DeployToken,
    project_id: &ProjectId,
    key: &DeployProjectKey,
) -> Result<InnerBlob> {
    let inner_key = hkdf(&[token.expose_secret()], project_id.as_bytes(), &[INNER_LABEL]);
    InnerBlob::from_bytes(&seal::seal(&inner_key, b"", key.expose_secret())?)
}

/// Opens what [`seal_inner`] sealed.
///
/// # Errors
/// [`Error::Unauthentic`].
pub(crate) fn open_inner(
    inner: &InnerBlob,
    token: &DeployToken,
    project_id: &ProjectId,
) -> Result<DeployProjectKey> {
    let inner_key = hkdf(&[token.expose_secret()], project_id.as_bytes(), &[INNER_LABEL]);
    wrap::deploy_project_key(&seal::open(&inner_key, b"", inner.expose_secret())?)
}

/// Derives the service key:
/// `HKDF(inner_blob, project_id || hex(deploy_id), "capy:deploy:service-key", 32)`.
pub(crate) fn service_key(inner: &InnerBlob, deploy_id: &DeployId, project_id: &ProjectId) -> ServiceKey {
    wrap::service_key(inner, deploy_id, project_id, b"capy:deploy:service-key")
}

/// Seals a deployment's variables.
///
/// # Errors
/// [`Error::Randomness`], [`Error::TooLarge`].
pub(crate) fn seal_env(
    k_d: &DeployProjectKey,
    service_key: &ServiceKey,
    deploy_id: &DeployId,
    env: &EnvMap,
) -> Result<Vec<u8>> {
    seal::seal(&env_key(k_d, service_key, deploy_id), b"", env.serialize_json().as_bytes())
}

/// Opens a deployment's variables.
///
/// # Errors
/// [`Error::Unauthentic`], and [`Error::MalformedEnvMap`] for what is no map of variables.
pub(crate) fn open_env(
    k_d: &DeployProjectKey,
    service_key: &ServiceKey,
    deploy_id: &DeployId,
    sealed: &[u8],
) -> Result<EnvMap> {
    let plaintext = seal::open(&env_key(k_d, service_key, deploy_id), b"", sealed)?;
    if plaintext.first() == Some(&b'{') {
        return EnvMap::parse_json(&plaintext);
    }
    parse_lines(core::str::from_utf8(&plaintext).map_err(|_| Error::MalformedEnvMap)?)
}

/// Parses `KEY=value` lines of old clients. Empty lines are skipped; a value extends to the end of
/// its line.
fn parse_lines(text: &str) -> Result<EnvMap> {
    let mut env = EnvMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let (name, value) = line.split_once('=').ok_or(Error::MalformedEnvMap)?;
        env.try_insert(name, SecretValue::new(value.to_string()))?;
    }
    Ok(env)
}

fn env_key(k_d: &DeployProjectKey, service_key: &ServiceKey, deploy_id: &DeployId) -> Zeroizing<[u8; 32]> {
    let ikm: [&[u8]; 2] = [k_d.expose_secret(), service_key.expose_secret()];
    hkdf(&ikm, deploy_id.as_bytes(), &[b"capy:deploy:decrypt"])
}
