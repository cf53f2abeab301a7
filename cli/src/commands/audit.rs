//! `capy audit`: what happened to the project's deployments, newest first.

use capy_protocol::api::AuditEvent;
use serde::Serialize;

use crate::cli::Audit;
use crate::error::Result;
use crate::printer;
use crate::project::{Project, deadline};
use crate::table::{shown, table, time};

const HEAD: [&str; 8] = ["when", "what", "result", "deployment", "who", "address", "country", "with"];

#[derive(Serialize)]
struct Listing<'a> {
    events: &'a [AuditEvent],
}

pub(super) fn run(arguments: &Audit) -> Result<()> {
    let project = Project::find()?;
    let events = project.service()?.audit(project.id(), arguments.last, deadline()?)?;
    if arguments.json {
        let json = serde_json::to_string_pretty(&Listing { events: &events });
        return printer::data(&(json.expect("strings and numbers are always JSON") + "\n"));
    }
    if events.is_empty() {
        printer::note("nothing happened yet");
        return Ok(());
    }
    printer::data(&table(HEAD, events.iter().map(row)))
}

fn row(event: &AuditEvent) -> [String; 8] {
    let mut id = event.deploy_id.to_string();
    id.truncate(12);
    [
        time(event.at),
        shown(Some(&event.action)),
        shown(Some(&event.result)),
        id,
        shown(event.actor.as_deref()),
        shown(event.address.as_deref()),
        shown(event.country.as_deref()),
        shown(event.user_agent.as_deref()),
    ]
}
