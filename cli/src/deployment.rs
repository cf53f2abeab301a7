//! One deployment, from what is wished to what its platform holds.
//!
//! Owns the way of the values: out of `.env`, into the blob, and to whoever hands them on. Sizes are checked before
//! the service is asked. It refuses to print, and to choose a platform.

mod variables;

use std::path::{Path, PathBuf};

use capy_client::Service;
use capy_client::credentials::Names;
use capy_protocol::api::{Credential as Held, RegisterRequest, SecretText};
use capy_protocol::blob::Format as BlobFormat;
use capy_protocol::env_map::EnvMap;
use capy_protocol::id::DeployId;
use capy_protocol::mint::{Minted, Minting};
use capy_protocol::wrap::{OUTER_LEN, OuterBlob};
use serde::Serialize;
use zeroize::Zeroizing;

pub(crate) use variables::{Variable, json_object, lines};

use crate::cli::{Credential, Format, Terms};
use crate::disk;
use crate::error::{Error, Result};
use crate::platforms::{self, Guide, Platform, Setting, Signs};
use crate::project::{Project, deadline, env_path, open_env_file, read_env_file, refuse_doubts};
use crate::push::Pushing;
use crate::unstored::Unstored;

/// Where the service is; every platform is told, so that none needs `capy.toml`.
const SERVICE_URL: &str = "CAPY_SERVICE_URL";

/// What a command line says of a deployment; the rest is asked.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Wishes {
    pub(crate) platform: Option<String>,
    pub(crate) environment: Option<String>,
    pub(crate) only: Option<Vec<String>>,
    pub(crate) label: Option<String>,
    #[serde(skip)]
    pub(crate) terms: Terms,
    pub(crate) credential: Credential,
    pub(crate) format: Format,
    pub(crate) split: bool,
    pub(crate) blob_file: Option<PathBuf>,
}

/// What is to be deployed, and how.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) platform: Platform,
    pub(crate) environment: Option<String>,
    /// All variables when there is no list.
    pub(crate) only: Option<Vec<String>>,
    pub(crate) label: Option<String>,
    pub(crate) terms: Terms,
    pub(crate) credential: Credential,
    pub(crate) format: Format,
    pub(crate) blob: BlobPlace,
}

/// What takes the blob.
#[derive(Debug, Clone)]
pub(crate) enum BlobPlace {
    /// One variable.
    Variable,
    /// As many as it needs, each as long as the platform's may be.
    Split,
    /// A file beside the code.
    File(BlobFile),
}

/// Where the blob is written here, and what the platform calls that place.
#[derive(Debug, Clone)]
pub(crate) struct BlobFile {
    pub(crate) path: PathBuf,
    pub(crate) name: String,
}

impl BlobFile {
    /// Its name where nobody chose another.
    pub(crate) const NAME: &str = "capy.blob";

    /// At a path that is the same here and there.
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), name: path.display().to_string() }
    }

    /// At the top of what is deployed.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self { path: folder.join(Self::NAME), name: Self::NAME.into() }
    }
}

impl Wishes {
    /// The whole wish, when nothing is to be asked.
    pub(crate) fn wish(&self) -> Result<Wish> {
        let platform = platforms::find(self.platform.as_deref().ok_or(Error::PlatformMissing)?)?;
        let environment = platform.environment(self.environment.as_deref())?;
        Ok(Wish {
            platform,
            environment,
            only: self.only.clone(),
            label: self.label.clone().or_else(|| self.environment.clone()),
            terms: self.terms.clone(),
            credential: self.credential,
            format: self.format,
            blob: self.blob(),
        })
    }

    /// What takes the blob.
    pub(crate) fn blob(&self) -> BlobPlace {
        match &self.blob_file {
            Some(path) => BlobPlace::File(BlobFile::at(path)),
            None if self.split => BlobPlace::Split,
            None => BlobPlace::Variable,
        }
    }
}

/// A project that deployments are made of, with its values open.
pub(crate) struct Workbench {
    pub(crate) project: Project,
    pub(crate) env_path: PathBuf,
    pub(crate) values: EnvMap,
    pub(crate) service: Service,
    signs: Signs,
}

