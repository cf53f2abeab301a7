//! `capy service seal-rows`: seals deployments, API tokens and trusts from before rows had seals,
//! once that is confirmed.

use capy_client::Service;
use capy_protocol::api::{RowFinding, RowId, SealRows};
use serde::Serialize;

use crate::cli::SealRowsArguments;
use crate::commands::audit::verify::describe_row;
use crate::error::Result;
use crate::key_service;
use crate::settings::deadline;
use crate::{input, printer};

/// The results of all calls together.
#[derive(Default, Serialize)]
struct Report {
    sealed: Vec<RowId>,
    refused: Vec<RowFinding>,
}

pub(in crate::commands) fn run(arguments: &SealRowsArguments) -> Result<()> {
    let service = key_service::with_token(arguments.ask.url.as_deref())?;
    let planned = ask(&service, true)?;
    for finding in &planned.refused {
        printer::note(&describe_row(finding));
    }
    let count = |kind: &str| planned.sealed.iter().filter(|row| row.kind == kind).count();
    let (deploys, tokens, trusts) = (count("deploy"), count("token"), count("trust"));
    let done = match planned.sealed.is_empty() {
        true => planned,
        false => {
            for row in planned.sealed.iter().filter(|row| row.kind != "deploy") {
                printer::note(&format!("without a seal: {} {}", row.kind, row.id));
            }
            let rows = format!("{deploys} deployments, {tokens} API tokens and {trusts} trusts");
            printer::note(&format!("sealing confirms that {rows} are as the service wrote them"));
            input::confirm("are you sure that nobody else wrote to the database?", arguments.yes)?;
            ask(&service, false)?
        }
    };
    if arguments.ask.json {
        return printer::json(&done);
    }
    printer::note(&match done.sealed.len() {
        0 => "every row that can have a seal already has one".to_owned(),
        rows => {
            format!("sealed {rows} rows; from now on, a row without a seal is one that somebody else wrote")
        }
    });
    Ok(())
}

/// Asks for all pages.
fn ask(service: &Service, dry_run: bool) -> Result<Report> {
    let (mut report, mut cursor) = (Report::default(), None);
    loop {
        let page = service.seal_rows(&SealRows { cursor, dry_run }, deadline()?)?;
        report.sealed.extend(page.sealed);
        report.refused.extend(page.refused);
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(report),
        }
    }
}
