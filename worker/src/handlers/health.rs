//! `GET /health`: whether each binding answers.

use std::fmt;
use std::sync::Arc;

use capy_protocol::api::{Bindings, Health};

use crate::app::App;
use crate::call::{Answer, Call, Outcome};
use crate::error::Fault;
use crate::host::Host;
use crate::secrets::Secrets;
use crate::store::deploys;

/// Asked often, and by anybody: the database is written to every ten seconds at most.
///
/// 200 when all answer, else 503 with the same body; which secret it is, and why, is told in the log only.
pub(crate) async fn health<H: Host>(app: Arc<App<H>>, _: Call) -> Outcome {
    let mut faults = Vec::new();
    let bindings = Bindings {
        database: state(deploys::check(&app.host, app.clock.now()).await, &mut faults),
        revocations: state(app.host.check_revocations().await, &mut faults),
        limits: state(app.host.check_limits().await, &mut faults),
        secrets: state(app.secrets.check_keys(), &mut faults),
        store: store(&app.secrets, &mut faults),
    };
    let (status, word) = if faults.is_empty() { (200, "ok") } else { (503, "degraded") };
    let health = Health { status: word.to_owned(), version: env!("CARGO_PKG_VERSION").to_owned(), bindings };
    let mut answer = Answer::json(status, &health);
    answer.detail = Some(Fault::Health(faults.join("; ")).to_string());
    Ok(answer)
}

/// A service without a project store is whole.
fn store(secrets: &Secrets, faults: &mut Vec<String>) -> String {
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
