//! `POST /deploy/{id}/decrypt`: the one route that releases a key.

use std::sync::Arc;

use capy_protocol::api::{Credential, DecryptRequest, DecryptResponse, ErrorCode};
use capy_protocol::blob::Format;
use capy_protocol::id::DeployId;
use capy_protocol::text::parse_base64;
use capy_protocol::wrap::{InnerBlob, OuterBlob};

use crate::app::App;
use crate::audit::{Action, Event, Subject};
use crate::call::{Answer, Call, Outcome};
use crate::error::ApiError;
use crate::host::{Host, HostError};
use crate::limits;
use crate::policy::{self, Asked, Denial};
use crate::store::audit;
use crate::store::deploys::{self, Record};

/// 1. The path: 400. How often it was asked for: 429. The body: 400, 413, 415.
/// 2. The revocation list: 410 for a listed id, even with the database down. It grants nothing.
/// 3. The outer blob's shape and key id: 422. Before the record, so that another service's blob is told apart from
///    an unknown id; a known deployment whose root is gone is told apart from both.
/// 4. The record and its terms: 404, 410, 403; 503 when it cannot be read.
/// 5. The outer blob opens: 422.
/// 6. Use and audit event in one transaction, on the condition that the record still allows it: 410, 503.
/// 7. Only then the key: 200.
///
/// A refusal of a known id is recorded, too; one by the list at most once a minute, and after the answer.
pub(crate) async fn decrypt<H: Host>(app: Arc<App<H>>, call: Call) -> Outcome {
    let id = call.id(DeployId::parse)?;
    limits::require(&app, &id, call.address()).await?;
    let caller = call.caller();
    let request: DecryptRequest = call.json().await?;
    let bytes = parse_base64(&request.ciphertext)
        .map_err(|_| ApiError::BadRequest("ciphertext is not canonical base64".into()))?;
    let event = Event { action: Action::Decrypt, at: app.clock.now(), actor: None, caller };
    if let Err(denial) = ask_list(&app, &id).await {
        if app.refusals.is_due(&id, event.at) {
            let apart = Arc::clone(&app);
            let record = async move { record_refusal(&apart, &id, &event, ErrorCode::DeployRevoked).await };
            app.host.run_apart(record).await;
        }
        return Err(denial.into());
    }
    let answer = open(&app, &id, &bytes, &event).await;
    if let Some(code) = answer.as_ref().err().and_then(ApiError::recorded) {
        record_refusal(&app, &id, &event, code).await;
    }
    answer
}

async fn open<H: Host>(app: &App<H>, id: &DeployId, bytes: &[u8], event: &Event) -> Outcome {
    let roots = app.secrets.wrap_roots()?;
    let outer = OuterBlob::from_bytes(bytes).map_err(|_| ApiError::BlobRejected)?;
    let asked = Asked { now: event.at, address: event.caller.peer.address.as_deref() };
    if roots.root(outer.kid()).is_err() {
        return Err(rootless(app, id, &outer, asked).await);
    }
    let record = ask_record(app, id, asked).await?;
    let inner = roots.unwrap_outer(&outer, id, &record.project_id).map_err(|_| ApiError::BlobRejected)?;
    let row = app.seal(event, Subject::deploy(&record.project_id, id), "ok")?;
    if !deploys::release(&app.host, id, &row).await? {
        // What came between is in the record by now.
        ask_record(app, id, asked).await?;
        return Err(Denial::Revoked.into());
    }
    answer(&record, &inner)
}

/// Best effort: the answer stays a refusal whatever the database does. Of unknown ids nothing is kept, or anybody
/// could fill the trail.
async fn record_refusal<H: Host>(app: &App<H>, id: &DeployId, event: &Event, code: ErrorCode) {
    let append = async {
        if let Some(record) = deploys::find(&app.host, id).await? {
            let row = app.seal(event, Subject::deploy(&record.project_id, id), code.as_str())?;
            audit::append(&app.host, &row).await?;
        }
        Ok::<_, ApiError>(())
    };
    if let Err(ApiError::Unavailable(fault)) = append.await {
        app.log.warn(&fault);
    }
}

async fn ask_list<H: Host>(app: &App<H>, id: &DeployId) -> Result<(), Denial> {
    let listed = app.host.is_listed(id).await;
    if let Err(error) = &listed {
        app.log.warn(error);
    }
    policy::by_list(&listed)
}

/// Why a blob is refused whose root is not here. Its record says whether it ever was; without one it is another
/// service's.
async fn rootless<H: Host>(app: &App<H>, id: &DeployId, outer: &OuterBlob, asked: Asked<'_>) -> ApiError {
    match ask_record(app, id, asked).await {
        Ok(record) if record.key_id == outer.kid() => ApiError::WrapRootGone,
        Err(ApiError::Denied(Denial::Unknown)) | Ok(_) => ApiError::WrapRootUnknown,
        Err(refused) => refused,
    }
}

/// Also mends the revocation list, where it missed what the record knows.
async fn ask_record<H: Host>(app: &App<H>, id: &DeployId, asked: Asked<'_>) -> Result<Record, ApiError> {
    let found = deploys::find(&app.host, id).await?;
    if let Some(revoked_at) = found.as_ref().and_then(|record| record.deploy.revoked_at)
        && let Err(error) = app.host.list_revoked(id, revoked_at).await
    {
        app.log.warn(&error);
    }
    policy::by_record(found.as_ref(), asked)?;
    found.ok_or_else(|| Denial::Unknown.into())
}

fn answer(record: &Record, inner: &InnerBlob) -> Outcome {
    let Record { project_id, deploy, .. } = record;
    let format = Format::from_number(deploy.format)
        .map_err(|error| HostError::Database(format!("a record's format: {error}")))?;
    let key = format.service_key(inner, &deploy.deploy_id, project_id);
    let inner = (deploy.credential == Credential::DeployKey).then_some(inner);
    Answer::ok(&DecryptResponse::new(&key, project_id.clone(), inner))
}
