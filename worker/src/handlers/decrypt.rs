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
use crate::policy::{self, Asked, Denial};
use crate::release::{self, Release};
use crate::row_seals;
use crate::store::audit;
use crate::store::deploys;

/// 1. The path: 400. How often the address asked: 429. The body: 400, 413, 415.
/// 2. The revocation list: 410 for a listed id, even with the database down. It grants nothing.
/// 3. The outer blob's shape: 422.
/// 4. The record: 503 when it cannot be read. Where the outer blob opens under it, how often the deployment was asked
///    for: 429. An id alone is listed by every `read:` token: it takes none of what the deployment may ask.
/// 5. The record's seal and its terms: 404, 410, 403; 422 where somebody else than the service changed it, 503 where it
///    bears no seal.
/// 6. The outer blob opens: 422. Another service's blob is told apart from an unknown id, and a deployment whose root is
///    gone from both.
/// 7. Use and audit event in one transaction, on the condition that the record still allows it: 410, 503. What was
///    released for the same idempotency key within the last minute takes no second use; its event says `repeated`.
/// 8. Only then the key: 200.
///
/// A refusal by 2, 5 or 7 of who brought the blob is an event, one a minute of each kind; by the list, after the answer.
pub(crate) async fn decrypt<H: Host>(app: Arc<App<H>>, call: Call) -> Outcome {
    let id = call.id(DeployId::parse)?;
    limits::require_from_address(&app, call.address()).await?;
    let (caller, key) = (call.caller(), call.idempotency_key()?);
    let request: DecryptRequest = call.json().await?;
    let bytes = parse_base64(&request.ciphertext)
        .map_err(|_| ApiError::BadRequest("ciphertext is not canonical base64".into()))?;
    let asks =
        Asks { event: Event { action: Action::Decrypt, at: app.clock.now(), actor: None, caller }, key };
    let event = &asks.event;
    if let Err(denial) = ask_list(&app, &id).await {
        if !app.refusals.was_recorded(&id, ErrorCode::DeployRevoked, event.at) {
            let apart = Arc::clone(&app);
            app.host.run_apart(async move { record_listed(&apart, &id, &bytes, &asks.event).await }).await;
        }
        return Err(denial.into());
    }
    open(&app, &id, &bytes, &asks).await
}

/// Who asks, and what that client knows its own tries by.
struct Asks {
    event: Event,
    key: Option<IdempotencyKey>,
}

/// How often a release is tried whose record changes between lookup and release: each try takes three statements.
const TRIES: usize = 8;
/// The detail of the event of a release that counts towards a limit.
const COUNTED: &str = "counted";

async fn open<H: Host>(app: &App<H>, id: &DeployId, bytes: &[u8], asks: &Asks) -> Outcome {
    let Asks { event, key } = asks;
    let roots = app.secrets.wrap_roots()?;
    let outer = OuterBlob::from_bytes(bytes).map_err(|_| ApiError::BlobRejected)?;
    let address = event.caller.peer.address.as_deref();
    for tried in 0..TRIES {
        let asked = Asked { now: event.at, address, repeated: false };
        let found = find(app, id).await?;
        let opened =
            found.as_ref().and_then(|record| roots.unwrap_outer(&outer, id, &record.project_id).ok());
        let (Some(record), Some(inner)) = (&found, opened) else {
            let has_root = roots.root(outer.kid()).is_ok();
            return Err(without_blob(found.as_ref(), asked, outer.kid(), has_root));
        };
        if tried == 0 {
            limits::require_of_deploy(app, id).await?;
        }
        // The root that opened the blob is held: a row that names another one was changed.
        let row_key = roots.row_key(record.key_id).ok().filter(|_| record.key_id == outer.kid());
        let repeated = row_key
            .as_ref()
            .zip(key.as_ref())
            .is_some_and(|(row_key, key)| release::is_repeated(row_key, record, key, event.at));
        let standing = row_seals::of_deploy(row_key.as_ref(), record);
        let decision = policy::by_sealed_record(record, standing, Asked { repeated, ..asked });
        let row_key = match (decision, row_key) {
            (Ok(()), Some(row_key)) => row_key,
            (decision, _) => {
                let denial = decision.err().unwrap_or(Denial::Altered);
                return Err(recorded(app, &record.project_id, id, event, denial).await);
            }
        };
        if repeated {
            return repeat(app, record, &inner, event).await;
        }
        let counted = record.deploy.max_uses.map(|_| COUNTED);
        let subject = Subject::deploy(&record.project_id, id).with_detail(counted);
        let row = app.seal(event, subject, "ok")?;
        let release = Release::of(&row_key, record, key.as_ref(), event.at);
        if deploys::release(&app.host, id, &release, &row).await? {
            return answer(record, &inner);
        }
        // What came between is in the record by now.
    }
    Err(ApiError::Unavailable(Fault::Contended))
}

