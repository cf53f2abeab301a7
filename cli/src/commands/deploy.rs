//! `capy deploy`: mints one deployment of `.env` and prints what its platform is to hold.
//!
//! It opens `.env`, registers with the service, seals under its answer, and prints. A deployment whose variables
//! could not be printed is revoked again: nobody would know of it.

use std::collections::BTreeMap;

use capy_client::Service;
use capy_client::credentials::Names;
use capy_protocol::api::{Credential as Held, RegisterRequest, SecretText};
use capy_protocol::blob::Format as BlobFormat;
use capy_protocol::env_map::EnvMap;
use capy_protocol::id::DeployId;
use capy_protocol::mint::{Minted, Minting};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::cli::{Credential, Format, Mint};
use crate::error::{Error, Result};
use crate::platforms::{self, Pattern, Platform};
use crate::printer;
use crate::project::{Project, deadline, env_path, open_env_file, read_env_file, refuse_doubts};

pub(super) fn run(arguments: Mint) -> Result<()> {
    let platform = platforms::find(arguments.platform.as_deref().unwrap_or_default())?;
    if !arguments.print && !arguments.json {
        return Err(Error::NoOutput);
    }
    let project = Project::find()?;
    let env = variables(&arguments, &project)?;
    let service = project.service()?;
    let (id, minted) = mint(&service, &project, &arguments, &platform, &env)?;
    let output = Output::new(&service, id, &minted, &arguments, &platform);
    let text = if arguments.json { output.json() } else { output.lines() };
    if let Err(error) = printer::data(&text) {
        if let Err(fault) = service.revoke(&id, deadline()?) {
            printer::note(&format!("warning: deployment {id} could not be revoked again: {fault}"));
        }
        return Err(error);
    }
    if arguments.print {
        explain(&platform, &id, &output);
    }
    Ok(())
}

fn variables(arguments: &Mint, project: &Project) -> Result<EnvMap> {
    let path = env_path(arguments.file.env_file.clone(), Some(project));
    let file = read_env_file(&path)?.ok_or_else(|| Error::NoEnvFile { path: path.clone() })?;
    refuse_doubts(&file, &path)?;
    let all = open_env_file(&file, &path, Some(project))?;
    let Some(only) = &arguments.only else {
        return if all.is_empty() { Err(Error::NothingToDeploy { path }) } else { Ok(all) };
    };
    let mut env = EnvMap::new();
    for name in only {
        let value =
            all.get(name).ok_or_else(|| Error::NameNotFound { name: name.clone(), path: path.clone() })?;
        env.try_insert(name, value.clone()).map_err(|_| Error::ValueUnusable)?;
    }
    Ok(env)
}

/// Registers and seals. When the answer to a registration got lost, the id is taken and its keys are gone: that
/// one is revoked and another is drawn, once.
fn mint(
    service: &Service,
    project: &Project,
    arguments: &Mint,
    platform: &Platform,
    env: &EnvMap,
) -> Result<(DeployId, Minted)> {
    match try_mint(service, project, arguments, platform, env) {
        Err(Error::Client(capy_client::Error::DeployExists { id, .. })) => {
            service.revoke(&id, deadline()?)?;
            try_mint(service, project, arguments, platform, env)
        }
        result => result,
    }
}

fn try_mint(
    service: &Service,
    project: &Project,
    arguments: &Mint,
    platform: &Platform,
    env: &EnvMap,
) -> Result<(DeployId, Minted)> {
    let format = match arguments.format {
        Format::V0 => BlobFormat::V0,
        Format::V1 => BlobFormat::V1,
    };
    let minting = Minting::begin(format, &project.key()?, project.id()).map_err(Error::Seal)?;
    let id = minting.deploy_id();
    let request = RegisterRequest {
        deploy_id: id,
        project_id: project.id().clone(),
        inner_blob: SecretText::from(minting.inner_blob()),
        format: format.number(),
        credential: match arguments.credential {
            Credential::ProjectKey => Held::ProjectKey,
            Credential::DeployKey => Held::DeployKey,
        },
        label: arguments.label.clone(),
        platform: Some(platform.id.clone()),
    };
    let outer = service.register(&request, deadline()?)?;
    let minted = minting.finish(&outer, env).map_err(Error::Seal)?;
    Ok((id, minted))
}

/// What is printed. Holds the platform's key: wiped on drop.
struct Output {
    deploy_id: DeployId,
    platform: String,
    command: String,
    variables: BTreeMap<&'static str, Zeroizing<String>>,
}

#[derive(Serialize)]
struct Json<'a> {
    deploy_id: &'a DeployId,
    platform: &'a str,
    command: &'a str,
    variables: BTreeMap<&'static str, &'a str>,
}

impl Output {
    fn new(service: &Service, id: DeployId, minted: &Minted, arguments: &Mint, platform: &Platform) -> Self {
        let (names, key) = match arguments.credential {
            Credential::ProjectKey => (Names::PROJECT_KEY, minted.project_key.serialize_hex()),
            Credential::DeployKey => (Names::DEPLOY_KEY, minted.deploy_token.serialize_hex()),
        };
        let url = Zeroizing::new(service.url().as_str().to_owned());
        Self {
            deploy_id: id,
            platform: platform.id.clone(),
            command: platform.command.clone(),
            variables: BTreeMap::from([
                (names.blob, Zeroizing::new(minted.blob.serialize())),
                (names.key, key),
                ("CAPY_SERVICE_URL", url),
            ]),
        }
    }

    fn lines(&self) -> Zeroizing<String> {
        let size = self.variables.values().map(|value| value.len() + 32).sum();
        let mut text = Zeroizing::new(String::with_capacity(size));
        for (name, value) in &self.variables {
            for part in [name, "=", value, "\n"] {
                text.push_str(part);
            }
        }
        text
    }

    fn json(&self) -> Zeroizing<String> {
        let json = Json {
            deploy_id: &self.deploy_id,
            platform: &self.platform,
            command: &self.command,
            variables: self.variables.iter().map(|(name, value)| (*name, value.as_str())).collect(),
        };
        let mut text = Zeroizing::new(serde_json::to_string_pretty(&json).expect("strings are always JSON"));
        text.push('\n');
        text
    }

    fn longest(&self) -> usize {
        self.variables.values().map(|value| value.len()).max().unwrap_or(0)
    }
}

fn explain(platform: &Platform, id: &DeployId, output: &Output) {
    let short = &id.to_string()[..12];
    let when = match platform.pattern {
        Pattern::Build => "the build opens the secrets and bakes them into the server",
        Pattern::Boot => "the program opens the secrets when it starts",
    };
    printer::note(&format!("\ndeployment {short} for {}: {when}", platform.name));
    for (index, step) in platform.steps.iter().enumerate() {
        printer::note(&format!("  {}. {step}", index + 1));
    }
    printer::note(&format!("     {}", platform.command));
    if !platform.docs.is_empty() {
        printer::note(&format!("     see {}", platform.docs));
    }
    match platform.max_bytes {
        Some(max) if output.longest() > max => printer::note(&format!(
            "warning: the blob has {} bytes and {} takes {max} in one variable\n\nhint: deploy fewer variables with --only",
            output.longest(),
            platform.name
        )),
        _ => {}
    }
    printer::note(&format!("to take it back: capy deploy revoke {short}"));
}
