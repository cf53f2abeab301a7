//! Keyed fingerprints of what a deployment holds, by which this machine recognises it later.

use capy_client::credentials::Names;
use capy_protocol::id::DeployId;
use capy_protocol::key::ProjectKey;

use crate::error::Result;
use crate::project::Project;

/// Makes the fingerprints of one deployment, as hexadecimal digits. See
/// [`ProjectKey::fingerprint`].
pub(crate) struct Fingerprints {
    key: ProjectKey,
    deploy_id: DeployId,
}

impl Fingerprints {
    pub(crate) fn of(project: &Project, deploy_id: DeployId) -> Result<Self> {
        Ok(Self { key: project.key()?, deploy_id })
    }

    /// Of a variable that is sealed in the blob.
    pub(crate) fn variable(&self, name: &str, value: &str) -> String {
        hex::encode(self.key.fingerprint(&self.deploy_id, name, value))
    }

    /// Of the blob's text. No variable of `.env` can have the name that it goes by.
    pub(crate) fn blob(&self, blob: &str) -> String {
        self.variable(Names::PROJECT_KEY.blob, blob)
    }

    /// Of the key that the platform holds beside the blob. No variable of `.env` can have the name
    /// that it goes by.
    pub(crate) fn key(&self, key: &str) -> String {
        self.variable(Names::PROJECT_KEY.key, key)
    }
}
