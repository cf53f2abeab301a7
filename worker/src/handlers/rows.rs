//! Sealed values of the project store: hands them to a build host, and seals them again under a
//! newer key. No answer has a plaintext.

use std::sync::Arc;

use capy_protocol::Error;
use capy_protocol::api::projects::{
    RotateRequest, Rotated, StoreKeyList, StoreKeyState, StoreRows, UnopenedRow,
};
use capy_protocol::id::ProjectId;
use capy_protocol::scope::Scope;
use capy_protocol::store_keys::StoreKeys;
use capy_protocol::store_row::Binding;

use super::projects::require;
use crate::app::App;
use crate::audit::{Action, Subject};
use crate::auth;
use crate::call::{Answer, Call, Outcome};
use crate::error::{ApiError, Fault};
use crate::host::Host;
use crate::store::audit;
use crate::store::projects::{self, RESEALED_AT_ONCE, StaleRow};

/// `GET /api/build/projects/{project_id}/rows`: hands a project's sealed values to a build host.
///
/// 1. Authenticate the bearer: 401. Parse the path: 400. Require a scope that builds the project:
///    404 for a bearer that may not see it, 403 for one that may.
/// 2. Require the store's keys: 503.
/// 3. Write the event before any value is handed out: 503.
/// 4. Answer 200 with each name, its sealed value and the key's id. 404 when the project does not
///    exist.
pub(crate) async fn of_project<H: Host>(app: Arc<App<H>>, call: Call) -> Outcome {
    let identity = auth::identify(&app, call.authorization()).await?;
    let project_id = call.id(ProjectId::parse)?;
    let caller = call.caller();
    require(&identity, &Scope::Build(project_id.clone()), &project_id)?;
    app.store_keys()?;
    let subject = Subject::of_project(&project_id, &project_id, None);
    let event = app.seal(&identity.event(Action::TakeRows, app.clock.now(), caller), subject, "ok")?;
    let rows =
        projects::sealed_rows(&app.host, &project_id, &event).await?.ok_or(ApiError::ProjectUnknown)?;
    Answer::ok(&StoreRows { project_id, rows })
}

/// `GET /admin/store/keys`: lists the store's keys.
///
/// 1. Require an admin's bearer: 401, 403. Require the store's keys: 503.
/// 2. Answer 200 with each key that is held or needed, and how many rows it sealed. 503 without the
///    database.
pub(crate) async fn keys<H: Host>(app: Arc<App<H>>, call: Call) -> Outcome {
    auth::admin(&app, call.authorization()).await?;
    let held = app.store_keys()?;
    let counted = projects::rows_by_key(&app.host).await?;
    let rows = |id| counted.iter().find(|(known, _)| *known == id).map_or(0, |(_, rows)| *rows);
    let state = |key_id, held_now| {
        let newest = key_id == Some(held.newest());
        StoreKeyState { key_id, held: held_now, newest, rows: rows(key_id) }
    };
    let mut keys: Vec<_> = held.ids().map(|id| state(Some(id), true)).collect();
    let others =
        counted.iter().map(|(id, _)| *id).filter(|id| id.is_none_or(|id| !held.ids().any(|one| one == id)));
    // Rows without a key id open with the last key, so that key is held.
    keys.extend(others.map(|id| state(id, id.is_none())));
    Answer::ok(&StoreKeyList { keys })
}

/// `POST /admin/store/rotate`: seals the next values again under the newest key.
///
/// 1. Require an admin's bearer: 401, 403. Read the body: 400, 413, 415. Require the store's keys:
///    503.
/// 2. At the first call of a rotation, write the event when there is something to seal: 503.
/// 3. Open the next rows that another key than the newest sealed, and seal them again. Rows that do
///    not open are listed in the answer.
/// 4. Replace the rows in one transaction, each only when it is unchanged since it was read: 503.
/// 5. Answer 200 with their number, and the id of the last row for the next call.
pub(crate) async fn rotate<H: Host>(app: Arc<App<H>>, call: Call) -> Outcome {
    let identity = auth::admin(&app, call.authorization()).await?;
    let caller = call.caller();
    let request: RotateRequest = call.json().await?;
    let keys = app.store_keys()?;
    let stale = projects::stale_rows(&app.host, request.after, keys.newest()).await?;
    if request.after.is_none() && !stale.is_empty() {
        let detail = format!("under key {}", keys.newest());
        let subject = Subject::of_service(&"store", Some(detail));
        let event = app.seal(&identity.event(Action::RotateStore, app.clock.now(), caller), subject, "ok")?;
        audit::append(&app.host, &event).await?;
    }
    let next = stale.last().filter(|_| stale.len() == RESEALED_AT_ONCE).map(|row| row.id);
    let (mut fresh, mut unopened) = (Vec::new(), Vec::new());
    for row in stale {
        match reseal(&keys, &row) {
            Ok(text) => fresh.push((row, text)),
            Err(error @ (Error::Randomness | Error::TooLarge)) => {
                return Err(ApiError::Unavailable(Fault::Store(error)));
            }
            Err(error) => unopened.push(unopened_row(row, error)),
        }
    }
    let resealed = projects::reseal_rows(&app.host, keys.newest(), &fresh).await?;
    Answer::ok(&Rotated { resealed, unopened, next })
}

fn reseal(keys: &StoreKeys, row: &StaleRow) -> capy_protocol::Result<String> {
    let binding = Binding { project: &row.project_id, name: &row.key };
    keys.seal(binding, &keys.open(binding, row.key_id, &row.row)?)
}

fn unopened_row(row: StaleRow, error: Error) -> UnopenedRow {
    let key_missing = matches!(error, Error::UnknownStoreKey(_));
    UnopenedRow { project_id: row.project_id, key: row.key, key_id: row.key_id, key_missing }
}
