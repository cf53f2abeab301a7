//! The routes as an axum service, for hosts that speak HTTP themselves.

use std::sync::Arc;

use axum::Router;
use axum::body::Body as HttpBody;
use axum::extract::{Request as HttpRequest, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use capy_protocol::idempotency;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::app::App;
use crate::body::{Body, BodyFault};
use crate::call::{Answer, Request};
use crate::caller::Peer;
use crate::error::{ApiError, Fault};
use crate::future::BoxFuture;
use crate::host::Host;
use crate::routes::answer;

/// The route that answered: an extension of each response, for the host.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The pattern, for the host's own log. Empty when no route matches.
    pub pattern: &'static str,
    /// Whether the route answers only calls with a valid bearer token.
    pub needs_bearer: bool,
}

/// The service as an axum router. A host passes what it knows about the connection as a [`Peer`] in
/// the request's extensions.
pub fn router<H: Host>(app: Arc<App<H>>) -> Router {
    Router::new().fallback(respond::<H>).with_state(app)
}

/// The answer when the host's time limit has passed: 503.
pub fn too_slow() -> Response {
    refusal(ApiError::Unavailable(Fault::TooSlow))
}

/// The answer when the host's trusted proxy does not say who called it: 400.
pub fn caller_unknown() -> Response {
    let text =
        "x-forwarded-for does not say who calls: a list of addresses is read, each with or without its port";
    refusal(ApiError::BadRequest(text.into()))
}

/// The answer when the host has no capacity for another call: 503.
pub fn overloaded() -> Response {
    refusal(ApiError::Unavailable(Fault::Overloaded))
}

fn refusal(error: ApiError) -> Response {
    let mut answer = Answer::from_error(&error);
    answer.headers.push(("cache-control", "no-store".to_owned()));
    response(answer)
}

async fn respond<H: Host>(State(app): State<Arc<App<H>>>, request: HttpRequest) -> Response {
    let (parts, body) = request.into_parts();
    response(answer(&app, read(&parts, body)).await)
}

fn read(parts: &Parts, body: HttpBody) -> Request {
    let header = |name: HeaderName| parts.headers.get(name);
    let text = |name| header(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let lossy = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Request {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().map(str::to_owned),
        authorization: text(AUTHORIZATION),
        content_type: text(CONTENT_TYPE),
        user_agent: header(USER_AGENT).map(lossy),
        // Invalid characters are replaced, so that such a key is malformed and refused.
        idempotency_key: header(HeaderName::from_static(idempotency::HEADER)).map(lossy),
        peer: parts.extensions.get::<Peer>().cloned().unwrap_or_default(),
        body: Box::new(body),
    }
}

impl Body for HttpBody {
    fn read(self: Box<Self>, max: usize) -> BoxFuture<'static, Result<Vec<u8>, BodyFault>> {
        Box::pin(async move {
            match Limited::new(*self, max).collect().await {
                Ok(body) => Ok(body.to_bytes().into()),
                Err(error) if error.is::<LengthLimitError>() => Err(BodyFault::TooLarge),
                Err(_) => Err(BodyFault::Broken),
            }
        })
    }
}

fn response(answer: Answer) -> Response {
    let Answer { status, headers, body, route: pattern, needs_bearer, .. } = answer;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, body).into_response();
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response.extensions_mut().insert(Route { pattern, needs_bearer });
    response
}
