//! Wrap roots: what an operator has to know before taking one away.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use capy_protocol::api::{WrapRootList, WrapRootState};
use capy_protocol::scope::Scope;

use super::audit::checkpoint;
use crate::app::App;
use crate::auth::Identity;
use crate::error::ApiError;
use crate::host::Host;
use crate::store::deploys;

/// `GET /admin/wrap-roots`
/// 1. The bearer: 401. The admin scope: 403.
/// 2. A checkpoint of the audit trail under the newest root, so that no older one is needed for it.
/// 3. 200 with each root that is held or needed, and how many live deployments need it. 503.
pub(crate) async fn list<H: Host>(
    State(app): State<Arc<App<H>>>,
    identity: Identity,
) -> Result<Json<WrapRootList>, ApiError> {
    identity.require(&Scope::Admin)?;
    let held = app.secrets.wrap_roots()?;
    checkpoint(&app).await;
    let needed = deploys::live_by_root(&app.host, app.clock.now()).await?;
    let live = |key_id| needed.iter().find(|(needed, _)| *needed == key_id).map_or(0, |(_, live)| *live);
    let newest = held.newest().ok();
    let state =
        |key_id, held| WrapRootState { key_id, held, newest: newest == Some(key_id), live: live(key_id) };
    let gone = needed.iter().map(|(key_id, _)| *key_id).filter(|key_id| held.root(*key_id).is_err());
    let mut roots: Vec<_> = held.key_ids().map(|key_id| state(key_id, true)).collect();
    roots.extend(gone.map(|key_id| state(key_id, false)));
    Ok(Json(WrapRootList { roots }))
}
