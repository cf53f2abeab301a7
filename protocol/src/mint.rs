//! Making a deployment on the laptop, in two steps: one before and one after the service's answer.

use crate::Result;
use crate::blob::{Format, SecretsBlob};
use crate::env_map::EnvMap;
use crate::id::{DeployId, ProjectId};
use crate::key::{DeployProjectKey, DeployToken, ProjectKey};
use crate::v0;
use crate::wrap::{InnerBlob, OuterBlob};

/// A new deployment with its keys, waiting for the service's outer blob.
#[derive(Debug)]
pub struct Minting {
    format: Format,
    project_id: ProjectId,
    deploy_id: DeployId,
    deploy_token: DeployToken,
    k_d: DeployProjectKey,
    inner_blob: InnerBlob,
}

/// What the platform needs. Only one of the two keys goes there, by the kind of credential.
#[derive(Debug)]
pub struct Minted {
    /// The sealed variables.
    pub blob: SecretsBlob,
    /// `PROJECT_KEY`, for the default credential.
    pub project_key: DeployProjectKey,
    /// `_CAPY_DEPLOY_KEY`, for the deploy-key credential.
    pub deploy_token: DeployToken,
}

impl Minting {
    /// Generates a deploy id and a deploy token, and seals `K_d` under the token.
    ///
    /// # Errors
    /// [`crate::Error::Randomness`].
    pub fn begin(format: Format, key: &ProjectKey, project_id: &ProjectId) -> Result<Self> {
        let deploy_id = DeployId::generate()?;
        let deploy_token = DeployToken::generate()?;
        let k_d = key.deploy_project_key(&deploy_id);
        let inner_blob = match format {
            Format::V0 => v0::seal_inner(&deploy_token, project_id, &k_d)?,
            Format::V1 => InnerBlob::seal(&deploy_token, &deploy_id, project_id, &k_d)?,
        };
        Ok(Self { format, project_id: project_id.clone(), deploy_id, deploy_token, k_d, inner_blob })
    }

    /// The new deployment's id.
    pub fn deploy_id(&self) -> DeployId {
        self.deploy_id
    }

    /// The inner blob, which `POST /deploy` sends.
    pub fn inner_blob(&self) -> &InnerBlob {
        &self.inner_blob
    }

    /// Seals the variables for the outer blob that the service answered with.
    ///
    /// # Errors
    /// [`crate::Error::Randomness`], [`crate::Error::TooLarge`].
    pub fn finish(self, outer_blob: &OuterBlob, env: &EnvMap) -> Result<Minted> {
        let service_key = self.format.service_key(&self.inner_blob, &self.deploy_id, &self.project_id);
        let seal = match self.format {
            Format::V0 => SecretsBlob::seal_v0,
            Format::V1 => SecretsBlob::seal,
        };
        let blob = seal(self.deploy_id, outer_blob, &self.k_d, &service_key, env)?;
        Ok(Minted { blob, project_key: self.k_d, deploy_token: self.deploy_token })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env_map::SecretValue;
    use crate::wrap::WrapRoots;

    #[test]
    fn what_is_minted_opens_with_either_credential() {
        let roots = WrapRoots::parse(&format!("9:{}", "11".repeat(32))).unwrap();
        let project = ProjectId::parse("prj_a").unwrap();
        let mut env = EnvMap::new();
        env.try_insert("A", SecretValue::new("\"\n$</script>🦫".into())).unwrap();
        for format in [Format::V0, Format::V1] {
            let minting = Minting::begin(format, &ProjectKey::new([5; 32]), &project).unwrap();
            let id = minting.deploy_id();
            let outer = roots.wrap(&id, &project, minting.inner_blob()).unwrap();
            let minted = minting.finish(&outer, &env).unwrap();

            let blob = SecretsBlob::parse(&minted.blob.serialize()).unwrap();
            let outer = OuterBlob::from_bytes(blob.outer_blob()).unwrap();
            let inner = roots.unwrap_outer(&outer, &id, &project).unwrap();
            let service_key = format.service_key(&inner, &id, &project);
            assert_eq!(blob.open(&minted.project_key, &service_key).unwrap(), env);
            let k_d = format.open_inner(&inner, &minted.deploy_token, &id, &project).unwrap();
            assert_eq!(k_d, minted.project_key);
        }
    }

    #[test]
    fn two_deployments_of_one_project_share_no_key() {
        let project = ProjectId::parse("prj_a").unwrap();
        let mint = || Minting::begin(Format::V1, &ProjectKey::new([5; 32]), &project).unwrap();
        assert_ne!(mint().k_d, mint().k_d);
    }
}