/// What was minted. Holds the platform's key: wiped on drop.
pub(crate) struct Deployment {
    pub(crate) id: DeployId,
    pub(crate) platform: Platform,
    pub(crate) variables: Vec<Variable>,
    pub(crate) guide: Guide,
    /// Where the blob is to be written, and its text.
    pub(crate) blob_file: Option<(BlobFile, Zeroizing<String>)>,
    environment: Option<String>,
    handed_over: bool,
}

impl Workbench {
    /// Finds the project here, opens its `.env` and its login.
    pub(crate) fn open(env_file: Option<PathBuf>) -> Result<Self> {
        let project = Project::find()?;
        let env_path = env_path(env_file, Some(&project));
        let file = read_env_file(&env_path)?.ok_or_else(|| Error::NoEnvFile { path: env_path.clone() })?;
        refuse_doubts(&file, &env_path)?;
        let values = open_env_file(&file, &env_path, Some(&project))?;
        if values.is_empty() {
            return Err(Error::NothingToDeploy { path: env_path });
        }
        let service = project.service()?;
        let signs = Signs::of(&project.folder());
        Ok(Self { project, env_path, values, service, signs })
    }

    /// The file of the repository that names this platform.
    pub(crate) fn sign_of<'a>(&self, platform: &'a Platform) -> Option<&'a str> {
        self.signs.of_platform(platform)
    }

    /// Refuses what cannot be deployed as it is wished. Asks nobody.
    pub(crate) fn check(&self, wish: &Wish) -> Result<()> {
        let sizes = self.sizes(wish)?;
        let limits = &wish.platform.limits;
        limits.check(&sizes).map_err(|misfit| Error::TooLarge {
            platform: wish.platform.name.clone(),
            misfit,
            source_url: limits.source.clone().unwrap_or_default(),
        })
    }

    /// Registers with the service and seals under its answer.
    pub(crate) fn mint(&self, wish: &Wish) -> Result<Deployment> {
        self.check(wish)?;
        let env = self.select(wish.only.as_deref())?;
        let (id, minted) = match self.try_mint(wish, &env) {
            // The answer to the first try got lost, and its keys with it.
            Err(Error::Client(capy_client::Error::DeployExists { id, .. })) => {
                self.service.revoke(&id, deadline()?)?;
                self.try_mint(wish, &env)?
            }
            result => result?,
        };
        // Should the note fail, the deployment is still good.
        let _ = Unstored::find().and_then(|unstored| unstored.add(&id));
        Ok(self.deployment(wish, id, &minted))
    }

    /// Takes a deployment back.
    pub(crate) fn revoke(&self, id: &DeployId) -> Result<()> {
        self.service.revoke(id, deadline()?)?;
        Unstored::find()?.remove(id)
    }

    /// The variables that are meant; all where there is no list.
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

    /// The bytes of each variable that this would make: minted for nothing, with a wrap that nobody holds.
    pub(crate) fn sizes(&self, wish: &Wish) -> Result<Vec<(&'static str, usize)>> {
        let env = self.select(wish.only.as_deref())?;
        let wrap = OuterBlob::from_bytes(&[1; OUTER_LEN]).expect("version and length are right");
        let minted = begin(wish, &self.project)?.finish(&wrap, &env).map_err(Error::Seal)?;
        let (variables, _) = self.variables(wish, &minted);
        Ok(variables::sizes(&variables))
    }

    /// What `--push` would run. Asks nobody.
    pub(crate) fn commands_of(&self, wish: &Wish, project: Option<&str>) -> Result<Vec<String>> {
        let variables: Vec<_> = self
            .sizes(wish)?
            .into_iter()
            .map(|(name, _)| Variable { name, value: Zeroizing::default() })
            .collect();
        let pushing = Pushing::new(wish.platform.push()?, wish.environment.as_deref(), project, &variables);
        pushing.check()?;
        Ok(pushing.shown())
    }

    fn try_mint(&self, wish: &Wish, env: &EnvMap) -> Result<(DeployId, Minted)> {
        let minting = begin(wish, &self.project)?;
        let id = minting.deploy_id();
        let request = RegisterRequest {
            deploy_id: id,
            project_id: self.project.id().clone(),
            inner_blob: SecretText::from(minting.inner_blob()),
            format: blob_format(wish.format).number(),
            credential: match wish.credential {
                Credential::ProjectKey => Held::ProjectKey,
                Credential::DeployKey => Held::DeployKey,
            },
            label: wish.label.clone(),
            platform: Some(wish.platform.id.into()),
            expires_in: wish.terms.expires.map(|time| time.as_secs()),
            max_uses: wish.terms.max_uses,
            cidrs: wish.terms.cidr.clone(),
        };
        let outer = self.service.register(&request, deadline()?)?;
        let minted = minting.finish(&outer, env).map_err(Error::Seal)?;
        Ok((id, minted))
    }

    fn deployment(&self, wish: &Wish, id: DeployId, minted: &Minted) -> Deployment {
        let (variables, blob_file) = self.variables(wish, minted);
        let names: Vec<_> = variables.iter().map(|variable| variable.name).collect();
        let guide = wish.platform.guide(&Setting {
            environment: wish.environment.as_deref(),
            names: &names,
            commands: &self.signs.commands(),
        });
        Deployment {
            id,
            platform: wish.platform.clone(),
            variables,
            guide,
            blob_file,
            environment: wish.environment.clone(),
            handed_over: false,
        }
    }

    /// In order of name, a blob's parts in their own; the blob apart where a file is to take it.
    fn variables(
        &self,
        wish: &Wish,
        minted: &Minted,
    ) -> (Vec<Variable>, Option<(BlobFile, Zeroizing<String>)>) {
        let (names, key) = match wish.credential {
            Credential::ProjectKey => (Names::PROJECT_KEY, minted.project_key.serialize_hex()),
            Credential::DeployKey => (Names::DEPLOY_KEY, minted.deploy_token.serialize_hex()),
        };
        let blob = Zeroizing::new(minted.blob.serialize());
        let url = Zeroizing::new(self.service.url().as_str().to_owned());
        let mut variables =
            vec![Variable { name: SERVICE_URL, value: url }, Variable { name: names.key, value: key }];
        let mut apart = None;
        match &wish.blob {
            BlobPlace::Variable => variables.push(Variable { name: names.blob, value: blob }),
            BlobPlace::Split => variables.extend(variables::split(names, &blob, wish.platform.limits.value)),
            BlobPlace::File(file) => {
                let name = Zeroizing::new(file.name.clone());
                variables.push(Variable { name: names.blob_file, value: name });
                apart = Some((file.clone(), blob));
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

    /// Their names and bytes.
    pub(crate) fn sizes(&self) -> Vec<(&'static str, usize)> {
        variables::sizes(&self.variables)
    }

    /// Notes that somebody has the values from now on.
    pub(crate) fn hand_over(&mut self) -> Result<()> {
        if !self.handed_over {
            Unstored::find()?.remove(&self.id)?;
            self.handed_over = true;
        }
        Ok(())
    }

    /// Whether anybody ever got the values.
    pub(crate) fn is_handed_over(&self) -> bool {
        self.handed_over
    }

    /// What the platform's own command line would be told.
    pub(crate) fn pushing<'a>(&'a self, project: Option<&'a str>) -> Result<Pushing<'a>> {
        let push = self.platform.push()?;
        Ok(Pushing::new(push, self.environment.as_deref(), project, &self.variables))
    }

    /// Writes the blob's file, where there is one.
    pub(crate) fn write_blob_file(&self) -> Result<()> {
        let Some((file, blob)) = &self.blob_file else {
            return Ok(());
        };
        disk::replace(&file.path, blob.as_bytes(), disk::PRIVATE).map_err(Error::file("write", &file.path))
    }
}

fn begin(wish: &Wish, project: &Project) -> Result<Minting> {
    Minting::begin(blob_format(wish.format), &project.key()?, project.id()).map_err(Error::Seal)
}

fn blob_format(format: Format) -> BlobFormat {
    match format {
        Format::V0 => BlobFormat::V0,
        Format::V1 => BlobFormat::V1,
    }
}
