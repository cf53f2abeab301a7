//! Minting: registers a checked request with the key service, seals the values under the service's
//! answer, and writes the blob to its file if there is one.

use std::sync::atomic::AtomicBool;

use capy_protocol::api::{Credential, RegisterRequest, SecretText};
use capy_protocol::env_map::EnvMap;
use capy_protocol::id::DeployId;
use capy_protocol::mint::Minting;
use zeroize::Zeroizing;

use super::blob_file::{PendingFile, WrittenFile};
use super::context::{CheckedRequest, DeployContext, revoke};
use super::variables::{self, Content, Variable, names_of};
use super::{BlobPlace, DeployRequest, Deployment, Fingerprints};
use crate::error::{Error, Result};
use crate::local::deployments::{Receipt, Receipts, Unclaimed};
use crate::platforms::{Commands, Setting};
use crate::settings::deadline;

/// What registering and sealing results in, as the platform is to hold it.
struct Sealed {
    id: DeployId,
    blob: String,
    key: Zeroizing<String>,
}

impl DeployContext {
    /// Makes the deployment of a checked request.
    pub(crate) fn mint(&self, checked: &CheckedRequest) -> Result<Deployment> {
        let CheckedRequest { request, env, .. } = checked;
        self.check_blob_file_again(checked)?;
        let pending = request.blob.file().map(PendingFile::create).transpose()?;
        let sealed = match self.register_and_seal(request, env) {
            // The first try was registered, but the answer was lost, and with it the keys.
            Err(Error::Client(capy_client::Error::DeployExists { id, .. })) => {
                revoke(&self.service, &id)?;
                self.register_and_seal(request, env)?
            }
            result => result?,
        };
        let write = |file: PendingFile| {
            self.check_blob_file_again(checked)?;
            file.write(sealed.blob.clone())
        };
        let blob_file = pending.map(write).transpose();
        let blob_file = blob_file.inspect_err(|_| {
            // If revoking fails, too, the deployment stays noted as one that nobody holds.
            let _ = revoke(&self.service, &sealed.id);
        })?;
        // Without the receipt, a rotation asks for the options, and a check reports that the
        // contents are not known.
        let _ = self.remember(request, env, &sealed);
        Ok(self.deployment(request, env, &sealed, blob_file))
    }

    fn register_and_seal(&self, request: &DeployRequest, env: &EnvMap) -> Result<Sealed> {
        let minting = Minting::begin(request.format, &self.project.key()?, self.project.id());
        let minting = minting.map_err(Error::Seal)?;
        let id = minting.deploy_id();
        let registration = RegisterRequest {
            deploy_id: id,
            project_id: self.project.id().clone(),
            inner_blob: SecretText::from(minting.inner_blob()),
            format: request.format.number(),
            credential: request.credential,
            label: request.label.clone(),
            platform: Some(request.platform.id.into()),
            expires_in: request.terms.expires.map(|time| time.as_secs()),
            max_uses: request.terms.max_uses,
            cidrs: request.terms.cidr.clone(),
        };
        // Noted before the registration, so that the note is there if this process is killed. If
        // the note cannot be written, the deployment is still good.
        let unclaimed = Unclaimed::find()?;
        let _ = unclaimed.add(&id);
        let outer = self.service.register(&registration, deadline()?).inspect_err(|error| {
            if is_certainly_unregistered(error) {
                let _ = unclaimed.remove(&id);
            }
        })?;
        let minted = minting.finish(&outer, env).map_err(Error::Seal)?;
        let key = match request.credential {
            Credential::ProjectKey => minted.project_key.serialize_hex(),
            Credential::DeployKey => minted.deploy_token.serialize_hex(),
        };
        Ok(Sealed { id, blob: minted.blob.serialize(), key })
    }

    /// Records the options and the fingerprints of the contents, for a check and a rotation.
    fn remember(&self, request: &DeployRequest, env: &EnvMap, sealed: &Sealed) -> Result<()> {
        let fingerprints = Fingerprints::of(&self.project, sealed.id)?;
        let blob_file = match request.blob.file() {
            Some(file) => Some((
                std::path::absolute(&file.path).map_err(Error::file("find", &file.path))?,
                file.name.clone(),
            )),
            None => None,
        };
        let variables = env
            .iter()
            .map(|(name, value)| (name.to_owned(), fingerprints.variable(name, value.expose_secret())));
        let receipt = Receipt {
            environment: request.environment.clone(),
            only: request.only.clone(),
            split: matches!(request.blob, BlobPlace::Split),
            blob_file,
            blob: fingerprints.blob(&sealed.blob),
            key: fingerprints.key(&sealed.key),
            variables: variables.collect(),
        };
        Receipts::find()?.add(&sealed.id, &receipt)
    }

    fn deployment(
        &self,
        request: &DeployRequest,
        env: &EnvMap,
        sealed: &Sealed,
        blob_file: Option<WrittenFile>,
    ) -> Deployment {
        let variables = self.variables(request, sealed);
        let names: Vec<_> = variables.iter().map(|variable| variable.name).collect();
        let guide = request.platform.guide(&Setting {
            environment: request.environment.as_deref(),
            short_id: &sealed.id.short(),
            names: &names,
            commands: &Commands::detect(&self.project.folder()),
        });
        Deployment {
            id: sealed.id,
            platform: request.platform.clone(),
            environment: request.environment.clone(),
            variables,
            guide,
            blob_file,
            preset_notes: request.platform.sets_itself(env.names()),
            key: names_of(request.credential).key,
            delivered: AtomicBool::new(false),
            revoked: AtomicBool::new(false),
        }
    }

    fn variables(&self, request: &DeployRequest, sealed: &Sealed) -> Vec<Variable> {
        let value = |content| match content {
            Content::ServiceUrl => Zeroizing::new(self.service.url().as_str().to_owned()),
            Content::Key => sealed.key.clone(),
            Content::BlobFileName(name) => Zeroizing::new(name.to_owned()),
            Content::Blob(part) => Zeroizing::new(sealed.blob[part].to_owned()),
        };
        let layout = variables::layout(request, &request.blob, sealed.blob.len());
        layout.into_iter().map(|(name, content)| Variable { name, value: value(content) }).collect()
    }
}

/// Whether a registration certainly did not happen.
fn is_certainly_unregistered(error: &capy_client::Error) -> bool {
    use capy_client::Error::{DeployExists, ServiceProtocol, ServiceRefused, ServiceUnreachable};
    match error {
        ServiceUnreachable { .. } | ServiceProtocol { .. } | DeployExists { .. } => false,
        ServiceRefused { status, .. } => *status < 500,
        _ => true,
    }
}
