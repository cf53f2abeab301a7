//! Seals of database rows that decide: deployments, API tokens and trusts. A seal proves that the
//! service wrote the row. Pure: rows and roots in, verdicts out. The bytes are described in
//! [`capy_protocol::row_seal`].
//!
//! A row without a seal is refused: either it is from before row seals existed, and an owner has it
//! sealed, or somebody else wrote it. A revoked row has the text `revoked` in place of its seal, so
//! that a row whose revocation is undone is refused as well.

use capy_protocol::api::tokens::TokenInfo;
use capy_protocol::api::trusts::Trust;
use capy_protocol::audit::Record as Sealed;
use capy_protocol::id::KeyId;
use capy_protocol::json;
use capy_protocol::key::RowKey;
use capy_protocol::row_seal::{DeployTerms, TokenTerms, TrustTerms};
use capy_protocol::scope::Scope;
use capy_protocol::wrap::WrapRoots;

use crate::deploy_record::{Record, serialize_networks};

/// What a row's seal proves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SealStatus {
    /// The service wrote the row as it is.
    Valid,
    /// Somebody else changed the row, or the seal is another row's.
    Altered,
    /// The row has no seal.
    Unsealed,
    /// The wrap root of the seal is not held.
    RootGone,
}

/// The seal of a deployment at this count of uses.
pub(crate) fn seal_deploy(key: &RowKey, record: &Record, uses: u64) -> String {
    key.seal(&deploy_record(record, uses))
}

/// Verifies a deployment's seal. `key` belongs to the deployment's wrap root; `None` when that root
/// is not held.
pub(crate) fn verify_deploy(key: Option<&RowKey>, record: &Record) -> SealStatus {
    match (&record.seal, key) {
        (None, _) => SealStatus::Unsealed,
        (Some(_), None) => SealStatus::RootGone,
        (Some(seal), Some(key)) => status_of(key.is_seal(&deploy_record(record, record.deploy.uses), seal)),
    }
}

fn deploy_record(record: &Record, uses: u64) -> Sealed {
    let Record { project_id, key_id, deploy, .. } = record;
    let cidrs = serialize_networks(&deploy.cidrs);
    DeployTerms {
        deploy_id: &deploy.deploy_id,
        project_id,
        key_id: *key_id,
        format: deploy.format,
        credential: deploy.credential.as_str(),
        expires_at: deploy.expires_at,
        max_uses: deploy.max_uses,
        uses,
        cidrs: cidrs.as_deref(),
    }
    .record()
}

/// Seals an API token under the newest root.
///
/// # Errors
/// The error of a key ring without roots.
pub(crate) fn seal_token(
    roots: &WrapRoots,
    token: &TokenInfo,
    digest: &str,
) -> capy_protocol::Result<String> {
    seal(roots, |key_id| token_record(token, digest, key_id))
}

/// Verifies an API token's seal.
pub(crate) fn verify_token(
    roots: &WrapRoots,
    token: &TokenInfo,
    digest: &str,
    seal: Option<&str>,
) -> SealStatus {
    verify(roots, seal, |key_id| token_record(token, digest, key_id))
}

fn token_record(token: &TokenInfo, digest: &str, key_id: KeyId) -> Sealed {
    let scopes: Vec<_> = token.scopes.iter().map(Scope::to_string).collect();
    let (token_id, expires_at) = (&token.token_id, token.expires_at);
    TokenTerms { token_id, digest, scopes: &scopes.join(" "), expires_at }.record(key_id)
}

/// Seals a trust under the newest root.
///
/// # Errors
/// The error of a key ring without roots.
pub(crate) fn seal_trust(roots: &WrapRoots, trust: &Trust) -> capy_protocol::Result<String> {
    seal(roots, |key_id| trust_record(trust, key_id))
}

/// Verifies a trust's seal.
pub(crate) fn verify_trust(roots: &WrapRoots, trust: &Trust, seal: Option<&str>) -> SealStatus {
    verify(roots, seal, |key_id| trust_record(trust, key_id))
}

fn trust_record(trust: &Trust, key_id: KeyId) -> Sealed {
    TrustTerms {
        trust_id: &trust.trust_id,
        issuer: &trust.issuer,
        audience: &trust.audience,
        claims: &json::write(&trust.claims),
        scope: &trust.scope.to_string(),
    }
    .record(key_id)
}

/// Seals a record under the newest root: its key id, a colon and the seal.
fn seal(roots: &WrapRoots, record: impl FnOnce(KeyId) -> Sealed) -> capy_protocol::Result<String> {
    let key_id = roots.newest()?;
    Ok(format!("{key_id}:{}", roots.row_key(key_id)?.seal(&record(key_id))))
}

fn verify(roots: &WrapRoots, seal: Option<&str>, record: impl FnOnce(KeyId) -> Sealed) -> SealStatus {
    let Some(seal) = seal else { return SealStatus::Unsealed };
    let Some((key_id, seal)) = seal.split_once(':') else { return SealStatus::Altered };
    let Ok(key_id) = key_id.parse().map(KeyId) else { return SealStatus::Altered };
    match roots.row_key(key_id) {
        Ok(key) => status_of(key.is_seal(&record(key_id), seal)),
        Err(_) => SealStatus::RootGone,
    }
}

fn status_of(is_seal: bool) -> SealStatus {
    if is_seal { SealStatus::Valid } else { SealStatus::Altered }
}
