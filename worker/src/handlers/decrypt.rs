//! `POST /deploy/{id}/decrypt`: the one route that releases a key.

use std::sync::Arc;

use capy_protocol::api::{Credential, DecryptRequest, DecryptResponse, ErrorCode};
use capy_protocol::blob::Format;
use capy_protocol::id::{DeployId, KeyId, ProjectId};
use capy_protocol::idempotency::IdempotencyKey;
use capy_protocol::text::parse_base64;
use capy_protocol::wrap::{InnerBlob, OuterBlob};

use crate::app::App;
use crate::audit::{Action, Event, Subject};
use crate::call::{Answer, Call, Outcome};
use crate::deploy_record::Record;
use crate::error::{ApiError, Fault};
use crate::host::{Host, HostError};
use crate::limits;
use crate::policy::{self, DecryptContext, Denial};
use crate::release::{self, Release};
use crate::row_seals;
use crate::store::audit;
use crate::store::deploys;

/// Releases the key of a deployment.
///
/// 1. Parse the path: 400. Check the rate limit of the caller's address: 429. Parse the idempotency
///    key: 400. Read the body: 400, 413, 415.
/// 2. Check the revocation list: 410 for a listed id, even without the database. The list never
///    grants a key.
/// 3. Check the shape of the outer blob: 422.
/// 4. Read the record: 503 when that fails. When the outer blob opens under the record, check the
///    rate limit of the deployment: 429. A call with the id alone does not count towards that
///    limit, since every `read:` token can list ids.
/// 5. Check the record's seal and terms: 404, 410, 403; 422 when somebody other than the service
///    changed the row, 503 when the row has no seal.
/// 6. Require that the outer blob opens: 422. A blob of another service and a deployment whose root
///    is gone have codes of their own, distinct from that of an unknown id.
/// 7. Write the use and the audit event in one transaction, provided that the record still allows a
///    release: 410, 503. A release that is repeated for the same idempotency key within a minute
///    does not count as another use; its event has the result `repeated`.
/// 8. Only then answer 200 with the key.
///
/// A refusal in step 2, 5 or 7 becomes an audit event when the caller brought the blob: one per
/// minute for each deployment and code. For step 2 the event is written after the answer.
pub(crate) async fn decrypt<H: Host>(app: Arc<App<H>>, call: Call) -> Outcome {
    let id = call.id(DeployId::parse)?;
    limits::require_from_address(&app, call.address()).await?;
    let (caller, key) = (call.caller(), call.idempotency_key()?);
    let request: DecryptRequest = call.json().await?;
    let bytes = parse_base64(&request.ciphertext)
        .map_err(|_| ApiError::BadRequest("ciphertext is not canonical base64".into()))?;
    let attempt = DecryptAttempt {
        event: Event { action: Action::Decrypt, at: app.clock.now(), actor: None, caller },
        key,
    };
    let event = &attempt.event;
    if let Err(denial) = check_revocation_list(&app, &id).await {
        if !app.refusal_throttle.was_recorded(&id, ErrorCode::DeployRevoked, event.at) {
            let apart = Arc::clone(&app);
            app.host
                .run_in_background(
                    async move { record_listed_refusal(&apart, &id, &bytes, &attempt.event).await },
                )
                .await;
        }
        return Err(denial.into());
    }
    open(&app, &id, &bytes, &attempt).await
}

/// The event to record, and the client's idempotency key.
struct DecryptAttempt {
    event: Event,
    key: Option<IdempotencyKey>,
}

/// How often a release is tried when the record changes between lookup and release. Each try takes
/// three statements.
const TRIES_MAX: usize = 8;
/// The detail of a release's event when the release counts towards a limit.
const COUNTED_DETAIL: &str = "counted";

async fn open<H: Host>(app: &App<H>, id: &DeployId, bytes: &[u8], attempt: &DecryptAttempt) -> Outcome {
    let DecryptAttempt { event, key } = attempt;
    let roots = app.secrets.wrap_roots()?;
    let outer = OuterBlob::from_bytes(bytes).map_err(|_| ApiError::BlobRejected)?;
    let address = event.caller.peer.address.as_deref();
    for tried in 0..TRIES_MAX {
        let context = DecryptContext { now: event.at, address, repeated: false };
        let found = find(app, id).await?;
        let opened =
            found.as_ref().and_then(|record| roots.unwrap_outer(&outer, id, &record.project_id).ok());
        let (Some(record), Some(inner)) = (&found, opened) else {
            let has_root = roots.root(outer.kid()).is_ok();
            return Err(refusal_of_unopened_blob(found.as_ref(), context, outer.kid(), has_root));
        };
        if tried == 0 {
            limits::require_of_deploy(app, id).await?;
        }
        // The root that opened the blob is held, so a row that names another root was changed.
        let row_key = roots.row_key(record.key_id).ok().filter(|_| record.key_id == outer.kid());
        let repeated = row_key
            .as_ref()
            .zip(key.as_ref())
            .is_some_and(|(row_key, key)| release::is_repeated(row_key, record, key, event.at));
        let status = row_seals::verify_deploy(row_key.as_ref(), record);
        let decision = policy::by_sealed_record(record, status, DecryptContext { repeated, ..context });
        let row_key = match (decision, row_key) {
            (Ok(()), Some(row_key)) => row_key,
            (decision, _) => {
                let denial = decision.err().unwrap_or(Denial::Altered);
                return Err(record_refusal(app, &record.project_id, id, event, denial).await);
            }
        };
        if repeated {
            return repeat(app, record, &inner, event).await;
        }
        let counted = record.deploy.max_uses.map(|_| COUNTED_DETAIL);
        let subject = Subject::deploy(&record.project_id, id).with_detail(counted);
        let row = app.seal(event, subject, "ok")?;
        let release = Release::of(&row_key, record, key.as_ref(), event.at);
        if deploys::release(&app.host, id, &release, &row).await? {
            return answer(record, &inner);
        }
        // The next lookup sees what changed the record meanwhile.
    }
    Err(ApiError::Unavailable(Fault::Contended))
}

