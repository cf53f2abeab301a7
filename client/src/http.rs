//! HTTP client with retries: one request, repeated until the service answers or the deadline
//! passes. This module knows nothing about deployments.
//!
//! It follows no redirects, limits the size of answers, and uses no proxy for loopback addresses.
//! It retries failed connections, timeouts, 429 and 5xx, except the error that the service has no
//! project store. It never retries another 4xx, a redirect or a TLS failure.

use std::time::Duration;

use capy_protocol::api::{ErrorBody, ErrorCode};
use capy_protocol::idempotency::{self, IdempotencyKey};
use capy_protocol::terminal_text::clean_line;
use serde::de::DeserializeOwned;
use ureq::http::{HeaderMap, Response, header};
use ureq::{Agent, Body};
use zeroize::Zeroizing;

use crate::authorities::{self, Unusable};
use crate::{Deadline, Error, Result, ServiceUrl};

/// The longest body of a 429 or 5xx, in bytes, that is read for its error message.
const ERROR_BODY_MAX: u64 = 64 * 1024;

/// An HTTP request to the service.
pub(crate) struct Request<'a> {
    pub(crate) method: Method,
    /// The path, which begins with a slash, and the query.
    pub(crate) path: String,
    pub(crate) bearer: Option<&'a str>,
    /// The key by which the service recognises retries of this request.
    pub(crate) idempotency_key: Option<IdempotencyKey>,
    /// The longest answer in bytes that is accepted.
    pub(crate) max_bytes: u64,
}

pub(crate) enum Method {
    Get,
    Delete,
    Post(Zeroizing<Vec<u8>>),
    Put(Zeroizing<Vec<u8>>),
}

/// A complete answer that needs no retry.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl Answer {
    /// Parses the body as JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self, url: &ServiceUrl) -> Result<T> {
        // The parser's error message could quote secrets from the body.
        serde_json::from_slice(&self.body).map_err(|_| Error::ServiceProtocol {
            url: url.clone(),
            reason: format!("its {} answer is not the JSON that was expected", self.status),
        })
    }
}

/// A failure that may pass, so that the request is retried.
struct RetryableFailure {
    reason: String,
    asked_pause: Option<Duration>,
}

/// The HTTP agent for a service; an error if the file of trusted certificate authorities cannot be
/// used.
pub(crate) fn agent(url: &ServiceUrl) -> Result<Agent, Unusable> {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("capy/", env!("CARGO_PKG_VERSION")))
        .accept("application/json");
    if url.is_loopback() {
        config = config.proxy(None);
    }
    if url.as_str().starts_with("https:") {
        config = config.tls_config(authorities::tls_config(|name| std::env::var_os(name))?);
    }
    Ok(config.build().into())
}

