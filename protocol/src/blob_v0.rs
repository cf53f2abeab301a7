//! The original system's sealed variables (v0): no associated data, no key commitment; JSON or
//! `KEY=value` lines.

use alloc::string::ToString;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use crate::env_map::{EnvMap, SecretValue};
use crate::id::DeployId;
use crate::kdf::hkdf;
use crate::key::{DeployProjectKey, ServiceKey};
use crate::{Error, Result, seal};

pub(crate) fn seal_env(
    k_d: &DeployProjectKey,
    service_key: &ServiceKey,
    deploy_id: &DeployId,
    env: &EnvMap,
) -> Result<Vec<u8>> {
    seal::seal(&env_key(k_d, service_key, deploy_id), b"", env.serialize_json().as_bytes())
}

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
