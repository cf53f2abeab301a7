//! `capy audit`: prints audit events, newest first: of the project's deployments, of a project in
//! the store, or of the service's tokens and trusts. `capy audit give-up`: gives up lost wrap
//! roots.

pub(super) mod verify;

use capy_protocol::api::{AuditEvent, WriteOffRequest};
use capy_protocol::id::KeyId;
use serde::Serialize;

use crate::cli::{Audit, AuditGiveUp};
use crate::error::Result;
use crate::key_service;
use crate::printer::{self, shown, table, time};
use crate::project::Project;
use crate::settings::deadline;
use crate::{input, store_project};

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

/// `capy audit give-up`: counts the events that lose their proof with a lost wrap root and, once
/// that is confirmed, gives the proof up.
pub(super) fn give_up(arguments: &AuditGiveUp) -> Result<()> {
    let service = key_service::with_token(arguments.ask.url.as_deref())?;
    let key_ids: Vec<KeyId> = arguments.key_ids.iter().copied().map(KeyId).collect();
    let loss =
        service.write_off_roots(&WriteOffRequest { key_ids: key_ids.clone(), dry_run: true }, deadline()?)?;
    let names: Vec<String> = key_ids.iter().map(KeyId::to_string).collect();
    let roots = match &names[..] {
        [one] => format!("wrap root {one}"),
        many => format!("wrap roots {}", many.join(", ")),
    };
    printer::note(&match loss.events {
        1 => format!("1 event loses its proof with {roots}"),
        events => format!("{events} events lose their proof with {roots}"),
    });
    printer::note(&format!("if you have a copy of {roots}, put it back instead: then nothing is lost"));
    input::confirm("give up the proof for good?", arguments.yes)?;
    let lost = service.write_off_roots(&WriteOffRequest { key_ids, dry_run: false }, deadline()?)?;
    if arguments.ask.json {
        return printer::json(&lost);
    }
    for finding in &lost.findings {
        printer::note(&verify::describe(&verify::shown(finding)));
    }
    printer::note(
        "the service seals events again; from now on `capy audit verify` reports what was given up",
    );
    Ok(())
}
