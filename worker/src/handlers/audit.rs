//! Lists, verifies and seals the audit trail, and writes off lost wrap roots that it needs.

use std::collections::BinaryHeap;
use std::sync::Arc;

use capy_protocol::api::{AuditList, AuditVerification, WriteOffRequest, WriteOffResponse};
use capy_protocol::id::{KeyId, ProjectId};
use capy_protocol::scope::Scope;

use crate::app::App;
use crate::audit::{Action, SEGMENT_ROWS_MAX, Subject, WriteOffRefusal};
use crate::auth;
use crate::call::{Answer, Call, Outcome};
use crate::error::ApiError;
use crate::host::{self, Host};
use crate::query;
use crate::store::audit::{self, Sealing, Verified};
use crate::store::row_seals;

/// The most roots that one call writes off.
const ROOTS_MAX: usize = 16;

/// `GET /projects/{project_id}/audit?cursor=`: lists a project's audit events.
///
/// 1. Authenticate the bearer: 401. Parse the path: 400. Require a scope that reads the project:
///    403. Parse the cursor: 400.
/// 2. Answer 200 with a page of the project's events, newest first. 503 without the database.
pub(crate) async fn list<H: Host>(app: Arc<App<H>>, call: Call) -> Outcome {
    let identity = auth::identify(&app, call.authorization()).await?;
    let project_id = call.id(ProjectId::parse)?;
    identity.require(&Scope::Read(project_id.clone()))?;
    let before = query::number(call.query(), "cursor")?;
    let (events, next) = audit::list(&app.host, Some(&project_id), before).await?;
    Answer::ok(&AuditList { events, next: next.map(|number| number.to_string()) })
}

/// `GET /admin/audit?cursor=`: lists the audit events that belong to no project.
///
/// 1. Require an admin's bearer: 401, 403. Parse the cursor: 400.
/// 2. Answer 200 with a page of these events, newest first. 503 without the database.
pub(crate) async fn list_of_service<H: Host>(app: Arc<App<H>>, call: Call) -> Outcome {
    auth::admin(&app, call.authorization()).await?;
    let (events, next) = audit::list(&app.host, None, query::number(call.query(), "cursor")?).await?;
    Answer::ok(&AuditList { events, next: next.map(|number| number.to_string()) })
}

/// `GET /admin/audit/verify?from=`: verifies one segment of the audit trail.
///
/// 1. Require an admin's bearer: 401, 403. Parse the number: 400.
/// 2. When `from` is after the last checkpoint, make a checkpoint over the rows that have none:
///    503.
/// 3. Answer 200 with the checkpoint, the findings about its segment, and the number of the next
///    checkpoint. When no checkpoint can be made, the findings are about the first rows that have
///    none.
pub(crate) async fn verify<H: Host>(app: Arc<App<H>>, call: Call) -> Outcome {
    auth::admin(&app, call.authorization()).await?;
    let from = query::number(call.query(), "from")?.unwrap_or(1).max(1);
    let roots = app.secrets.wrap_roots()?;
    let Verified { mut sealed, mut findings, last, next } = audit::verify(&app.host, &roots, from).await?;
    let is_new = sealed.is_none() && from > last;
    let mut pending = 0;
    if is_new {
        match audit::seal_next(&app.host, &roots, app.clock.now()).await? {
            Sealing::Nothing => {}
            Sealing::Made(_) => {
                Verified { sealed, findings, .. } = audit::verify(&app.host, &roots, from).await?;
            }
            Sealing::Refused { reason, findings: found, pending: count } => {
                tell_stop(&app, reason.to_string()).await;
                (findings, pending) = (found, count);
            }
        }
    }
    // A new checkpoint that is not full is the end: on a busy service there would always be another
    // one.
    let is_end = match &sealed {
        Some(sealed) => is_new && sealed.checkpoint.count < SEGMENT_ROWS_MAX,
        None => from > last,
    };
    if is_end {
        findings.extend(audit::out_of_range(&app.host).await?.findings());
    }
    Answer::ok(&AuditVerification {
        checkpoint: sealed.map(|sealed| sealed.checkpoint),
        findings,
        pending,
        unsealed: if from == 1 { audit::unsealed(&app.host).await? } else { 0 },
        next: (!is_end).then_some(next.unwrap_or(from + 1)),
    })
}

