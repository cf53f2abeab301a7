//! The operator's log: one JSON object per line. Callers pass only errors that carry no key
//! material.

use std::fmt;
use std::sync::Arc;

use capy_protocol::{json, to_json};

use crate::call::Answer;
use crate::caller::Peer;

/// Writes lines to a sink.
#[derive(Clone)]
pub struct Log(Arc<dyn Fn(&str) + Send + Sync>);

impl Log {
    /// A log whose lines go to `sink`.
    pub fn new(sink: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(sink))
    }

    /// Writes an event of the host's own: one JSON object.
    pub fn event(&self, event: &str) {
        (self.0)(event);
    }

    /// Logs a fault that did not change the answer.
    pub fn warn(&self, fault: &dyn fmt::Display) {
        let detail = fault.to_string();
        self.line(&Line { level: "warn", detail: &detail, request: None });
    }

    /// Logs the cause of a 5xx.
    pub(crate) fn failed(&self, request_id: &str, method: &str, answer: &Answer) {
        let Answer { status, route, detail, .. } = answer;
        let request = Some(Subject { request_id, method, route, status: *status });
        self.line(&Line { level: "error", detail: detail.as_deref().unwrap_or(""), request });
    }

    fn line(&self, line: &Line<'_>) {
        (self.0)(&json::write(line));
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Log(…)")
    }
}

struct Line<'a> {
    level: &'static str,
    detail: &'a str,
    request: Option<Subject<'a>>,
}

to_json!(Line<'_> { level, detail, request: flat });

struct Subject<'a> {
    request_id: &'a str,
    method: &'a str,
    /// The route's pattern, because the path holds ids.
    route: &'a str,
    status: u16,
}

to_json!(Subject<'_> { request_id, method, route, status });

/// The host's own id for the request, or a random one. Never an id from the client.
pub(crate) fn request_id(peer: &Peer) -> String {
    let known = peer.request_id.as_ref();
    known.filter(|id| (1..=64).contains(&id.len())).cloned().unwrap_or_else(random_id)
}

fn random_id() -> String {
    let mut bytes = [0; 8];
    // Without randomness the id is only less useful.
    let _ = getrandom::fill(&mut bytes);
    hex::encode(bytes)
}