/// Answers a repeated release, for a client that lost the first answer, once the event is written.
async fn repeat<H: Host>(app: &App<H>, record: &Record, inner: &InnerBlob, event: &Event) -> Outcome {
    let id = &record.deploy.deploy_id;
    let row = app.seal(event, Subject::deploy(&record.project_id, id), "repeated")?;
    let now = deploys::repeat(&app.host, id, &row).await?;
    match now.is_some_and(|now| now.deploy.revoked_at.is_none()) {
        true => answer(record, inner),
        false => Err(record_refusal(app, &record.project_id, id, event, Denial::Revoked).await),
    }
}

/// The refusal of a blob that does not open. No event is written for it, since anybody who knows an
/// id could fill the audit trail that way.
fn refusal_of_unopened_blob(
    found: Option<&Record>,
    context: DecryptContext<'_>,
    kid: KeyId,
    has_root: bool,
) -> ApiError {
    match policy::by_record(found, context) {
        // Without a record and without its root, the blob is another service's.
        Err(Denial::Unknown) if !has_root => ApiError::WrapRootUnknown,
        Err(denial) => denial.into(),
        Ok(()) if has_root => ApiError::BlobRejected,
        Ok(()) if found.is_some_and(|record| record.key_id == kid) => ApiError::WrapRootGone,
        Ok(()) => ApiError::WrapRootUnknown,
    }
}

/// Records a refusal in the audit trail, and returns it. When the database fails, the answer is the
/// same refusal.
async fn record_refusal<H: Host>(
    app: &App<H>,
    project_id: &ProjectId,
    id: &DeployId,
    event: &Event,
    denial: Denial,
) -> ApiError {
    let refusal = ApiError::from(denial);
    let code = refusal.code();
    if app.refusal_throttle.is_due(id, code, event.at) {
        let append = async {
            let row = app.seal(event, Subject::deploy(project_id, id), code.as_str())?;
            Ok::<_, ApiError>(audit::append(&app.host, &row).await?)
        };
        if let Err(ApiError::Unavailable(fault)) = append.await {
            app.log.warn(&fault);
        }
    }
    refusal
}

/// Records a refusal by the revocation list, when the caller brought the blob. The project that the
/// blob is bound to is remembered, so that the database is asked once for each listed id.
async fn record_listed_refusal<H: Host>(app: &App<H>, id: &DeployId, bytes: &[u8], event: &Event) {
    let (Ok(roots), Ok(outer)) = (app.secrets.wrap_roots(), OuterBlob::from_bytes(bytes)) else { return };
    let project_id = match app.refusal_throttle.project_of(id) {
        Some(known) => known,
        None => match deploys::find(&app.host, id).await {
            Ok(Some(record)) => {
                app.refusal_throttle.remember(*id, record.project_id.clone());
                record.project_id
            }
            Ok(None) => return,
            Err(error) => return app.log.warn(&error),
        },
    };
    if roots.unwrap_outer(&outer, id, &project_id).is_ok() {
        record_refusal(app, &project_id, id, event, Denial::Revoked).await;
    }
}

async fn check_revocation_list<H: Host>(app: &App<H>, id: &DeployId) -> Result<(), Denial> {
    let listed = app.host.is_listed(id).await;
    if let Err(error) = &listed {
        app.log.warn(error);
    }
    policy::by_list(&listed)
}

/// Finds the record. Also puts a revoked deployment on the revocation list, in case an earlier
/// write to the list failed.
async fn find<H: Host>(app: &App<H>, id: &DeployId) -> Result<Option<Record>, ApiError> {
    let found = deploys::find(&app.host, id).await?;
    if let Some(revoked_at) = found.as_ref().and_then(|record| record.deploy.revoked_at)
        && let Err(error) = app.host.list_revoked(id, revoked_at).await
    {
        app.log.warn(&error);
    }
    Ok(found)
}

fn answer(record: &Record, inner: &InnerBlob) -> Outcome {
    let Record { project_id, deploy, .. } = record;
    let format = Format::from_number(deploy.format)
        .map_err(|error| HostError::Database(format!("a record's format: {error}")))?;
    let key = format.service_key(inner, &deploy.deploy_id, project_id);
    let inner = (deploy.credential == Credential::DeployKey).then_some(inner);
    Answer::ok(&DecryptResponse::new(&key, project_id.clone(), inner))
}