/// Sends the request until there is an answer or the deadline passes.
pub(crate) fn send(
    agent: &Agent,
    url: &ServiceUrl,
    request: &Request<'_>,
    deadline: Deadline,
) -> Result<Answer> {
    let mut attempts = 0;
    let mut reason = String::from("there was no time to ask");
    while let Some(timeout) = deadline.next_call() {
        attempts += 1;
        let failure = match attempt(agent, url, request, timeout)? {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        reason = failure.reason;
        match deadline.pause(attempts, failure.asked_pause) {
            Some(pause) => std::thread::sleep(pause),
            None => break,
        }
    }
    Err(Error::ServiceUnreachable { url: url.clone(), reason, attempts, elapsed: deadline.elapsed() })
}

fn attempt(
    agent: &Agent,
    url: &ServiceUrl,
    request: &Request<'_>,
    timeout: Duration,
) -> Result<Result<Answer, RetryableFailure>> {
    let mut response = match call(agent, url, request, timeout) {
        Ok(response) => response,
        Err(fault) => return classify(fault, url).map(Err),
    };
    let status = response.status().as_u16();
    if status == 429 || status >= 500 {
        // Tolerates any body: a proxy's error page may have any size and break off.
        let body = read_body(&mut response, ERROR_BODY_MAX).unwrap_or_default();
        if is_final(&body) {
            return Ok(Ok(Answer { status, body }));
        }
        return Ok(Err(RetryableFailure {
            reason: format!("it answered {status}{}", service_message(&body)),
            asked_pause: retry_after(response.headers()),
        }));
    }
    match read_body(&mut response, request.max_bytes) {
        Ok(body) => Ok(Ok(Answer { status, body })),
        Err(fault) => classify(fault, url).map(Err),
    }
}

fn call(
    agent: &Agent,
    url: &ServiceUrl,
    request: &Request<'_>,
    timeout: Duration,
) -> Result<Response<Body>, ureq::Error> {
    let target = format!("{url}{}", request.path);
    let bearer = request.bearer.map(|token| Zeroizing::new(format!("Bearer {token}")));
    macro_rules! prepared {
        ($builder:expr) => {{
            let mut builder = $builder.config().timeout_global(Some(timeout)).build();
            if let Some(key) = &request.idempotency_key {
                builder = builder.header(idempotency::HEADER, key.serialize_hex());
            }
            match &bearer {
                Some(bearer) => builder.header(header::AUTHORIZATION, bearer.as_str()),
                None => builder,
            }
        }};
    }
    match &request.method {
        Method::Get => prepared!(agent.get(&target)).call(),
        Method::Delete => prepared!(agent.delete(&target)).call(),
        Method::Post(body) => {
            prepared!(agent.post(&target)).content_type("application/json").send(body.as_slice())
        }
        Method::Put(body) => {
            prepared!(agent.put(&target)).content_type("application/json").send(body.as_slice())
        }
    }
}

fn read_body(response: &mut Response<Body>, max_bytes: u64) -> Result<Zeroizing<Vec<u8>>, ureq::Error> {
    let body = response.body_mut().with_config().limit(max_bytes);
    body.read_to_vec().map(Zeroizing::new)
}

/// Classifies a failed call: worth a retry, or final.
fn classify(fault: ureq::Error, url: &ServiceUrl) -> Result<RetryableFailure> {
    use ureq::Error as Fault;
    let protocol = |reason: &str| Error::ServiceProtocol { url: url.clone(), reason: reason.into() };
    match fault {
        Fault::Tls(_) | Fault::Rustls(_) | Fault::TlsRequired => {
            Err(Error::ServiceUntrusted { url: url.clone(), source: Box::new(fault) })
        }
        // TLS failures during reads arrive wrapped in an IO error of this kind.
        Fault::Io(ref io) if io.kind() == std::io::ErrorKind::InvalidData => {
            Err(Error::ServiceUntrusted { url: url.clone(), source: Box::new(fault) })
        }
        Fault::BodyExceedsLimit(_) | Fault::LargeResponseHeader(..) => {
            Err(protocol("its answer is too large"))
        }
        Fault::Http(_) => Err(protocol("the request cannot be written as HTTP")),
        Fault::Timeout(_) => Ok(failure("the call timed out")),
        Fault::HostNotFound => Ok(failure("no such host")),
        Fault::ConnectionFailed => Ok(failure("no connection")),
        Fault::Io(fault) => Ok(failure(&fault.to_string())),
        other => Ok(failure(&other.to_string())),
    }
}

fn failure(reason: &str) -> RetryableFailure {
    RetryableFailure { reason: clean(reason), asked_pause: None }
}

/// Parses `retry-after` in seconds (RFC 9110, section 10.2.3). The date form is rare and is left to
/// the backoff.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

/// Whether the error is permanent because the service is configured so, and a retry is pointless.
fn is_final(body: &[u8]) -> bool {
    let body = serde_json::from_slice::<ErrorBody>(body);
    body.is_ok_and(|body| body.code == ErrorCode::StoreOff)
}

fn service_message(body: &[u8]) -> String {
    serde_json::from_slice::<ErrorBody>(body)
        .map(|body| format!(": {}", clean(&body.error)))
        .unwrap_or_default()
}

/// Cleans text from the service for a line on a terminal, and cuts it after 200 characters.
pub(crate) fn clean(text: &str) -> String {
    let end = text.char_indices().nth(200).map_or(text.len(), |(at, _)| at);
    clean_line(&text[..end])
}
