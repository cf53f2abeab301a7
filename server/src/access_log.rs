//! The access log and the request metrics: one JSON line and one count for each answer.
//!
//! The line names the route's pattern, not the path, since paths hold ids. An unknown method is
//! logged as `other`: otherwise a client could create a counter for each name that it makes up.

use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use capy_worker::Route;
use capy_worker::log::Log;
use serde::Serialize;

use crate::metrics::Metrics;

#[derive(Serialize)]
struct Line<'a> {
    level: &'static str,
    request_id: &'a str,
    method: &'a str,
    route: &'a str,
    status: u16,
    milliseconds: f64,
}

/// Middleware that logs and counts a request. It is the outermost layer, so that it sees every
/// answer.
pub(crate) async fn observe(
    State((metrics, log)): State<(Metrics, Log)>,
    request: Request,
    next: Next,
) -> Response {
    let (began, method) = (Instant::now(), name(request.method()));
    let in_flight = metrics.begin();
    let response = next.run(request).await;
    drop(in_flight);
    let took = began.elapsed();
    let route = response.extensions().get::<Route>().map_or("", |route| route.pattern);
    metrics.answered(method, route, response.status(), took);
    let request_id = response.headers().get("x-request-id").and_then(|id| id.to_str().ok());
    let line = Line {
        level: "info",
        request_id: request_id.unwrap_or_default(),
        method,
        route,
        status: response.status().as_u16(),
        milliseconds: (took.as_secs_f64() * 1e6).round() / 1e3,
    };
    if let Ok(text) = serde_json::to_string(&line) {
        log.event(&text);
    }
    response
}

fn name(method: &Method) -> &'static str {
    let known = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS];
    let names = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"];
    known.iter().position(|one| one == method).map_or("other", |place| names[place])
}
