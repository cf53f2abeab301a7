//! One deployment, from what is wished to what its platform holds.
//!
//! Owns the way of the values: out of `.env`, into the blob, and to whoever hands them on. Sizes are checked before
//! the service is asked. It refuses to print, and to choose a platform.

use std::path::PathBuf;

use capy_client::Service;
use capy_client::credentials::Names;
use capy_protocol::api::{Credential as Held, RegisterRequest, SecretText};
use capy_protocol::blob::Format as BlobFormat;
use capy_protocol::env_map::EnvMap;
use capy_protocol::id::DeployId;
use capy_protocol::mint::{Minted, Minting};
use capy_protocol::wrap::{OUTER_LEN, OuterBlob};
use zeroize::Zeroizing;

use crate::cli::{Credential, Format};
use crate::disk;
use crate::error::{Error, Result};
use crate::platforms::{Guide, Platform, Setting, Signs};
use crate::project::{Project, deadline, env_path, open_env_file, read_env_file, refuse_doubts};

/// Where the service is; every platform is told, so that none needs `capy.toml`.
const SERVICE_URL: &str = "CAPY_SERVICE_URL";

/// What is to be deployed, and how.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) platform: Platform,
    pub(crate) environment: Option<String>,
    /// All variables when there is no list.
    pub(crate) only: Option<Vec<String>>,
    pub(crate) label: Option<String>,
    pub(crate) credential: Credential,
    pub(crate) format: Format,
    /// A file that takes the blob, in place of a variable.
    pub(crate) blob_file: Option<PathBuf>,
}

/// A project that deployments are made of, with its values open.
pub(crate) struct Workbench {
    pub(crate) project: Project,
    pub(crate) env_path: PathBuf,
    pub(crate) values: EnvMap,
    pub(crate) service: Service,
    signs: Signs,
}

/// One variable that the platform is to hold. Wiped on drop.
pub(crate) struct Variable {
    pub(crate) name: &'static str,
    pub(crate) value: Zeroizing<String>,
}

/// What was minted. Holds the platform's key: wiped on drop.
pub(crate) struct Deployment {
    pub(crate) id: DeployId,
    pub(crate) platform: Platform,
    pub(crate) variables: Vec<Variable>,
    pub(crate) guide: Guide,
    /// Where the blob is to be written, and its text.
    pub(crate) blob_file: Option<(PathBuf, Zeroizing<String>)>,
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

    /// Refuses what cannot be deployed as it is wished. Asks nobody.
    pub(crate) fn check(&self, wish: &Wish) -> Result<Vec<(&'static str, usize)>> {
        let env = self.select(wish.only.as_deref())?;
        let sizes = self.sizes(wish, &env)?;
        let limits = &wish.platform.limits;
        limits.check(&sizes).map_err(|misfit| Error::TooLarge {
            platform: wish.platform.name.clone(),
            misfit,
            source_url: limits.source.clone().unwrap_or_default(),
        })?;
        Ok(sizes)
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
        Ok(self.deployment(wish, id, &minted))
    }

    /// Takes a deployment back that nobody was told of.
    pub(crate) fn revoke(&self, id: &DeployId) -> Result<()> {
        self.service.revoke(id, deadline()?)?;
        Ok(())
    }

    fn select(&self, only: Option<&[String]>) -> Result<EnvMap> {
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
    fn sizes(&self, wish: &Wish, env: &EnvMap) -> Result<Vec<(&'static str, usize)>> {
        let wrap = OuterBlob::from_bytes(&[1; OUTER_LEN]).expect("version and length are right");
        let minted = begin(wish, &self.project)?.finish(&wrap, env).map_err(Error::Seal)?;
        let (variables, _) = self.variables(wish, &minted);
        Ok(variables.iter().map(|variable| (variable.name, variable.value.len())).collect())
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
        };
        let outer = self.service.register(&request, deadline()?)?;
        let minted = minting.finish(&outer, env).map_err(Error::Seal)?;
        Ok((id, minted))
    }

    fn deployment(&self, wish: &Wish, id: DeployId, minted: &Minted) -> Deployment {
        let (variables, blob) = self.variables(wish, minted);
        let names: Vec<_> = variables.iter().map(|variable| variable.name).collect();
        let guide = wish.platform.guide(&Setting {
            environment: wish.environment.as_deref(),
            names: &names,
            commands: &self.signs.commands(),
        });
        let blob_file = wish.blob_file.clone().zip(blob);
        Deployment { id, platform: wish.platform.clone(), variables, guide, blob_file }
    }

    /// In order of name; the blob apart where a file is to take it.
    fn variables(&self, wish: &Wish, minted: &Minted) -> (Vec<Variable>, Option<Zeroizing<String>>) {
        let (names, key) = match wish.credential {
            Credential::ProjectKey => (Names::PROJECT_KEY, minted.project_key.serialize_hex()),
            Credential::DeployKey => (Names::DEPLOY_KEY, minted.deploy_token.serialize_hex()),
        };
        let blob = Zeroizing::new(minted.blob.serialize());
        let (held, apart) = match &wish.blob_file {
            None => (Variable { name: names.blob, value: blob }, None),
            Some(path) => {
                let path = Zeroizing::new(path.display().to_string());
                (Variable { name: names.blob_file, value: path }, Some(blob))
            }
        };
        let url = Zeroizing::new(self.service.url().as_str().to_owned());
        let mut variables =
            vec![held, Variable { name: names.key, value: key }, Variable { name: SERVICE_URL, value: url }];
        variables.sort_by_key(|variable| variable.name);
        (variables, apart)
    }
}

impl Deployment {
    /// The first digits of the id: enough for `capy deploy revoke`.
    pub(crate) fn short_id(&self) -> String {
        self.id.to_string()[..12].to_owned()
    }

    /// `NAME=value` lines.
    pub(crate) fn lines(&self) -> Zeroizing<String> {
        let size = self.variables.iter().map(|variable| variable.name.len() + variable.value.len() + 2).sum();
        // Room for everything at once: a buffer that grows leaves copies behind that nobody wipes.
        let mut text = Zeroizing::new(String::with_capacity(size));
        for variable in &self.variables {
            for part in [variable.name, "=", &variable.value, "\n"] {
                text.push_str(part);
            }
        }
        text
    }

    /// Writes the blob's file, where there is one.
    pub(crate) fn write_blob_file(&self) -> Result<()> {
        let Some((path, blob)) = &self.blob_file else {
            return Ok(());
        };
        disk::replace(path, blob.as_bytes(), disk::PRIVATE).map_err(Error::file("write", path))
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