/// The answer again, to the client that lost it, once that is an event.
async fn repeat<H: Host>(app: &App<H>, record: &Record, inner: &InnerBlob, event: &Event) -> Outcome {
    let id = &record.deploy.deploy_id;
    let row = app.seal(event, Subject::deploy(&record.project_id, id), "repeated")?;
    let now = deploys::repeat(&app.host, id, &row).await?;
    match now.is_some_and(|now| now.deploy.revoked_at.is_none()) {
        true => answer(record, inner),
        false => Err(recorded(app, &record.project_id, id, event, Denial::Revoked).await),
    }
}

/// Why a blob that does not open is refused. Of such calls nothing is kept, or whoever knows an id could fill the trail.
fn without_blob(found: Option<&Record>, asked: Asked<'_>, kid: KeyId, has_root: bool) -> ApiError {
    match policy::by_record(found, asked) {
        // Without a record it is another service's.
        Err(Denial::Unknown) if !has_root => ApiError::WrapRootUnknown,
        Err(denial) => denial.into(),
        Ok(()) if has_root => ApiError::BlobRejected,
        Ok(()) if found.is_some_and(|record| record.key_id == kid) => ApiError::WrapRootGone,
        Ok(()) => ApiError::WrapRootUnknown,
    }
}

/// The refusal, once it is an event. Best effort: the answer stays a refusal whatever the database does.
async fn recorded<H: Host>(
    app: &App<H>,
    project_id: &ProjectId,
    id: &DeployId,
    event: &Event,
    denial: Denial,
) -> ApiError {
    let refusal = ApiError::from(denial);
    let code = refusal.code();
    if app.refusals.is_due(id, code, event.at) {
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

/// Records a refusal by the list of who brought the blob. The database is asked once for each listed id, for the
/// project that the blob is bound to.
async fn record_listed<H: Host>(app: &App<H>, id: &DeployId, bytes: &[u8], event: &Event) {
    let (Ok(roots), Ok(outer)) = (app.secrets.wrap_roots(), OuterBlob::from_bytes(bytes)) else { return };
    let project_id = match app.refusals.project_of(id) {
        Some(known) => known,
        None => match deploys::find(&app.host, id).await {
            Ok(Some(record)) => {
                app.refusals.remember(*id, record.project_id.clone());
                record.project_id
            }
            Ok(None) => return,
            Err(error) => return app.log.warn(&error),
        },
    };
    if roots.unwrap_outer(&outer, id, &project_id).is_ok() {
        recorded(app, &project_id, id, event, Denial::Revoked).await;
    }
}

async fn ask_list<H: Host>(app: &App<H>, id: &DeployId) -> Result<(), Denial> {
    let listed = app.host.is_listed(id).await;
    if let Err(error) = &listed {
        app.log.warn(error);
    }
    policy::by_list(&listed)
}

/// The record. Also mends the revocation list, where it missed what the record knows.
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
