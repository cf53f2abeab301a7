//! Lists wrap roots, and what still needs each of them before an operator can remove it.

use std::sync::Arc;

use capy_protocol::api::{WrapRootList, WrapRootState};
use capy_protocol::id::KeyId;

use super::audit::checkpoint;
use crate::app::App;
use crate::auth;
use crate::call::{Answer, Call, Outcome};
use crate::host::Host;
use crate::store::{audit, deploys, row_seals};

/// `GET /admin/wrap-roots`: lists wrap roots.
///
/// 1. Require an admin's bearer: 401, 403. Read the held roots: 503.
/// 2. Make checkpoints of the audit trail under the newest root, so that the trail needs no older
///    root.
/// 3. Answer 200 with each root that is held or needed: how many live deployments, API tokens and
///    trusts need it, and how many rows and checkpoints of the trail. 503 without the database.
pub(crate) async fn list<H: Host>(app: Arc<App<H>>, call: Call) -> Outcome {
    auth::admin(&app, call.authorization()).await?;
    let held = app.secrets.wrap_roots()?;
    checkpoint(&app).await;
    let live = deploys::live_by_root(&app.host, app.clock.now()).await?;
    let trail = audit::needed_by_trail(&app.host).await?;
    let rows = row_seals::needed(&app.host).await?;
    let newest = held.newest().ok();
    let state = |key_id, held| WrapRootState {
        key_id,
        held,
        newest: newest == Some(key_id),
        live: count(&live, key_id),
        trail: count(&trail, key_id),
        rows: count(&rows, key_id),
    };
    let mut roots: Vec<_> = held.key_ids().map(|key_id| state(key_id, true)).collect();
    for (key_id, _) in live.iter().chain(&trail).chain(&rows) {
        if roots.iter().all(|root| root.key_id != *key_id) {
            roots.push(state(*key_id, false));
        }
    }
    Answer::ok(&WrapRootList { roots })
}

fn count(counts: &[(KeyId, u64)], key_id: KeyId) -> u64 {
    counts.iter().find(|(counted, _)| *counted == key_id).map_or(0, |(_, count)| *count)
}
