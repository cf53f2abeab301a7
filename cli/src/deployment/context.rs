//! The project that is deployed: its decrypted values, its key service, and the checks that every
//! request passes before it is minted.

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use capy_client::Service;
use capy_protocol::env_map::EnvMap;
use capy_protocol::id::DeployId;

use super::blob_file;
use super::{DeployRequest, Deployment, Replaces, SizeCheck};
use crate::env_file::open::{env_path, open_env_file, read_env_file, refuse_ambiguities};
use crate::env_file::text::PipeInput;
use crate::error::{DeploymentFault, Error, Result};
use crate::local::deployments::{Receipts, Unclaimed};
use crate::project::Project;
use crate::settings::deadline;

/// A project with its decrypted values and its service, from which deployments are made.
pub(crate) struct DeployContext {
    pub(crate) project: Project,
    pub(crate) env_path: PathBuf,
    pub(crate) values: EnvMap,
    pub(crate) service: Service,
}

/// A request that fits its platform and may write its blob's file. Only such a request is minted.
pub(crate) struct CheckedRequest {
    pub(crate) request: DeployRequest,
    /// The variables that the request selects.
    pub(super) env: EnvMap,
    /// The names of the variables that the platform is to hold.
    pub(crate) names: Vec<&'static str>,
    /// The deployment whose blob the file for the blob held.
    pub(super) blob_holder: Option<DeployId>,
}

impl DeployContext {
    /// Finds the project of the current folder, decrypts its `.env` and finds its API token.
    pub(crate) fn open(env_file: Option<PathBuf>) -> Result<Self> {
        let project = Project::find()?;
        let pipes = PipeInput::of(env_file.as_ref());
        let env_path = env_path(env_file, Some(&project));
        let file =
            read_env_file(&env_path, pipes)?.ok_or_else(|| Error::NoEnvFile { path: env_path.clone() })?;
        refuse_ambiguities(&file, &env_path)?;
        let values = open_env_file(&file, &env_path, Some(&project))?;
        if values.is_empty() {
            return Err(Error::NothingToDeploy { path: env_path });
        }
        project.require_allowed()?;
        let service = project.service()?;
        Ok(Self { project, env_path, values, service })
    }

    /// Checks that a deployment can be made as requested: that it fits its platform, and that the
    /// file for the blob may be written. If that file holds the blob of another live deployment,
    /// `confirm_overwrite` gets the error for it, and returns it or allows to overwrite the file.
    ///
    /// The service is called only to find out whether that other deployment is live.
    pub(crate) fn check(
        &self,
        request: DeployRequest,
        confirm_overwrite: impl FnOnce(Error) -> Result<()>,
    ) -> Result<CheckedRequest> {
        // Without the key nobody should have to answer questions first.
        self.project.key()?;
        let env = self.select(request.only.as_deref())?;
        let size = SizeCheck::new(&request, &env, self.service.url());
        size.require(&request.platform)?;
        let blob_holder = blob_holder(&request)?;
        match self.check_blob_holder(&request, blob_holder) {
            Err(error @ Error::Deployment(DeploymentFault::BlobFileInUse { .. })) => {
                confirm_overwrite(error)?;
            }
            result => result?,
        }
        let names = size.sizes.iter().map(|(name, _)| *name).collect();
        Ok(CheckedRequest { request, env, names, blob_holder })
    }

    /// The sizes of the requested variables, compared with the platform's limits.
    pub(crate) fn check_size(&self, request: &DeployRequest) -> Result<SizeCheck> {
        self.project.key()?;
        let env = self.select(request.only.as_deref())?;
        Ok(SizeCheck::new(request, &env, self.service.url()))
    }

    /// Checks the file for the blob again if another run has written it since the request was
    /// checked.
    pub(super) fn check_blob_file_again(&self, checked: &CheckedRequest) -> Result<()> {
        let holder = blob_holder(&checked.request)?;
        if holder == checked.blob_holder { Ok(()) } else { self.check_blob_holder(&checked.request, holder) }
    }

    /// Checks that the file for the blob, if there is one, is missing or empty, or holds the blob
    /// of a deployment that is revoked or that the request replaces.
    pub(crate) fn check_blob_file(&self, request: &DeployRequest) -> Result<()> {
        self.check_blob_holder(request, blob_holder(request)?)
    }

    /// [`DeployContext::check_blob_file`], where the deployment whose blob the file holds is known.
    fn check_blob_holder(&self, request: &DeployRequest, holder: Option<DeployId>) -> Result<()> {
        let Some((file, holder)) = request.blob.file().zip(holder) else {
            return Ok(());
        };
        if file.replaces == Replaces::Any || file.replaces == Replaces::One(holder) {
            return Ok(());
        }
        let deploys = self.service.list(self.project.id(), deadline()?)?;
        let is_live = deploys.iter().any(|one| one.deploy_id == holder && one.revoked_at.is_none());
        if is_live {
            let (path, short) = (file.path.clone(), holder.short());
            return Err(DeploymentFault::BlobFileInUse { path, short }.into());
        }
        Ok(())
    }

    /// The variables that are named; all of them if there is no list.
    pub(crate) fn select(&self, only: Option<&[String]>) -> Result<EnvMap> {
        let Some(only) = only else {
            return Ok(self.values.clone());
        };
        let mut env = EnvMap::new();
        for name in only {
            let value = self.values.get(name);
            let value = value
                .ok_or_else(|| Error::NameNotFound { name: name.clone(), path: self.env_path.clone() })?;
            env.try_insert(name, value.clone()).map_err(|_| Error::ValueUnusable)?;
        }
        if env.is_empty() { Err(Error::NothingToDeploy { path: self.env_path.clone() }) } else { Ok(env) }
    }

    /// Revokes a deployment that was just made, and restores what the blob's file held before.
    pub(crate) fn revoke_and_restore(&self, deployment: &Deployment) -> Result<()> {
        revoke(&self.service, &deployment.id)?;
        deployment.revoked.store(true, Ordering::SeqCst);
        deployment.restore_blob_file()
    }
}

/// The deployment whose blob is in the file for the blob, if there is such a file.
fn blob_holder(request: &DeployRequest) -> Result<Option<DeployId>> {
    request.blob.file().map_or(Ok(None), |file| blob_file::holder(&file.path))
}

/// Revokes a deployment, and removes what this machine remembers of it.
pub(crate) fn revoke(service: &Service, id: &DeployId) -> Result<()> {
    service.revoke(id, deadline()?)?;
    Unclaimed::find()?.remove(id)?;
    Receipts::find()?.remove(id)
}
