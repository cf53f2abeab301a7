//! `capy audit give-up`: counts the events that lose their proof with a lost wrap root and, once
//! that is confirmed, gives the proof up.

use capy_protocol::api::WriteOffRequest;
use capy_protocol::id::KeyId;

use super::verify::{describe, shown};
use crate::cli::AuditGiveUp;
use crate::error::Result;
use crate::key_service;
use crate::settings::deadline;
use crate::{input, printer};

pub(in crate::commands) fn run(arguments: &AuditGiveUp) -> Result<()> {
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
        printer::note(&describe(&shown(finding)));
    }
    printer::note(
        "the service seals events again; from now on `capy audit verify` reports what was given up",
    );
    Ok(())
}