/// Makes checkpoints over the events since the last one, up to [`Host::CHECKPOINTS_AT_ONCE`] of
/// them, and moves API tokens and trusts under the newest root. A host calls this every few
/// minutes.
pub async fn checkpoint<H: Host>(app: &App<H>) {
    for _ in 0..H::CHECKPOINTS_AT_ONCE {
        let made = match app.secrets.wrap_roots() {
            Ok(roots) => audit::seal_next(&app.host, &roots, app.clock.now()).await,
            Err(fault) => return tell_stop(app, fault.to_string()).await,
        };
        match made {
            Ok(Sealing::Made(Some(sealed))) if sealed.checkpoint.count >= SEGMENT_ROWS_MAX => {}
            Ok(Sealing::Refused { reason, .. }) => return tell_stop(app, reason.to_string()).await,
            Ok(Sealing::Nothing | Sealing::Made(_)) => break,
            Err(error) => return tell_stop(app, error.to_string()).await,
        }
    }
    let sealed = audit::record_sealed(&app.host, app.clock.now()).await;
    if let Err(error) = sealed.and(renew(app).await) {
        app.log.warn(&error);
    }
}

/// Seals API tokens and trusts under the newest root, as checkpoints do for the trail.
async fn renew<H: Host>(app: &App<H>) -> host::Result<()> {
    match app.secrets.wrap_roots() {
        Ok(roots) => row_seals::renew(&app.host, &roots).await,
        Err(_) => Ok(()),
    }
}

/// Records that the sealing has stopped, why and since when: in the log, and for the health check.
async fn tell_stop<H: Host>(app: &App<H>, reason: String) {
    let now = app.clock.now();
    let since = audit::record_stop(&app.host, &reason, now).await.unwrap_or(now);
    app.log.warn(&format!("the sealing of the audit trail has stopped since {since}: {reason}"));
}

/// `POST /admin/audit/give-up`: writes off lost wrap roots.
///
/// 1. Require an admin's bearer: 401, 403. Read the body: 400, 413, 415.
/// 2. Find what would be lost: 409 for a root that is held or that nothing needs, and when the
///    trail cannot be sealed even without these roots.
/// 3. For a dry run, answer 200 with it.
/// 4. Write an event and a checkpoint that records the loss in one transaction: 409 when another
///    call made a checkpoint meanwhile, 503. Then make checkpoints over the rows that waited, as
///    many as one run may.
/// 5. Answer 200 with what is lost.
pub(crate) async fn write_off<H: Host>(app: Arc<App<H>>, call: Call) -> Outcome {
    let identity = auth::admin(&app, call.authorization()).await?;
    let caller = call.caller();
    let request: WriteOffRequest = call.json().await?;
    let key_ids = distinct(request.key_ids)?;
    let roots = app.secrets.wrap_roots()?;
    if key_ids.iter().any(|key_id| roots.key_ids().any(|held| held == *key_id)) {
        return Err(WriteOffRefusal::Held.into());
    }
    let now = app.clock.now();
    let (segment, loss) = audit::find_loss(&app.host, &roots, &key_ids).await?;
    let loss = loss?;
    let sealed = segment.seal_writing_off(&loss.findings, &roots, now).map_err(WriteOffRefusal::from)?;
    let mut answer = WriteOffResponse { events: loss.events, findings: loss.findings, checkpoint: None };
    if !request.dry_run {
        let names: Vec<String> = key_ids.iter().map(KeyId::to_string).collect();
        let detail = format!("{} events lose their proof", loss.events);
        let subject = Subject::of_service(&names.join(","), Some(detail));
        let event = app.seal(&identity.event(Action::GiveUpRoot, now, caller), subject, "ok")?;
        let made = audit::record_loss(&app.host, &sealed, &event).await?;
        answer.checkpoint = Some(made.ok_or(WriteOffRefusal::Overtaken)?.checkpoint);
        checkpoint(&app).await;
    }
    Answer::ok(&answer)
}

/// Sorts the ids, so that what is recorded does not depend on their order in the request. 400 for
/// duplicates and a wrong number of ids.
fn distinct(key_ids: Vec<KeyId>) -> Result<Vec<KeyId>, ApiError> {
    let key_ids = BinaryHeap::from(key_ids).into_sorted_vec();
    match key_ids.len() {
        1..=ROOTS_MAX if key_ids.windows(2).all(|pair| pair[0] != pair[1]) => Ok(key_ids),
        _ => {
            Err(ApiError::BadRequest(format!("key_ids has one to {ROOTS_MAX} wrap roots, each once").into()))
        }
    }
}
