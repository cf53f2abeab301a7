//! Giving up a wrap root that the audit trail waits for and that will not come back.

use std::collections::BinaryHeap;
use std::sync::Arc;

use capy_protocol::api::{GiveUp, GivenUp};
use capy_protocol::id::KeyId;

use super::audit::checkpoint;
use crate::app::App;
use crate::audit::{Action, Refusal, Subject};
use crate::auth;
use crate::call::{Answer, Call, Outcome};
use crate::error::ApiError;
use crate::host::Host;
use crate::store::losses;

/// How many roots one call gives up.
const AT_ONCE: usize = 16;

/// `POST /admin/audit/give-up`
/// 1. An admin's bearer: 401, 403. The body: 400, 413, 415.
/// 2. 409 for a root that is held or that nothing waits for, and where the trail cannot be sealed without it either.
/// 3. For a dry run, 200 with what would be lost.
/// 4. An event and a checkpoint that says so, both or neither: 409 where somebody else was quicker, 503. Checkpoints over
///    what waited, as many as there is time for.
/// 5. 200 with what is lost.
pub(crate) async fn give_up<H: Host>(app: Arc<App<H>>, call: Call) -> Outcome {
    let identity = auth::admin(&app, call.authorization()).await?;
    let caller = call.caller();
    let request: GiveUp = call.json().await?;
    let key_ids = distinct(request.key_ids)?;
    let roots = app.secrets.wrap_roots()?;
    if key_ids.iter().any(|key_id| roots.key_ids().any(|held| held == *key_id)) {
        return Err(Refusal::Held.into());
    }
    let now = app.clock.now();
    let (stretch, loss) = losses::find(&app.host, &roots, &key_ids).await?;
    let loss = loss?;
    let sealed = stretch.seal_without(&loss.findings, &roots, now).map_err(Refusal::from)?;
    let mut answer = GivenUp { events: loss.events, findings: loss.findings, checkpoint: None };
    if !request.dry_run {
        let names: Vec<String> = key_ids.iter().map(KeyId::to_string).collect();
        let detail = format!("{} events lose their proof", loss.events);
        let subject = Subject::of_service(&names.join(","), Some(detail));
        let event = app.seal(&identity.event(Action::GiveUpRoot, now, caller), subject, "ok")?;
        let made = losses::record(&app.host, &sealed, &event).await?;
        answer.checkpoint = Some(made.ok_or(Refusal::Overtaken)?.checkpoint);
        checkpoint(&app).await;
    }
    Answer::ok(&answer)
}

/// In their order: what is written down shall not depend on how it was asked for.
fn distinct(key_ids: Vec<KeyId>) -> Result<Vec<KeyId>, ApiError> {
    let key_ids = BinaryHeap::from(key_ids).into_sorted_vec();
    match key_ids.len() {
        1..=AT_ONCE if key_ids.windows(2).all(|pair| pair[0] != pair[1]) => Ok(key_ids),
        _ => Err(ApiError::BadRequest(format!("key_ids has one to {AT_ONCE} wrap roots, each once").into())),
    }
}
