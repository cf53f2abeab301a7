//! The operator's log: one JSON object a line. Refuses key material by taking only errors that carry none.

use std::fmt;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, HeaderName};
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use serde::Serialize;

use crate::app::App;
use crate::caller::Peer;
use crate::error::Detail;
use crate::host::Host;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A sink for lines.
#[derive(Clone)]
pub struct Log(Arc<dyn Fn(&str) + Send + Sync>);

impl Log {
    /// Lines go to `sink`.
    pub fn new(sink: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(sink))
    }

    /// Records what a host tells of its own.
    pub fn event(&self, event: &impl Serialize) {
        if let Ok(text) = serde_json::to_string(event) {
            (self.0)(&text);
        }
    }

    /// Records a fault that did not change the answer.
    pub fn warn(&self, fault: &dyn fmt::Display) {
        let detail = fault.to_string();
        self.line(&Line { level: "warn", detail: &detail, request: None });
    }

    fn line(&self, line: &Line<'_>) {
        let text = serde_json::to_string(line).unwrap_or_else(|_| line.detail.to_owned());
        (self.0)(&text);
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Log(…)")
    }
}

#[derive(Serialize)]
struct Line<'a> {
    level: &'static str,
    detail: &'a str,
    #[serde(flatten)]
    request: Option<Subject<'a>>,
}

#[derive(Serialize)]
struct Subject<'a> {
    request_id: &'a str,
    method: &'a str,
    /// The route's pattern: the path itself holds ids.
    route: &'a str,
    status: u16,
}

/// Gives every answer its id and forbids caches to keep it; logs why it is a 5xx.
pub(crate) async fn observe<H: Host>(
    State(app): State<Arc<App<H>>>,
    request: Request,
    next: Next,
) -> Response {
    let id = request_id(request.extensions().get());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if response.status().is_server_error() {
        report(&app.log, &id, &method, route.as_ref(), &response);
    }
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    response
}

fn report(log: &Log, request_id: &str, method: &Method, route: Option<&MatchedPath>, response: &Response) {
    let detail = response.extensions().get::<Detail>();
    log.line(&Line {
        level: "error",
        detail: detail.map_or("", |Detail(text)| text),
        request: Some(Subject {
            request_id,
            method: method.as_str(),
            route: route.map_or("", MatchedPath::as_str),
            status: response.status().as_u16(),
        }),
    });
}

/// The host's own id for the request, or a random one. What a client calls it is not asked.
fn request_id(peer: Option<&Peer>) -> String {
    let known = peer.and_then(|peer| peer.request_id.as_ref());
    known.filter(|id| (1..=64).contains(&id.len())).cloned().unwrap_or_else(random_id)
}

fn random_id() -> String {
    let mut bytes = [0; 8];
    // Without randomness the id only gets less useful.
    let _ = getrandom::fill(&mut bytes);
    hex::encode(bytes)
}
