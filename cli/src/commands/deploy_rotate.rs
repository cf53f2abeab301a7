//! `capy deploy rotate`: a deployment's successor with the same terms, and only then the end of the old one.
//!
//! The old one stays live until the successor was handed over and the person says that its platform holds it: between
//! the two no start and no build of the platform fails.

use std::io::{self, IsTerminal};
use std::time::Duration;

use capy_protocol::api::{Credential as Held, Deploy};

use super::{deploy, deploy_push, deploy_revoke};
use crate::cli::{Credential, DeployRotate, Format, Terms};
use crate::deployment::{Wish, Wishes, Workbench};
use crate::error::{Error, Result};
use crate::project::deadline;
use crate::{input, printer};

pub(super) fn run(arguments: DeployRotate) -> Result<()> {
    let prefix = deploy_revoke::parse(&arguments.id)?;
    let somebody_is_there = io::stdin().is_terminal() && io::stderr().is_terminal();
    if !arguments.yes && !somebody_is_there {
        return Err(Error::NotConfirmed);
    }
    let workbench = Workbench::open(arguments.file.env_file.clone())?;
    let deploys = workbench.service.list(workbench.project.id(), deadline()?)?;
    let old = deploy_revoke::choose(&prefix, &deploys)?;
    if old.revoked_at.is_some() {
        return Err(capy_client::Error::DeployRevoked { id: old.deploy_id }.into());
    }
    let wish = successor(old, &arguments)?;
    match arguments.push {
        true => deploy_push::run(&workbench, &wish, arguments.project, arguments.yes)?,
        false => deploy::print(&workbench, &wish, arguments.json)?,
    }
    let short = old.deploy_id.short();
    let question = format!("\nrevoke {short}? Only when the platform holds the new variables");
    if let Err(error) = input::confirm(&question, arguments.yes) {
        printer::note(&format!("deployment {short} stays live; when it may go: capy deploy revoke {short}"));
        return if matches!(error, Error::NotConfirmed) { Ok(()) } else { Err(error) };
    }
    workbench.revoke(&old.deploy_id)?;
    printer::note(&format!("deployment {short} is revoked: its successor has its place"));
    Ok(())
}

/// Same platform, label and terms; the lifetime begins anew.
fn successor(old: &Deploy, arguments: &DeployRotate) -> Result<Wish> {
    let lifetime = old.expires_at.map(|at| Duration::from_millis(at.saturating_sub(old.created_at)));
    let wishes = Wishes {
        platform: arguments.platform.clone().or_else(|| old.platform.clone()),
        environment: arguments.environment.clone(),
        only: arguments.only.clone(),
        label: old.label.clone(),
        terms: Terms { expires: lifetime, max_uses: old.max_uses, cidr: old.cidrs.clone() },
        credential: match old.credential {
            Held::ProjectKey => Credential::ProjectKey,
            Held::DeployKey => Credential::DeployKey,
        },
        format: if old.format == 0 { Format::V0 } else { Format::V1 },
        split: arguments.split,
        blob_file: arguments.blob_file.clone(),
    };
    wishes.wish()
}
