//! `capy store keys`: lists the keys of the service's project store, and rotates them.

use capy_client::Service;
use capy_protocol::api::projects::{Rotated, StoreKeyState, UnopenedRow};
use serde::Serialize;

use crate::cli::{AskService, StoreKeysCommand};
use crate::error::{Error, Result};
use crate::key_service;
use crate::printer::{self, shown, table};
use crate::settings::deadline;

pub(super) fn run(command: StoreKeysCommand) -> Result<()> {
    match command {
        StoreKeysCommand::List(list) => self::list(&list),
        StoreKeysCommand::Rotate(rotate) => self::rotate(&rotate),
    }
}

fn list(arguments: &AskService) -> Result<()> {
    let list = key_service::with_token(arguments.url.as_deref())?.store_keys(deadline()?)?;
    if arguments.json {
        return printer::json(&list);
    }
    print(&list.keys)
}

/// The result of a rotation.
#[derive(Serialize)]
struct Outcome {
    resealed: u64,
    unopened: Vec<UnopenedRow>,
    keys: Vec<StoreKeyState>,
}

/// Rotates the keys. Each call does a part, and after an interruption the next run continues.
fn rotate(arguments: &AskService) -> Result<()> {
    let service = key_service::with_token(arguments.url.as_deref())?;
    let outcome = rotate_all(&service)?;
    if arguments.json {
        printer::json(&outcome)?;
    } else {
        let resealed = outcome.resealed;
        let s = printer::plural(usize::try_from(resealed).unwrap_or(usize::MAX));
        printer::note(&format!("{resealed} value{s} sealed again under the newest key"));
        print(&outcome.keys)?;
    }
    for row in &outcome.unopened {
        let why =
            if row.key_missing { "its key is not in ENCRYPTION_KEY" } else { "it was altered or moved" };
        let (project, name) = (&row.project_id, shown(Some(&row.key)));
        printer::note(&format!("warning: cannot decrypt {name} of project {project}: {why}"));
    }
    match outcome.unopened.len() {
        0 => Ok(()),
        count => Err(Error::StoreUnopened { count }),
    }
}

fn rotate_all(service: &Service) -> Result<Outcome> {
    let (mut resealed, mut unopened, mut after) = (0, Vec::new(), None);
    loop {
        let Rotated { resealed: some, unopened: more, next } = service.rotate_store(after, deadline()?)?;
        resealed += some;
        unopened.extend(more);
        if next.is_none() {
            break;
        }
        // Ids only grow, and are taken in order: a service that goes back would make this loop
        // endless.
        if next <= after {
            let reason = "its rotation goes back".into();
            return Err(capy_client::Error::ServiceProtocol { url: service.url().clone(), reason }.into());
        }
        after = next;
    }
    let keys = service.store_keys(deadline()?)?.keys;
    Ok(Outcome { resealed, unopened, keys })
}

fn print(keys: &[StoreKeyState]) -> Result<()> {
    printer::data(&table(["key id", "state", "values"], keys.iter().map(row)))
}

fn row(key: &StoreKeyState) -> [String; 3] {
    let id = key.key_id.map_or_else(|| "none".to_owned(), |id| id.to_string());
    let state = match key {
        StoreKeyState { held: false, .. } => "missing: its values cannot be decrypted",
        StoreKeyState { newest: true, .. } => "newest: new values use it",
        StoreKeyState { key_id: None, .. } => "imported values: the last key opens them",
        StoreKeyState { rows: 0, .. } => "not needed any more: can be removed",
        _ => "still needed",
    };
    [id, state.into(), key.rows.to_string()]
}
