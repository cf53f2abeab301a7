//! `capy audit`: what happened to the project's deployments, or to the service's tokens and trusts, newest first.

use capy_protocol::api::AuditEvent;
use serde::Serialize;

use super::token;
use crate::cli::Audit;
use crate::error::Result;
use crate::printer;
use crate::project::{Project, deadline};
use crate::table::{shown, table, time};

const HEAD: [&str; 8] = ["when", "what", "result", "deployment", "who", "address", "country", "with"];
const HEAD_OF_SERVICE: [&str; 8] = ["when", "what", "result", "id", "detail", "who", "address", "with"];

#[derive(Serialize)]
struct Listing<'a> {
    events: &'a [AuditEvent],
}

pub(super) fn run(arguments: &Audit) -> Result<()> {
    let events = match arguments.of_service {
        true => token::service(&arguments.service)?.audit(None, arguments.last, deadline()?)?,
        false => {
            let project = Project::find()?;
            project.service()?.audit(Some(project.id()), arguments.last, deadline()?)?
        }
    };
    if arguments.json {
        let json = serde_json::to_string_pretty(&Listing { events: &events });
        return printer::data(&(json.expect("strings and numbers are always JSON") + "\n"));
    }
    if events.is_empty() {
        printer::note("nothing happened yet");
        return Ok(());
    }
    match arguments.of_service {
        true => printer::data(&table(HEAD_OF_SERVICE, events.iter().map(row_of_service))),
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

fn row_of_service(event: &AuditEvent) -> [String; 8] {
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
