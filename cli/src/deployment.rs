//! Making a deployment: from the chosen options to the variables that the platform holds.
//!
//! This module takes the values from `.env`, seals them into the blob, and returns the variables to
//! whoever hands them on. It checks sizes before it registers anything with the service. It does
//! not choose a platform, and prints nothing itself.

mod blob_file;
mod fit;
mod variables;
mod wish;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use capy_client::Service;
use capy_client::credentials::Names;
use capy_protocol::api::{Credential, RegisterRequest, SecretText};
use capy_protocol::env_map::EnvMap;
use capy_protocol::id::DeployId;
use capy_protocol::mint::{Minted, Minting};
use zeroize::Zeroizing;

pub(crate) use fit::Fit;
pub(crate) use variables::{Variable, json_object, lines};
pub(crate) use wish::{BlobFile, BlobPlace, Replaces, Terms, Wish, Wishes, lifetime};

use crate::env_file::open::{env_path, open_env_file, read_env_file, refuse_doubts};
use crate::env_file::text::Pipes;
use crate::error::{DeploymentFault as Fault, Error, Result};
use crate::local::receipts::{Record, Records};
use crate::local::unclaimed::Unstored;
use crate::platforms::{Guide, Platform, Setting, Signs};
use crate::project::Project;
use crate::settings::deadline;
use blob_file::{Placed, Room};

/// Variable with the service's URL. Every platform gets it, so that none needs `capy.toml`.
const SERVICE_URL: &str = "CAPY_SERVICE_URL";
/// Names that the blob and the key have when their marks are made. No variable of `.env` can have
/// such a name.
pub(crate) const BLOB_MARK: &str = Names::PROJECT_KEY.blob;
pub(crate) const KEY_MARK: &str = Names::PROJECT_KEY.key;

/// A project with its decrypted values and its service, from which deployments are made.
pub(crate) struct Workbench {
    pub(crate) project: Project,
    pub(crate) env_path: PathBuf,
    pub(crate) values: EnvMap,
    pub(crate) service: Service,
    signs: Signs,
}

/// A deployment that was registered and sealed. Its [`Variable`]s hold the platform's key, and are
/// wiped on drop.
pub(crate) struct Deployment {
    pub(crate) id: DeployId,
    pub(crate) platform: Platform,
    pub(crate) environment: Option<String>,
    pub(crate) variables: Vec<Variable>,
    pub(crate) guide: Guide,
    pub(crate) blob_file: Option<Placed>,
    /// Notes on the sealed variables that the platform, or the system there, sets itself.
    pub(crate) set_there: Vec<String>,
    /// Name of the variable with the key. Without the key the other variables open nothing.
    key: &'static str,
    handed_over: AtomicBool,
    revoked: AtomicBool,
}

impl Workbench {
    /// Finds the project of the current folder, decrypts its `.env` and finds its API token.
    pub(crate) fn open(env_file: Option<PathBuf>) -> Result<Self> {
        let project = Project::find()?;
        let pipes = Pipes::of(env_file.as_ref());
        let env_path = env_path(env_file, Some(&project));
        let file =
            read_env_file(&env_path, pipes)?.ok_or_else(|| Error::NoEnvFile { path: env_path.clone() })?;
        refuse_doubts(&file, &env_path)?;
        let values = open_env_file(&file, &env_path, Some(&project))?;
        if values.is_empty() {
            return Err(Error::NothingToDeploy { path: env_path });
        }
        project.require_allowed()?;
        let service = project.service()?;
        let signs = Signs::of(&project.folder());
        Ok(Self { project, env_path, values, service, signs })
    }

