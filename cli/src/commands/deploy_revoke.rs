//! `capy deploy revoke`: by the id, or by enough of its first digits to mean one deployment.

use capy_protocol::api::Deploy;
use capy_protocol::id::DeployId;

use crate::cli::DeployRevoke;
use crate::error::{Error, Result};
use crate::printer;
use crate::project::{Project, deadline};

const SHORTEST: usize = 4;

pub(super) fn run(arguments: &DeployRevoke) -> Result<()> {
    let project = Project::find()?;
    let prefix = parse(&arguments.id)?;
    let service = project.service()?;
    let id = match DeployId::parse(&prefix) {
        Ok(id) => id,
        Err(_) => choose(&prefix, &service.list(project.id(), deadline()?)?.deploys)?,
    };
    service.revoke(&id, deadline()?)?;
    printer::note(&format!(
        "deployment {} is revoked: no key is released for it from now on",
        &id.to_string()[..12]
    ));
    Ok(())
}

fn parse(text: &str) -> Result<String> {
    let prefix = text.trim().trim_end_matches('…').to_ascii_lowercase();
    let hex = prefix.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !hex || !(SHORTEST..=64).contains(&prefix.len()) {
        return Err(Error::PrefixMalformed { prefix: text.into() });
    }
    Ok(prefix)
}

/// The one deployment that is meant. A live one is preferred: a revoked one needs no revoking.
fn choose(prefix: &str, deploys: &[Deploy]) -> Result<DeployId> {
    let begins = |deploy: &&Deploy| deploy.deploy_id.to_string().starts_with(prefix);
    let found: Vec<_> = deploys.iter().filter(begins).collect();
    let live: Vec<_> = found.iter().filter(|deploy| deploy.revoked_at.is_none()).copied().collect();
    match (&found[..], &live[..]) {
        ([], _) => Err(Error::PrefixUnknown { prefix: prefix.into() }),
        ([only], _) | (_, [only]) => Ok(only.deploy_id),
        _ => Err(Error::PrefixAmbiguous {
            prefix: prefix.into(),
            candidates: found.iter().map(|deploy| describe(deploy)).collect(),
        }),
    }
}

fn describe(deploy: &Deploy) -> String {
    let platform = deploy.platform.as_deref().unwrap_or("-");
    let state = if deploy.revoked_at.is_some() { "revoked" } else { "live" };
    let platform: String = platform.chars().filter(|c| !c.is_control()).collect();
    format!("  {}  {platform}  {state}", deploy.deploy_id)
}
