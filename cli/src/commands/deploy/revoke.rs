//! `capy deploy revoke`: revokes one deployment, by its id or enough of its first digits, or all at
//! once.

use capy_protocol::api::Deploy;
use capy_protocol::id::DeployId;
use capy_protocol::terminal_text::is_terminal_control;

use crate::cli::DeployRevoke;
use crate::deployment;
use crate::error::{Error, Result};
use crate::project::Project;
use crate::settings::deadline;
use crate::{input, printer};

/// The fewest digits by which a deployment is named.
const SHORTEST_PREFIX: usize = 4;

pub(in crate::commands) fn run(arguments: &DeployRevoke) -> Result<()> {
    let project = Project::find()?;
    let Some(id) = &arguments.id else {
        return revoke_all(&project, arguments.yes);
    };
    let prefix = parse(id)?;
    let service = project.service()?;
    let id = match DeployId::parse(&prefix) {
        Ok(id) => id,
        Err(_) => choose(&prefix, &service.list(project.id(), deadline()?)?)?.deploy_id,
    };
    deployment::revoke(&service, &id)?;
    printer::note(&format!(
        "deployment {} is revoked: from now on the service releases no key for it",
        id.short()
    ));
    Ok(())
}

fn revoke_all(project: &Project, yes: bool) -> Result<()> {
    let service = project.service()?;
    input::confirm(&format!("revoke every deployment of {}?", project.id()), yes)?;
    let revoked = service.revoke_all(project.id(), deadline()?)?;
    printer::note(&format!(
        "{revoked} {} revoked: from now on the service releases no key for this project",
        if revoked == 1 { "deployment is" } else { "deployments are" }
    ));
    Ok(())
}

pub(super) fn parse(text: &str) -> Result<String> {
    let prefix = text.trim().trim_end_matches('…').to_ascii_lowercase();
    let hex = prefix.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !hex || !(SHORTEST_PREFIX..=64).contains(&prefix.len()) {
        return Err(Error::PrefixMalformed { prefix: text.into() });
    }
    Ok(prefix)
}

/// Finds the one deployment whose id begins so. Of several none is chosen, even if all but one are
/// revoked: the digits may be copied from another one's line in the list.
pub(super) fn choose<'a>(prefix: &str, deploys: &'a [Deploy]) -> Result<&'a Deploy> {
    let begins = |deploy: &&Deploy| deploy.deploy_id.to_string().starts_with(prefix);
    let found: Vec<_> = deploys.iter().filter(begins).collect();
    match found[..] {
        [] => Err(Error::PrefixUnknown { prefix: prefix.into() }),
        [only] => Ok(only),
        _ => Err(Error::PrefixAmbiguous {
            prefix: prefix.into(),
            candidates: found.iter().map(|deploy| describe(deploy)).collect(),
        }),
    }
}

fn describe(deploy: &Deploy) -> String {
    let platform = deploy.platform.as_deref().unwrap_or("-");
    let state = if deploy.revoked_at.is_some() { "revoked" } else { "live" };
    let platform: String = platform.chars().filter(|c| !is_terminal_control(*c)).collect();
    format!("  {}  {platform}  {state}", deploy.deploy_id)
}

#[cfg(test)]
mod tests {
    use capy_protocol::api::Credential;

    use super::*;

    fn deploy(id: &str, revoked_at: Option<u64>) -> Deploy {
        Deploy {
            deploy_id: DeployId::parse(&format!("{id:0<64}")).unwrap(),
            label: None,
            platform: None,
            credential: Credential::ProjectKey,
            format: 1,
            created_at: 0,
            last_used_at: None,
            uses: 0,
            revoked_at,
            expires_at: None,
            max_uses: None,
            cidrs: Vec::new(),
            created_by: None,
        }
    }

    #[test]
    fn a_prefix_of_a_live_and_a_revoked_deployment_means_neither() {
        let deploys = [deploy("abcd1", Some(1)), deploy("abcd2", None)];
        let error = choose("abcd", &deploys).unwrap_err();
        assert_eq!(error.code(), "PREFIX_AMBIGUOUS");
        let shown = error.to_string();
        assert!(deploys.iter().all(|deploy| shown.contains(&deploy.deploy_id.to_string())), "{shown}");
        for only in &deploys {
            assert_eq!(choose(&only.deploy_id.to_string()[..5], &deploys).unwrap().deploy_id, only.deploy_id);
        }
        assert_eq!(choose("abce", &deploys).unwrap_err().code(), "PREFIX_UNKNOWN");
    }
}