    /// The file of the repository that shows that it is deployed on this platform, if there is one.
    pub(crate) fn sign_of<'a>(&self, platform: &'a Platform) -> Option<&'a str> {
        self.signs.of_platform(platform)
    }

    /// Checks that a deployment can be made as wished: that it fits the platform, and that a file
    /// for the blob does not hold the blob of another live deployment.
    ///
    /// The service is called only to find out whether that other deployment is live.
    pub(crate) fn check(&self, wish: &Wish) -> Result<()> {
        self.check_fit(wish, &self.fit(wish)?)
    }

    /// [`Workbench::check`] with sizes that are known already.
    pub(crate) fn check_fit(&self, wish: &Wish, fit: &Fit) -> Result<()> {
        if let Some(misfit) = &fit.misfit {
            return Err(Error::TooLarge {
                platform: wish.platform.name.clone(),
                misfit: misfit.clone(),
                source_url: wish.platform.limits.source.clone().unwrap_or_default(),
                ways: fit.ways,
            });
        }
        wish.blob.file().map_or(Ok(()), |file| self.check_blob_file(file))
    }

    fn check_blob_file(&self, file: &BlobFile) -> Result<()> {
        let Some(holder) = blob_file::holder(&file.path)? else {
            return Ok(());
        };
        if file.replaces == Replaces::Any || file.replaces == Replaces::One(holder) {
            return Ok(());
        }
        let deploys = self.service.list(self.project.id(), deadline()?)?;
        let is_live = deploys.iter().any(|one| one.deploy_id == holder && one.revoked_at.is_none());
        if is_live {
            return Err(Fault::BlobFileInUse { path: file.path.clone(), short: holder.short() }.into());
        }
        Ok(())
    }

    /// Registers a deployment with the service, seals the values under the service's answer, and
    /// writes the blob to its file if there is one.
    pub(crate) fn mint(&self, wish: &Wish) -> Result<Deployment> {
        self.check(wish)?;
        let env = self.select(wish.only.as_deref())?;
        let room = wish.blob.file().map(Room::make).transpose()?;
        let (id, minted) = match self.try_mint(wish, &env) {
            // The first try was registered, but the answer was lost, and with it the keys.
            Err(Error::Client(capy_client::Error::DeployExists { id, .. })) => {
                self.revoke(&id)?;
                self.try_mint(wish, &env)?
            }
            result => result?,
        };
        let (variables, blob) = self.variables(wish, &wish.blob, &minted);
        let blob_file = match room.zip(blob).map(|(room, blob)| room.fill(blob)).transpose() {
            Ok(placed) => placed,
            Err(error) => {
                // If revoking fails, too, the deployment stays noted as one that nobody holds.
                let _ = self.revoke(&id);
                return Err(error);
            }
        };
        // Without the record, a rotation asks for the options, and a check reports that the
        // contents are not known.
        let _ = self.remember(wish, &id, &minted, &env);
        Ok(self.deployment(wish, id, variables, blob_file, &env))
    }

    /// Revokes a deployment, and removes what this machine remembers of it.
    pub(crate) fn revoke(&self, id: &DeployId) -> Result<()> {
        self.service.revoke(id, deadline()?)?;
        Unstored::find()?.remove(id)?;
        Records::find()?.remove(id)
    }

    /// Revokes a deployment that was just made, and restores what the blob's file held before.
    pub(crate) fn take_back(&self, deployment: &Deployment) -> Result<()> {
        self.revoke(&deployment.id)?;
        deployment.revoked.store(true, Ordering::SeqCst);
        deployment.take_back_blob()
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

    fn try_mint(&self, wish: &Wish, env: &EnvMap) -> Result<(DeployId, Minted)> {
        let minting = begin(wish, &self.project)?;
        let id = minting.deploy_id();
        let request = RegisterRequest {
            deploy_id: id,
            project_id: self.project.id().clone(),
            inner_blob: SecretText::from(minting.inner_blob()),
            format: wish.format.number(),
            credential: wish.credential,
            label: wish.label.clone(),
            platform: Some(wish.platform.id.into()),
            expires_in: wish.terms.expires.map(|time| time.as_secs()),
            max_uses: wish.terms.max_uses,
            cidrs: wish.terms.cidr.clone(),
        };
        // Noted before the registration, so that the note is there if this process is killed. If
        // the note cannot be written, the deployment is still good.
        let unstored = Unstored::find()?;
        let _ = unstored.add(&id);
        let outer = self.service.register(&request, deadline()?).inspect_err(|error| {
            if is_final(error) {
                let _ = unstored.remove(&id);
            }
        })?;
        let minted = minting.finish(&outer, env).map_err(Error::Seal)?;
        Ok((id, minted))
    }

    fn remember(&self, wish: &Wish, id: &DeployId, minted: &Minted, env: &EnvMap) -> Result<()> {
        let key = self.project.key()?;
        let mark = |name: &str, value: &str| hex::encode(key.mark(id, name, value));
        let blob_file = match wish.blob.file() {
            Some(file) => Some((
                std::path::absolute(&file.path).map_err(Error::file("find", &file.path))?,
                file.name.clone(),
            )),
            None => None,
        };
        let held = match wish.credential {
            Credential::ProjectKey => minted.project_key.serialize_hex(),
            Credential::DeployKey => minted.deploy_token.serialize_hex(),
        };
        let record = Record {
            environment: wish.environment.clone(),
            only: wish.only.clone(),
            split: matches!(wish.blob, BlobPlace::Split),
            blob_file,
            blob: mark(BLOB_MARK, &minted.blob.serialize()),
            key: mark(KEY_MARK, &held),
            variables: env
                .iter()
                .map(|(name, value)| (name.to_owned(), mark(name, value.expose_secret())))
                .collect(),
        };
        Records::find()?.add(id, &record)
    }

    fn deployment(
        &self,
        wish: &Wish,
        id: DeployId,
        variables: Vec<Variable>,
        blob_file: Option<Placed>,
        inside: &EnvMap,
    ) -> Deployment {
        let names: Vec<_> = variables.iter().map(|variable| variable.name).collect();
        let guide = wish.platform.guide(&Setting {
            environment: wish.environment.as_deref(),
            short_id: &id.short(),
            names: &names,
            commands: &self.signs.commands(),
        });
        Deployment {
            id,
            platform: wish.platform.clone(),
            environment: wish.environment.clone(),
            variables,
            guide,
            blob_file,
            set_there: wish.platform.sets_itself(inside.names()),
            key: names_of(wish.credential).key,
            handed_over: AtomicBool::new(false),
            revoked: AtomicBool::new(false),
        }
    }

    /// The platform's variables in order of their names, the parts of a split blob in their own
    /// order. If a file is to hold the blob, the blob is returned separately.
    fn variables(&self, wish: &Wish, place: &BlobPlace, minted: &Minted) -> (Vec<Variable>, Option<String>) {
        let names = names_of(wish.credential);
        let key = match wish.credential {
            Credential::ProjectKey => minted.project_key.serialize_hex(),
            Credential::DeployKey => minted.deploy_token.serialize_hex(),
        };
        let url = Zeroizing::new(self.service.url().as_str().to_owned());
        let blob = minted.blob.serialize();
        let mut variables =
            vec![Variable { name: SERVICE_URL, value: url }, Variable { name: names.key, value: key }];
        let mut apart = None;
        match place {
            BlobPlace::Variable => variables.push(Variable { name: names.blob, value: blob.into() }),
            BlobPlace::Split => variables.extend(variables::split(names, &blob, wish.platform.limits.cut())),
            BlobPlace::File(file) => {
                variables.push(Variable { name: names.blob_file, value: file.name.clone().into() });
                apart = Some(blob);
            }
        }
        (variables, apart)
    }
}

