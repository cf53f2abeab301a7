//! Reads the audit trail from the service: its events, and whether it verifies.

use std::collections::BTreeMap;

use anyhow::{Result, anyhow, ensure};
use serde_json::Value;

use super::model::Events;
use crate::registered::{Caller, PROJECT};

/// Counts the project's events by deployment.
pub(super) fn events(caller: &Caller, url: &str) -> Result<BTreeMap<String, Events>> {
    let (mut trail, mut cursor) = (BTreeMap::<String, Events>::new(), String::new());
    loop {
        let page = format!("{url}/projects/{PROJECT}/audit{cursor}");
        let (status, answer) = caller.call("GET", &page, &Value::Null)?;
        let events = answer["events"].as_array().ok_or_else(|| anyhow!("no trail: {status} {answer}"))?;
        for event in events {
            trail.entry(event["subject"].as_str().unwrap_or_default().to_owned()).or_default().add(event);
        }
        match answer["next"].as_str() {
            Some(next) => cursor = format!("?cursor={next}"),
            None => return Ok(trail),
        }
    }
}

/// The result of a verification.
#[derive(Debug)]
pub(super) struct Verified {
    /// How many events are under the checkpoints that were verified.
    pub(super) events: u64,
    /// The number of the last checkpoint.
    pub(super) last: u64,
}

/// Verifies the trail from a checkpoint to its end; the service makes missing checkpoints for that.
///
/// # Errors
/// If anything was removed, added or changed, and if a segment cannot be sealed.
pub(super) fn verify(caller: &Caller, url: &str, from: u64) -> Result<Verified> {
    let mut verified = Verified { events: 0, last: from };
    let mut next = Some(from);
    while let Some(from) = next {
        let page = format!("{url}/admin/audit/verify?from={from}");
        let (status, answer) = caller.call("GET", &page, &Value::Null)?;
        let whole = answer["findings"].as_array().is_some_and(Vec::is_empty) && answer["pending"] == 0;
        ensure!(status == 200 && whole, "the audit trail does not verify from {from}: {status} {answer}");
        if let Some(count) = answer["checkpoint"]["count"].as_u64() {
            verified.events += count;
            verified.last = from;
        }
        next = answer["next"].as_u64();
    }
    Ok(verified)
}
