//! `GET /health`: whether the database, the revocation list, the rate limiters and the secrets
//! work.

use std::fmt;
use std::sync::Arc;

use capy_protocol::api::{Bindings, Health, SealingHealth};

use crate::app::App;
use crate::call::{Answer, Call, Outcome};
use crate::error::Fault;
use crate::future::MaybeSend;
use crate::host::{self, Host};
use crate::secrets::Secrets;
use crate::store;
use crate::store::audit::{self, SealingState};

/// How long the check of one binding may take.
const CHECK_TIMEOUT_MS: u32 = 2000;

/// Checks all bindings: 200 when all work, otherwise 503 with the same body. Needs no token and is
/// called often, so the database is written to at most every ten seconds.
///
/// Each check has a time limit, and a binding that does not answer within it counts as failed. Only
/// the log says which secret is at fault, and why. A stopped sealing of the audit trail prevents no
/// release of keys, so the answer is `degraded` with 200.
pub(crate) async fn health<H: Host>(app: Arc<App<H>>, _: Call) -> Outcome {
    let mut faults = Vec::new();
    let bindings = Bindings {
        database: state(with_time_limit(&app, store::check(&app.host, app.clock.now())).await, &mut faults),
        revocations: state(with_time_limit(&app, app.host.check_revocations()).await, &mut faults),
        limits: state(with_time_limit(&app, app.host.check_limits()).await, &mut faults),
        secrets: state(app.secrets.check_keys(), &mut faults),
        store: project_store(&app.secrets, &mut faults),
    };
    // A database that does not answer is not waited for a second time.
    let sealing = match bindings.database == "ok" {
        true => sealing(&app).await,
        false => unknown(),
    };
    let status = if faults.is_empty() { 200 } else { 503 };
    let word = if faults.is_empty() && sealing.state == "ok" { "ok" } else { "degraded" };
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let commit = option_env!("CAPY_COMMIT").map(str::to_owned);
    let health = Health { status: word.to_owned(), version, commit, bindings, sealing };
    let mut answer = Answer::json(status, &health);
    answer.detail = Some(Fault::Health(faults.join("; ")).to_string());
    Ok(answer)
}

/// When the sealing counts as stopped: four times the interval between two runs.
const SEALING_LATE_MS: u64 = 20 * 60_000;

/// Whether the audit trail is being sealed.
async fn sealing<H: Host>(app: &App<H>) -> SealingHealth {
    let stopped = |since, reason: &str| SealingHealth {
        state: "stopped".to_owned(),
        since: Some(since),
        reason: Some(reason.to_owned()),
    };
    match with_time_limit(app, audit::sealing(&app.host)).await {
        Ok(Some(SealingState { stopped: Some((since, reason)), .. })) => stopped(since, &reason),
        Ok(Some(SealingState { ran_at, .. })) if app.clock.now().saturating_sub(ran_at) > SEALING_LATE_MS => {
            stopped(ran_at, "it has not run since: nothing calls it any more")
        }
        Ok(_) => SealingHealth { state: "ok".to_owned(), since: None, reason: None },
        Err(_) => unknown(),
    }
}

async fn with_time_limit<H: Host, T: MaybeSend>(
    app: &App<H>,
    check: impl Future<Output = host::Result<T>> + MaybeSend,
) -> Result<T, String> {
    let answer = app.host.with_timeout(CHECK_TIMEOUT_MS, check).await;
    let silent = || Err(format!("no answer within {CHECK_TIMEOUT_MS} milliseconds"));
    answer.map_or_else(silent, |checked| checked.map_err(|fault| fault.to_string()))
}

fn unknown() -> SealingHealth {
    SealingHealth { state: "unknown".to_owned(), since: None, reason: None }
}

/// The state of the project store: `off` without keys, which is no fault.
fn project_store(secrets: &Secrets, faults: &mut Vec<String>) -> String {
    let found = secrets.check_store();
    let off = found == Ok(false);
    let state = state(found.map(drop), faults);
    if off { "off".to_owned() } else { state }
}

fn state<E: fmt::Display>(check: Result<(), E>, faults: &mut Vec<String>) -> String {
    match check {
        Ok(()) => "ok".to_owned(),
        Err(fault) => {
            faults.push(fault.to_string());
            "error".to_owned()
        }
    }
}