impl Deployment {
    /// The first digits of the id: enough for `capy deploy revoke`.
    pub(crate) fn short_id(&self) -> String {
        self.id.short()
    }

    /// Name of each variable, with the length of its value in bytes.
    pub(crate) fn sizes(&self) -> Vec<(&'static str, usize)> {
        variables::sizes(&self.variables)
    }

    /// Notes that somebody holds the values now.
    pub(crate) fn hand_over(&self) -> Result<()> {
        if !self.handed_over.load(Ordering::SeqCst) {
            Unstored::find()?.remove(&self.id)?;
            self.handed_over.store(true, Ordering::SeqCst);
        }
        Ok(())
    }

    /// [`Deployment::hand_over`] if the variable is the key: without the key the others open
    /// nothing.
    pub(crate) fn hand_over_one(&self, name: &str) -> Result<()> {
        if name == self.key { self.hand_over() } else { Ok(()) }
    }

    /// Whether the values were handed over.
    pub(crate) fn is_handed_over(&self) -> bool {
        self.handed_over.load(Ordering::SeqCst)
    }

    /// Whether [`Workbench::take_back`] revoked this deployment.
    pub(crate) fn is_revoked(&self) -> bool {
        self.revoked.load(Ordering::SeqCst)
    }

    /// Restores what the blob's file held before, for a deployment that nobody will ever open.
    pub(crate) fn take_back_blob(&self) -> Result<()> {
        self.blob_file.as_ref().map_or(Ok(()), Placed::take_back)
    }
}

/// Whether a registration certainly did not happen.
fn is_final(error: &capy_client::Error) -> bool {
    use capy_client::Error::{DeployExists, ServiceProtocol, ServiceRefused, ServiceUnreachable};
    match error {
        ServiceUnreachable { .. } | ServiceProtocol { .. } | DeployExists { .. } => false,
        ServiceRefused { status, .. } => *status < 500,
        _ => true,
    }
}

fn names_of(credential: Credential) -> Names {
    match credential {
        Credential::ProjectKey => Names::PROJECT_KEY,
        Credential::DeployKey => Names::DEPLOY_KEY,
    }
}

fn begin(wish: &Wish, project: &Project) -> Result<Minting> {
    Minting::begin(wish.format, &project.key()?, project.id()).map_err(Error::Seal)
}
