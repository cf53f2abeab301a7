//! Reading the audit trail, and checking it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use capy_protocol::api::{AuditList, AuditVerification};
use capy_protocol::id::ProjectId;
use capy_protocol::scope::Scope;

use crate::app::App;
use crate::audit::STRETCH;
use crate::auth::Identity;
use crate::error::ApiError;
use crate::host::Host;
use crate::path::PathId;
use crate::query;
use crate::store::audit;

/// How many checkpoints one scheduled run makes: each takes five statements, and the free plan has room for fifty.
const CHECKPOINTS_AT_ONCE: usize = 8;

/// `GET /projects/{project_id}/audit?cursor=`
/// 1. The bearer: 401. The path and the cursor: 400. A scope that reads the project: 403.
/// 2. 200 with a page of the project's events, newest first. 503.
pub(crate) async fn list<H: Host>(
    State(app): State<Arc<App<H>>>,
    identity: Identity,
    PathId(project_id): PathId<ProjectId>,
    uri: Uri,
) -> Result<Json<AuditList>, ApiError> {
    identity.require(&Scope::Read(project_id.clone()))?;
    let before = number(&uri, "cursor")?;
    let (events, next) = audit::list(&app.host, &project_id, before).await?;
    Ok(Json(AuditList { events, next: next.map(|number| number.to_string()) }))
}

/// `GET /admin/audit/verify?from=`
/// 1. The bearer: 401. The number: 400. The admin scope: 403.
/// 2. A checkpoint over what has none yet, where the asked stretch begins there: 503.
/// 3. 200 with one stretch, what is wrong with it, and where the next one is.
pub(crate) async fn verify<H: Host>(
    State(app): State<Arc<App<H>>>,
    identity: Identity,
    uri: Uri,
) -> Result<Json<AuditVerification>, ApiError> {
    identity.require(&Scope::Admin)?;
    let from = number(&uri, "from")?.unwrap_or(1).max(1);
    let roots = app.secrets.wrap_roots()?;
    let (mut sealed, mut findings, last) = audit::verify(&app.host, roots, from).await?;
    let is_new = sealed.is_none() && from > last;
    if is_new && audit::seal_next(&app.host, roots, app.clock.now()).await?.is_some() {
        (sealed, findings, _) = audit::verify(&app.host, roots, from).await?;
    }
    // A fresh checkpoint over the last rows is the end, or a busy service would never be done.
    let is_end = match &sealed {
        Some(sealed) => is_new && sealed.checkpoint.count < STRETCH,
        None => from > last,
    };
    Ok(Json(AuditVerification {
        checkpoint: sealed.map(|sealed| sealed.checkpoint),
        findings,
        unsealed: if from == 1 { audit::unsealed(&app.host).await? } else { 0 },
        next: (!is_end).then_some(from + 1),
    }))
}

/// Vouches for the events that came since the last time. A host calls this every few minutes.
pub async fn checkpoint<H: Host>(app: &App<H>) {
    for _ in 0..CHECKPOINTS_AT_ONCE {
        let made = match app.secrets.wrap_roots() {
            Ok(roots) => audit::seal_next(&app.host, roots, app.clock.now()).await,
            Err(fault) => return app.log.warn(&fault),
        };
        match made {
            Ok(Some(sealed)) if sealed.checkpoint.count >= STRETCH => {}
            Ok(_) => return,
            Err(error) => return app.log.warn(&error),
        }
    }
}

fn number(uri: &Uri, name: &str) -> Result<Option<u64>, ApiError> {
    let malformed = || ApiError::BadRequest(format!("{name} is not a number of this service").into());
    let parse = |text: &str| text.parse().ok().filter(|number| *number < 1 << 53).ok_or_else(malformed);
    query::only(uri, name)?.map(parse).transpose()
}
