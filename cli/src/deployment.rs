//! Making a deployment: from the chosen options to the variables that the platform holds.
//!
//! [`DeployContext`] opens the project and checks a request, so that nothing is registered that
//! does not fit its platform. Then it registers the deployment with the key service, and seals the
//! values into the blob. This module does not choose a platform, and prints nothing itself.

mod blob_file;
mod context;
mod mint;
mod request;
mod size;
mod variables;

use std::sync::atomic::{AtomicBool, Ordering};

use capy_client::credentials::Names;
use capy_protocol::api::Deploy;
use capy_protocol::id::DeployId;
use capy_protocol::key::ProjectKey;

pub(crate) use context::{CheckedRequest, DeployContext, revoke};
pub(crate) use request::{BlobFile, BlobPlace, DeployRequest, PartialRequest, Replaces, Terms, lifetime};
pub(crate) use size::SizeCheck;
pub(crate) use variables::{Variable, json_object, lines};

use crate::error::Result;
use crate::local::deployments::Unclaimed;
use crate::platforms::{Guide, Platform};
use crate::project::Project;
use blob_file::WrittenFile;

/// A deployment that was registered and sealed. Its [`Variable`]s hold the platform's key, and are
/// wiped on drop.
pub(crate) struct Deployment {
    pub(crate) id: DeployId,
    pub(crate) platform: Platform,
    pub(crate) environment: Option<String>,
    pub(crate) variables: Vec<Variable>,
    pub(crate) guide: Guide,
    pub(crate) blob_file: Option<WrittenFile>,
    /// Notes on the sealed variables that the platform, or the system there, sets itself.
    pub(crate) preset_notes: Vec<String>,
    /// Name of the variable with the key. Without the key the other variables open nothing.
    key: &'static str,
    delivered: AtomicBool,
    revoked: AtomicBool,
}

impl Deployment {
    /// The first digits of the id: enough for `capy deploy revoke`.
    pub(crate) fn short_id(&self) -> String {
        self.id.short()
    }

    /// Name of each variable, with the length of its value in bytes.
    pub(crate) fn sizes(&self) -> Vec<(&'static str, usize)> {
        self.variables.iter().map(|variable| (variable.name, variable.value.len())).collect()
    }

    /// Notes that somebody has the values now.
    pub(crate) fn mark_delivered(&self) -> Result<()> {
        if !self.delivered.load(Ordering::SeqCst) {
            Unclaimed::find()?.remove(&self.id)?;
            self.delivered.store(true, Ordering::SeqCst);
        }
        Ok(())
    }

    /// [`Deployment::mark_delivered`] if the variable that somebody got is the key: without the key
    /// the others open nothing.
    pub(crate) fn mark_variable_delivered(&self, name: &str) -> Result<()> {
        if name == self.key { self.mark_delivered() } else { Ok(()) }
    }

    /// Whether somebody got the values.
    pub(crate) fn is_delivered(&self) -> bool {
        self.delivered.load(Ordering::SeqCst)
    }

    /// Whether [`DeployContext::revoke_and_restore`] revoked this deployment.
    pub(crate) fn is_revoked(&self) -> bool {
        self.revoked.load(Ordering::SeqCst)
    }

    /// Restores what the blob's file held before, for a deployment that nobody will ever open.
    pub(crate) fn restore_blob_file(&self) -> Result<()> {
        self.blob_file.as_ref().map_or(Ok(()), WrittenFile::restore)
    }
}

/// Why the service refuses the key of a deployment.
pub(crate) enum Refusal {
    Revoked { at: u64 },
    Expired { at: u64 },
    UsedUp,
}

/// Finds the first reason to refuse the key, in the order in which the service checks.
pub(crate) fn refusal(deploy: &Deploy, now: u64) -> Option<Refusal> {
    match (deploy.revoked_at, deploy.expires_at) {
        (Some(at), _) => Some(Refusal::Revoked { at }),
        (None, Some(at)) if at <= now => Some(Refusal::Expired { at }),
        _ => deploy.max_uses.is_some_and(|most| deploy.uses >= most).then_some(Refusal::UsedUp),
    }
}

/// Makes the keyed fingerprints of what one deployment holds, as hexadecimal digits, by which this
/// machine recognises it later. See [`ProjectKey::fingerprint`].
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
