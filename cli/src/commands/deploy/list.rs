//! `capy deploy list`: prints the project's deployments, newest first.
//!
//! Names those that this machine made and that nobody received, and offers to revoke them: no
//! program uses them.

use capy_client::Service;
use capy_protocol::api::Deploy;
use capy_protocol::id::DeployId;
use serde::Serialize;

use super::prompt::is_interactive;
use crate::cli::DeployList;
use crate::deployment::{Refusal, refusal, revoke};
use crate::error::Result;
use crate::input;
use crate::local::deployments::Unclaimed;
use crate::printer::{self, now, shown, table, time, time_or};
use crate::project::Project;
use crate::settings::deadline;

const HEADINGS: [&str; 7] = ["id", "platform", "label", "created", "last used", "uses", "state"];

pub(in crate::commands) fn run(arguments: &DeployList) -> Result<()> {
    let project = Project::find()?;
    let service = project.service()?;
    let deploys = service.list(project.id(), deadline()?)?;
    let unclaimed = Unclaimed::find()?;
    let is_unclaimed =
        |deploy: &&Deploy| deploy.revoked_at.is_none() && unclaimed.contains(&deploy.deploy_id);
    if arguments.json {
        let shown = |deploy| Shown { deploy, unclaimed: is_unclaimed(&deploy) };
        let listing = Listing { deploys: deploys.iter().map(shown).collect() };
        return printer::json(&listing);
    }
    if deploys.is_empty() {
        printer::note("no deployments yet");
        return Ok(());
    }
    let now = now();
    let rows = deploys.iter().map(|deploy| row(deploy, is_unclaimed(&deploy), now));
    printer::data(&table(HEADINGS, rows))?;
    let undelivered: Vec<_> = deploys.iter().filter(is_unclaimed).map(|deploy| deploy.deploy_id).collect();
    offer_to_revoke(&service, &undelivered)
}

/// Offers at a terminal to revoke them; elsewhere prints the command.
fn offer_to_revoke(service: &Service, undelivered: &[DeployId]) -> Result<()> {
    if undelivered.is_empty() {
        return Ok(());
    }
    let short: Vec<_> = undelivered.iter().map(DeployId::short).collect();
    printer::note(&format!("\nunclaimed: nobody received the variables of {}", short.join(", ")));
    if !is_interactive() {
        printer::note(&format!("\nhint: capy deploy revoke {}", short[0]));
        return Ok(());
    }
    if input::confirm("revoke them?", false).is_err() {
        return Ok(());
    }
    for (id, short) in undelivered.iter().zip(&short) {
        revoke(service, id)?;
        printer::note(&format!("deployment {short} is revoked"));
    }
    Ok(())
}

#[derive(Serialize)]
struct Listing<'a> {
    deploys: Vec<Shown<'a>>,
}

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    deploy: &'a Deploy,
    /// This machine made the deployment, and its variables were never shown, copied or pushed.
    unclaimed: bool,
}

fn row(deploy: &Deploy, is_unclaimed: bool, now: u64) -> [String; 7] {
    let mut id = deploy.deploy_id.to_string();
    id.truncate(12);
    [
        id,
        shown(deploy.platform.as_deref()),
        shown(deploy.label.as_deref()),
        time(deploy.created_at),
        time_or(deploy.last_used_at, "never"),
        deploy.max_uses.map_or_else(|| deploy.uses.to_string(), |most| format!("{} of {most}", deploy.uses)),
        state(deploy, is_unclaimed, now),
    ]
}

/// The state of a deployment: why its key would be refused, or until when it is live.
fn state(deploy: &Deploy, is_unclaimed: bool, now: u64) -> String {
    let from = match deploy.cidrs.as_slice() {
        [] => String::new(),
        [only] => format!(" from {only}"),
        [first, ..] => format!(" from {first}, …"),
    };
    match (refusal(deploy, now), deploy.expires_at) {
        (Some(Refusal::Revoked { at }), _) => format!("revoked {}", time(at)),
        (Some(Refusal::Expired { at }), _) => format!("expired {}", time(at)),
        (Some(Refusal::UsedUp), _) => "used up".into(),
        (None, _) if is_unclaimed => "live, unclaimed".into(),
        (None, Some(at)) => format!("live until {}{from}", time(at)),
        (None, None) => format!("live{from}"),
    }
}
