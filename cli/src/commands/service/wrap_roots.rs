//! `capy service roots`: prints which wrap roots the service holds, and which may be removed.

use capy_protocol::api::WrapRootState;

use crate::cli::AskService;
use crate::error::Result;
use crate::key_service;
use crate::printer::{self, table};
use crate::settings::deadline;

pub(in crate::commands) fn run(arguments: &AskService) -> Result<()> {
    let list = key_service::with_token(arguments.url.as_deref())?.wrap_roots(deadline()?)?;
    if arguments.json {
        return printer::json(&list);
    }
    printer::data(&table(
        ["key id", "state", "live deployments", "tokens and trusts", "audit trail"],
        list.roots.iter().map(row),
    ))?;
    for gone in list.roots.iter().filter(|root| !root.held && root.live > 0) {
        printer::note(&format!(
            "\nwarning: wrap root {} is missing and {} live deployments need it: put it back, or deploy again",
            gone.key_id, gone.live
        ));
    }
    for gone in list.roots.iter().filter(|root| !root.held && root.rows > 0) {
        printer::note(&format!(
            "\nwarning: wrap root {} is missing and sealed {} API tokens and trusts: put it back, or create them again",
            gone.key_id, gone.rows
        ));
    }
    for gone in list.roots.iter().filter(|root| !root.held && root.trail > 0) {
        printer::note(&format!(
            "\nwarning: wrap root {0} is missing and the audit trail needs it: put it back, \
            or give it up (`capy audit give-up {0}`)",
            gone.key_id
        ));
    }
    Ok(())
}

fn row(root: &WrapRootState) -> [String; 5] {
    let state = match root {
        WrapRootState { held: false, .. } => "missing",
        WrapRootState { newest: true, .. } => "newest: new deployments use it",
        WrapRootState { live: 0, trail: 0, rows: 0, .. } => "not needed any more: can be removed",
        _ => "still needed",
    };
    [
        root.key_id.to_string(),
        state.into(),
        root.live.to_string(),
        root.rows.to_string(),
        root.trail.to_string(),
    ]
}
