//! The original system's inner wrap and service key (v0), so that its clients work with this
//! service.
//!
//! The differences from [`crate::wrap`]: other labels, and no associated data.

use crate::Result;
use crate::id::{DeployId, ProjectId};
use crate::kdf::hkdf;
use crate::key::{DeployProjectKey, DeployToken, ServiceKey};
use crate::seal;
use crate::wrap::{self, InnerBlob};

const INNER_LABEL: &[u8] = b"capy:deploy";

/// `SEAL(HKDF(DT, project_id, "capy:deploy", 32), none, PROJECT_KEY)`.
///
/// # Errors
/// [`crate::Error::Randomness`].
pub fn seal_inner(token: &DeployToken, project_id: &ProjectId, key: &DeployProjectKey) -> Result<InnerBlob> {
    let inner_key = hkdf(&[token.expose_secret()], project_id.as_bytes(), &[INNER_LABEL]);
    InnerBlob::from_bytes(&seal::seal(&inner_key, b"", key.expose_secret())?)
}

/// Opens what [`seal_inner`] sealed.
///
/// # Errors
/// [`crate::Error::Unauthentic`].
pub fn open_inner(
    inner: &InnerBlob,
    token: &DeployToken,
    project_id: &ProjectId,
) -> Result<DeployProjectKey> {
    let inner_key = hkdf(&[token.expose_secret()], project_id.as_bytes(), &[INNER_LABEL]);
    wrap::deploy_project_key(&seal::open(&inner_key, b"", inner.expose_secret())?)
}

/// Derives the service key:
/// `HKDF(inner_blob, project_id || hex(deploy_id), "capy:deploy:service-key", 32)`.
pub fn service_key(inner: &InnerBlob, deploy_id: &DeployId, project_id: &ProjectId) -> ServiceKey {
    wrap::service_key(inner, deploy_id, project_id, b"capy:deploy:service-key")
}
