//! Prometheus metrics: requests by route and status, durations, requests in flight, connections.
//! Labels are patterns and numbers, never an id.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::connections::Counters;

/// OpenMetrics 1.0, for clients that accept it, as Prometheus does since version 2.5.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// The Prometheus text format, for all others.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Histogram buckets in seconds: from a row read by its key, over a commit and a busy disk, to a
/// fault.
const BUCKETS: [f64; 10] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0];

/// All metrics of the service.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    registry: Arc<RwLock<Registry>>,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RouteLabels {
    method: String,
    route: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Build {
    version: &'static str,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("capy");
        let requests = Family::default();
        let durations = Family::new_with_constructor((|| Histogram::new(BUCKETS)) as fn() -> Histogram);
        let in_flight = Gauge::default();
        let build = Family::<Build, Gauge>::default();
        build.get_or_create(&Build { version: env!("CARGO_PKG_VERSION") }).set(1);
        registry.register("http_requests", "Requests that were answered", requests.clone());
        registry.register("http_request_duration_seconds", "From head to answer", durations.clone());
        registry.register("http_requests_in_flight", "Requests that are being answered", in_flight.clone());
        registry.register("build", "The version that runs", build);
        Self { registry: Arc::new(RwLock::new(registry)), requests, durations, in_flight }
    }

    /// Registers the metrics of a listener's connections.
    pub(crate) fn watch(&self, counters: &Counters) {
        let mut registry = self.registry.write().unwrap_or_else(PoisonError::into_inner);
        registry.register("connections", "Connections that are open", counters.open.clone());
        let help =
            "Connections that were not kept: one network had its share, all were taken, another one came";
        registry.register("connections_closed", help, counters.closed.clone());
    }

    /// Counts a request as in flight until the returned guard is dropped.
    pub(crate) fn begin(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// Counts an answer and its duration. `route` is a pattern, or empty if no route matches.
    pub(crate) fn answered(&self, method: &str, route: &str, status: StatusCode, took: Duration) {
        let (method, route) = (method.to_owned(), route.to_owned());
        let of_route = RouteLabels { method: method.clone(), route: route.clone() };
        self.durations.get_or_create(&of_route).observe(took.as_secs_f64());
        let labels = RequestLabels { method, route, status: status.as_u16() };
        self.requests.get_or_create(&labels).inc();
    }

    /// The answer to `GET /metrics`.
    pub(crate) fn page(&self, headers: &HeaderMap) -> Response {
        let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let wants_openmetrics =
            accepted.into_iter().any(|value| value.contains("application/openmetrics-text"));
        let mut text = String::new();
        let registry = self.registry.read().unwrap_or_else(PoisonError::into_inner);
        if encode(&mut text, &registry).is_err() {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        let (content_type, text) = match wants_openmetrics {
            true => (OPENMETRICS, text),
            false => (TEXT_FORMAT, plain(&text)),
        };
        ([(CONTENT_TYPE, HeaderValue::from_static(content_type))], text).into_response()
    }
}

/// OpenMetrics converted to the Prometheus text format, where `HELP` and `TYPE` of a counter have
/// the suffix `_total`, and `EOF` and `UNIT` do not exist.
fn plain(openmetrics: &str) -> String {
    let counter = |line: &str| {
        let name = line.strip_prefix("# TYPE ")?.strip_suffix(" counter")?;
        Some(name.to_owned())
    };
    let counters: Vec<String> = openmetrics.lines().filter_map(counter).collect();
    let mut text = String::with_capacity(openmetrics.len());
    for line in openmetrics.lines().filter(|line| !line.starts_with("# EOF") && !line.starts_with("# UNIT "))
    {
        let mut words = line.splitn(4, ' ');
        let (mark, kind, name) = (words.next(), words.next(), words.next().unwrap_or_default());
        match (mark, kind) {
            (Some("#"), Some(kind @ ("HELP" | "TYPE"))) if counters.iter().any(|counter| counter == name) => {
                text.push_str(&format!("# {kind} {name}_total {}\n", words.next().unwrap_or_default()));
            }
            _ => text.extend([line, "\n"]),
        }
    }
    text
}

/// Guard of a request in flight. It is dropped with the answer, also if the client went away.
pub(crate) struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    async fn page(accept: &str) -> (String, String) {
        let metrics = Metrics::new();
        metrics.answered("GET", "/health", StatusCode::OK, Duration::from_millis(1));
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_str(accept).unwrap())]);
        let (head, body) = metrics.page(&headers).into_parts();
        let text = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
        (head.headers[CONTENT_TYPE].to_str().unwrap().to_owned(), text)
    }

    #[tokio::test]
    async fn the_format_is_the_one_that_is_asked_for_and_the_old_one_else() {
        let sample = "capy_http_requests_total{method=\"GET\",route=\"/health\",status=\"200\"} 1\n";
        for accept in ["", "*/*", "text/plain;version=0.0.4"] {
            let (content_type, text) = page(accept).await;
            assert_eq!(content_type, TEXT_FORMAT, "{accept}");
            assert!(
                text.contains("# TYPE capy_http_requests_total counter\n") && text.contains(sample),
                "{text}"
            );
            assert!(text.contains("# TYPE capy_http_request_duration_seconds histogram\n"), "{text}");
            assert!(!text.contains("EOF"), "{text}");
        }
        let prometheus =
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        let (content_type, text) = page(prometheus).await;
        assert_eq!(content_type, OPENMETRICS);
        assert!(text.contains("# TYPE capy_http_requests counter\n") && text.ends_with("# EOF\n"), "{text}");
    }
}
