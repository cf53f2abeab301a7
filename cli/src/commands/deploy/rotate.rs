//! `capy deploy rotate`: makes a successor with the same terms, and only then revokes the old
//! deployment.
//!
//! The successor goes to the same place and holds the same variables as the old deployment, as far
//! as this machine remembers. What it does not remember is asked. The old deployment stays live
//! until the successor was delivered and the user says that the platform holds it: no start and
//! no build of the platform fails in between.

use std::time::Duration;

use capy_protocol::api::Deploy;
use capy_protocol::blob::Format;

use super::{deliver, prompt, push, revoke};
use crate::cli::DeployRotate;
use crate::deployment::{self, BlobPlace, DeployContext, PartialRequest, Replaces, Terms};
use crate::error::{DeploymentFault, Error, Result};
use crate::local::deployments::{Receipt, Receipts};
use crate::platforms;
use crate::settings::deadline;
use crate::{input, printer};

pub(in crate::commands) fn run(arguments: DeployRotate) -> Result<()> {
    let prefix = revoke::parse(&arguments.id)?;
    if !arguments.yes && !prompt::is_interactive() {
        return Err(Error::NotConfirmed);
    }
    let context = DeployContext::open(arguments.file.env_file.clone())?;
    let deploys = context.service.list(context.project.id(), deadline()?)?;
    let old = revoke::choose(&prefix, &deploys)?;
    if old.revoked_at.is_some() {
        return Err(capy_client::Error::DeployRevoked { id: old.deploy_id }.into());
    }
    let receipt = Receipts::find()?.read(&old.deploy_id)?;
    let mut request = successor(old, receipt.as_ref(), &arguments);
    if !is_known(&request, receipt.as_ref(), &arguments)? {
        if arguments.yes {
            return Err(DeploymentFault::SuccessorUnknown { short: old.deploy_id.short() }.into());
        }
        ask(&context, &mut request, receipt.as_ref(), &arguments)?;
    }
    print_new_names(&context, &request, receipt.as_ref());
    let request = context.check(request.complete()?, prompt::confirm_overwrite(arguments.yes))?;
    match arguments.push {
        true => push::run(&context, &request, arguments.project, arguments.yes)?,
        false => deliver::print(&context, &request, arguments.json)?,
    }
    let short = old.deploy_id.short();
    let question = format!("\nrevoke {short}? Answer yes once the platform has the new variables");
    if let Err(error) = input::confirm(&question, arguments.yes) {
        printer::note(&format!(
            "deployment {short} stays live; to revoke it later: capy deploy revoke {short}"
        ));
        return if matches!(error, Error::NotConfirmed) { Ok(()) } else { Err(error) };
    }
    deployment::revoke(&context.service, &old.deploy_id)?;
    printer::note(&format!("deployment {short} is revoked; the new one replaces it"));
    Ok(())
}

/// The successor's options: same platform, label and terms, with a lifetime that begins anew.
/// Environment, names and place of the blob are as remembered.
fn successor(old: &Deploy, receipt: Option<&Receipt>, arguments: &DeployRotate) -> PartialRequest {
    let lifetime = old.expires_at.map(|at| Duration::from_millis(at.saturating_sub(old.created_at)));
    let moves = arguments.platform.is_some() && arguments.platform != old.platform;
    let receipt_there = receipt.filter(|_| !moves);
    let only = arguments.only.clone().or_else(|| receipt.and_then(|receipt| receipt.only.clone()));
    let mut blob = BlobPlace::of(arguments.split, arguments.blob_file.as_deref());
    if let (BlobPlace::Variable, Some(receipt)) = (&blob, receipt_there) {
        blob = BlobPlace::from(receipt);
    }
    blob.replace(Replaces::One(old.deploy_id));
    PartialRequest {
        platform: arguments.platform.clone().or_else(|| old.platform.clone()),
        environment: arguments.environment.clone().or_else(|| receipt_there?.environment.clone()),
        only: only.filter(|_| !arguments.all),
        label: old.label.clone(),
        terms: Terms { expires: lifetime, max_uses: old.max_uses, cidr: old.cidrs.clone() },
        credential: old.credential,
        format: if old.format == 0 { Format::V0 } else { Format::V1 },
        blob,
    }
}

/// Whether nothing has to be asked: neither the environment, where there are several, nor the
/// names.
fn is_known(request: &PartialRequest, receipt: Option<&Receipt>, arguments: &DeployRotate) -> Result<bool> {
    let names = receipt.is_some() || arguments.all || arguments.only.is_some();
    Ok(names && !is_environment_unknown(request, receipt)?)
}

/// Whether the environment has to be asked. For a platform that lists none, a receipt without one
/// is an answer.
fn is_environment_unknown(request: &PartialRequest, receipt: Option<&Receipt>) -> Result<bool> {
    let platform = request.platform.as_deref().map(platforms::find).transpose()?;
    let knows_none =
        receipt.is_some() && platform.as_ref().is_some_and(|platform| platform.environments.is_empty());
    let has_choice = platform.is_some_and(|platform| platform.has_choice());
    Ok(request.environment.is_none() && has_choice && !knows_none)
}

fn ask(
    context: &DeployContext,
    request: &mut PartialRequest,
    receipt: Option<&Receipt>,
    arguments: &DeployRotate,
) -> Result<()> {
    if is_environment_unknown(request, receipt)? {
        let platform = platforms::find(request.platform.as_deref().unwrap_or_default())?;
        request.environment = prompt::ask_environment(&platform)?;
    }
    if !arguments.all && request.only.is_none() && receipt.is_none() {
        request.only = prompt::ask_variables(context)?;
    }
    Ok(())
}

/// Names the variables that were added since, if the old deployment held all: the successor holds
/// them, too, and that should surprise nobody.
fn print_new_names(context: &DeployContext, request: &PartialRequest, receipt: Option<&Receipt>) {
    let Some(receipt) = receipt.filter(|_| request.only.is_none()) else { return };
    let new = context.values.names().filter(|name| !receipt.variables.contains_key(*name));
    let new: Vec<_> = new.collect();
    if !new.is_empty() {
        printer::note(&format!(
            "new in {}, and deployed, too: {}",
            context.env_path.display(),
            new.join(", ")
        ));
    }
}
