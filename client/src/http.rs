//! One request, tried until it is answered or the deadline has passed. Knows HTTP, and nothing of deployments.
//!
//! Redirects are not followed, answers are capped, and no proxy stands between this machine and itself. Tried
//! again: failed connections, timeouts, 429 and 5xx, but for a service without a project store. Never: another 4xx, a redirect, a TLS fault.

use std::time::Duration;

use capy_protocol::api::{ErrorBody, ErrorCode};
use capy_protocol::idempotency::{self, IdempotencyKey};
use capy_protocol::text::steers_terminal;
use serde::de::DeserializeOwned;
use ureq::http::{HeaderMap, Response, header};
use ureq::{Agent, Body};
use zeroize::Zeroizing;

use crate::authorities::{self, Unusable};
use crate::{Deadline, Error, Result, ServiceUrl};

/// The longest body of a 429 or 5xx that is looked into for its reason.
const LONGEST_EXCUSE: u64 = 64 * 1024;

/// What is asked.
pub(crate) struct Request<'a> {
    pub(crate) method: Method,
    /// Begins with a slash.
    pub(crate) path: String,
    pub(crate) bearer: Option<&'a str>,
    /// What the service knows the tries of this call by.
    pub(crate) idempotency_key: Option<IdempotencyKey>,
    /// The longest answer that is read.
    pub(crate) max_bytes: u64,
}

pub(crate) enum Method {
    Get,
    Delete,
    Post(Zeroizing<Vec<u8>>),
    Put(Zeroizing<Vec<u8>>),
}

/// A whole answer that is no reason to try again.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self, url: &ServiceUrl) -> Result<T> {
        // The parser's own words could quote what it read.
        serde_json::from_slice(&self.body).map_err(|_| Error::ServiceProtocol {
            url: url.clone(),
            reason: format!("its {} answer is not the JSON that was expected", self.status),
        })
    }
}

/// Why another try may end better.
struct Setback {
    reason: String,
    asked_pause: Option<Duration>,
}

/// What speaks to a service; none where nobody could vouch for it.
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

/// Asks until there is an answer.
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
        let setback = match attempt(agent, url, request, timeout)? {
            Ok(answer) => return Ok(answer),
            Err(setback) => setback,
        };
        reason = setback.reason;
        match deadline.pause(attempts, setback.asked_pause) {
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
) -> Result<Result<Answer, Setback>> {
    let mut response = match call(agent, url, request, timeout) {
        Ok(response) => response,
        Err(fault) => return setback_of(fault, url).map(Err),
    };
    let status = response.status().as_u16();
    if status == 429 || status >= 500 {
        // Whatever its body is: a proxy's error page may be of any size, and end in the middle.
        let body = read_body(&mut response, LONGEST_EXCUSE).unwrap_or_default();
        if is_final(&body) {
            return Ok(Ok(Answer { status, body }));
        }
        return Ok(Err(Setback {
            reason: format!("it answered {status}{}", said(&body)),
            asked_pause: retry_after(response.headers()),
        }));
    }
    match read_body(&mut response, request.max_bytes) {
        Ok(body) => Ok(Ok(Answer { status, body })),
        Err(fault) => setback_of(fault, url).map(Err),
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

/// Sorts a failed call: worth another try, or final.
fn setback_of(fault: ureq::Error, url: &ServiceUrl) -> Result<Setback> {
    use ureq::Error as Fault;
    let protocol = |reason: &str| Error::ServiceProtocol { url: url.clone(), reason: reason.into() };
    match fault {
        Fault::Tls(_) | Fault::Rustls(_) | Fault::TlsRequired => {
            Err(Error::ServiceUntrusted { url: url.clone(), source: Box::new(fault) })
        }
        // What rustls finds wrong while it reads comes wrapped in an IO error of this kind.
        Fault::Io(ref io) if io.kind() == std::io::ErrorKind::InvalidData => {
            Err(Error::ServiceUntrusted { url: url.clone(), source: Box::new(fault) })
        }
        Fault::BodyExceedsLimit(_) | Fault::LargeResponseHeader(..) => {
            Err(protocol("its answer is too large"))
        }
        Fault::Http(_) => Err(protocol("the request cannot be written as HTTP")),
        Fault::Timeout(_) => Ok(setback("the call timed out")),
        Fault::HostNotFound => Ok(setback("no such host")),
        Fault::ConnectionFailed => Ok(setback("no connection")),
        Fault::Io(fault) => Ok(setback(&fault.to_string())),
        other => Ok(setback(&other.to_string())),
    }
}

fn setback(reason: &str) -> Setback {
    Setback { reason: clean(reason), asked_pause: None }
}

/// `retry-after` in seconds (RFC 9110, section 10.2.3). The form with a date is rare and left to the backoff.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

/// Whether a 503 is no fault that passes: the service was set up so.
fn is_final(body: &[u8]) -> bool {
    let body = serde_json::from_slice::<ErrorBody>(body);
    body.is_ok_and(|body| body.code == ErrorCode::StoreOff)
}

fn said(body: &[u8]) -> String {
    serde_json::from_slice::<ErrorBody>(body)
        .map(|body| format!(": {}", clean(&body.error)))
        .unwrap_or_default()
}

/// Text of somebody else as one short line without what steers a terminal: it may end up in a terminal.
pub(crate) fn clean(text: &str) -> String {
    let shown = text.chars().take(200);
    shown.map(|c| if steers_terminal(c) { ' ' } else { c }).collect()
}
