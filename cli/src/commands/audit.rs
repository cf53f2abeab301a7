//! `capy audit`: prints audit events, newest first: of the project's deployments, of a project in
//! the store, or of the service's tokens and trusts.

pub(super) mod verify;
pub(super) mod write_off;

use capy_protocol::api::AuditEvent;
use serde::Serialize;

use crate::cli::Audit;
use crate::error::Result;
use crate::key_service;
use crate::printer::{self, shown, table, time};
use crate::project::Project;
use crate::settings::deadline;
use crate::store_project;

const HEAD: [&str; 8] = ["when", "what", "result", "deployment", "who", "address", "country", "with"];
const HEAD_WITH_DETAIL: [&str; 8] = ["when", "what", "result", "id", "detail", "who", "address", "with"];

#[derive(Serialize)]
struct Listing<'a> {
    events: &'a [AuditEvent],
}

pub(super) fn run(arguments: &Audit) -> Result<()> {
    let events = match (&arguments.project, arguments.of_service) {
        (_, true) => {
            key_service::with_token(arguments.ask.url.as_deref())?.audit(None, arguments.last, deadline()?)?
        }
        (Some(named), false) => {
            let service = key_service::with_token(arguments.ask.url.as_deref())?;
            let id = store_project::find(&service, named)?;
            service.audit(Some(&id), arguments.last, deadline()?)?
        }
        (None, false) => {
            let project = Project::find()?;
            project.service()?.audit(Some(project.id()), arguments.last, deadline()?)?
        }
    };
    if arguments.ask.json {
        return printer::json(&Listing { events: &events });
    }
    if events.is_empty() {
        printer::note("no events yet");
        return Ok(());
    }
    match arguments.of_service || arguments.project.is_some() {
        true => printer::data(&table(HEAD_WITH_DETAIL, events.iter().map(row_with_detail))),
        false => printer::data(&table(HEAD, events.iter().map(row))),
    }
}

fn row(event: &AuditEvent) -> [String; 8] {
    let id: String = event.subject.chars().take(12).collect();
    [
        time(event.at),
        shown(Some(&event.action)),
        shown(Some(&event.result)),
        shown(Some(&id)),
        shown(event.actor.as_deref()),
        shown(event.address.as_deref()),
        shown(event.country.as_deref()),
        shown(event.user_agent.as_deref()),
    ]
}

fn row_with_detail(event: &AuditEvent) -> [String; 8] {
    [
        time(event.at),
        shown(Some(&event.action)),
        shown(Some(&event.result)),
        shown(Some(&event.subject)),
        shown(event.detail.as_deref()),
        shown(event.actor.as_deref()),
        shown(event.address.as_deref()),
        shown(event.user_agent.as_deref()),
    ]
}
