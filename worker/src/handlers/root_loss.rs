//! Writes off lost wrap roots that the audit trail needs and that will not come back.

use std::collections::BinaryHeap;
use std::sync::Arc;

use capy_protocol::api::{WriteOffRequest, WriteOffResponse};
use capy_protocol::id::KeyId;

use super::audit::checkpoint;
use crate::app::App;
use crate::audit::{Action, Subject, WriteOffRefusal};
use crate::auth;
use crate::call::{Answer, Call, Outcome};
use crate::error::ApiError;
use crate::host::Host;
use crate::store::root_loss;

/// The most roots that one call writes off.
const ROOTS_MAX: usize = 16;

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
    let (segment, loss) = root_loss::find(&app.host, &roots, &key_ids).await?;
    let loss = loss?;
    let sealed = segment.seal_writing_off(&loss.findings, &roots, now).map_err(WriteOffRefusal::from)?;
    let mut answer = WriteOffResponse { events: loss.events, findings: loss.findings, checkpoint: None };
    if !request.dry_run {
        let names: Vec<String> = key_ids.iter().map(KeyId::to_string).collect();
        let detail = format!("{} events lose their proof", loss.events);
        let subject = Subject::of_service(&names.join(","), Some(detail));
        let event = app.seal(&identity.event(Action::GiveUpRoot, now, caller), subject, "ok")?;
        let made = root_loss::record(&app.host, &sealed, &event).await?;
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
