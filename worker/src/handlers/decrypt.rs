//! `POST /deploy/{id}/decrypt`: the one route that releases a key.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use capy_protocol::api::{Credential, DecryptRequest, DecryptResponse};
use capy_protocol::blob::Format;
use capy_protocol::id::DeployId;
use capy_protocol::text::parse_base64;
use capy_protocol::wrap::{InnerBlob, OuterBlob, WrapRoots};

use crate::app::App;
use crate::body::JsonBody;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::host::{Host, HostError};
use crate::path::PathId;
use crate::policy::{self, Denial};
use crate::store::deploys::{self, Record};
use crate::store::{Action, Event};

/// 1. The body: 400, 413, 415.
/// 2. The revocation list: 410 for a listed id, even with the database down. It grants nothing.
/// 3. The outer blob's shape and key id: 422. Before the record, so that another service's blob is told apart from
///    an unknown id.
/// 4. The record: 404, 410; 503 when it cannot be read.
/// 5. The outer blob opens: 422.
/// 6. Use and audit event in one transaction, on the condition that no revocation came between: 410, 503.
/// 7. Only then the key: 200.
pub(crate) async fn decrypt<H: Host>(
    State(app): State<Arc<App<H>>>,
    PathId(id): PathId<DeployId>,
    caller: Caller,
    JsonBody(request): JsonBody<DecryptRequest>,
) -> Result<Json<DecryptResponse>, ApiError> {
    let bytes = parse_base64(&request.ciphertext)
        .map_err(|_| ApiError::BadRequest("ciphertext is not canonical base64".into()))?;
    ask_list(&app, &id).await?;
    let roots = app.secrets.wrap_roots()?;
    let outer = parse_outer(&bytes, roots)?;
    let record = ask_record(&app, &id).await?;
    let inner = roots.unwrap_outer(&outer, &id, &record.project_id).map_err(|_| ApiError::BlobRejected)?;
    let event = Event { action: Action::Decrypt, at: app.clock.now(), caller };
    if !deploys::release(&app.host, &id, &event).await? {
        return Err(Denial::Revoked.into());
    }
    answer(&record, &inner)
}

async fn ask_list<H: Host>(app: &App<H>, id: &DeployId) -> Result<(), Denial> {
    let listed = app.host.is_listed(id).await;
    if let Err(error) = &listed {
        app.log.warn(error);
    }
    policy::by_list(&listed)
}

fn parse_outer(bytes: &[u8], roots: &WrapRoots) -> Result<OuterBlob, ApiError> {
    let outer = OuterBlob::from_bytes(bytes).map_err(|_| ApiError::BlobRejected)?;
    roots.root(outer.kid()).map_err(|_| ApiError::WrapRootUnknown)?;
    Ok(outer)
}

/// Also mends the revocation list, where it missed what the record knows.
async fn ask_record<H: Host>(app: &App<H>, id: &DeployId) -> Result<Record, ApiError> {
    let found = deploys::find(&app.host, id).await?;
    if let Some(revoked_at) = found.as_ref().and_then(|record| record.deploy.revoked_at)
        && let Err(error) = app.host.list_revoked(id, revoked_at).await
    {
        app.log.warn(&error);
    }
    Ok(policy::by_record(found)?)
}

fn answer(record: &Record, inner: &InnerBlob) -> Result<Json<DecryptResponse>, ApiError> {
    let Record { project_id, deploy, .. } = record;
    let format = Format::from_number(deploy.format)
        .map_err(|error| HostError::Database(format!("a record's format: {error}")))?;
    let key = format.service_key(inner, &deploy.deploy_id, project_id);
    let inner = (deploy.credential == Credential::DeployKey).then_some(inner);
    Ok(Json(DecryptResponse::new(&key, project_id.clone(), inner)))
}
