//! A request and its answer, as the routes see them on every host. No types of a host and no HTTP
//! library: on Workers a library would be a fifth of the upload.

use std::fmt;

use capy_protocol::api::ErrorBody;
use capy_protocol::idempotency::IdempotencyKey;
use capy_protocol::json::{self, FromJson, ToJson};

use crate::body::{self, BODY_MAX, Body};
use crate::caller::{Caller, Peer};
use crate::error::ApiError;

/// The result of a handler.
pub(crate) type Outcome = Result<Answer, ApiError>;

/// A request, as the host received it.
pub struct Request {
    /// The method's name, as it was sent.
    pub method: String,
    /// The path, as it was sent: percent-encoded, and without the query.
    pub path: String,
    /// The query: what follows `?`.
    pub query: Option<String>,
    /// `authorization`: a secret.
    pub authorization: Option<String>,
    /// `content-type`.
    pub content_type: Option<String>,
    /// `user-agent`.
    pub user_agent: Option<String>,
    /// `idempotency-key`.
    pub idempotency_key: Option<String>,
    /// What the host knows about the connection.
    pub peer: Peer,
    /// The body, which has not been read yet.
    pub body: Box<dyn Body>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("method", &self.method).finish_non_exhaustive()
    }
}

/// A request with the route that was found for it.
pub(crate) struct Call {
    request: Request,
    /// The path segment in the place of the pattern's `{…}`.
    parameter: Option<String>,
}

impl Call {
    pub(crate) fn new(request: Request, parameter: Option<String>) -> Self {
        Self { request, parameter }
    }

    /// Parses the id in the path: 400 when it is malformed. That is a client's bug, and is
    /// distinguished from an id that does not exist.
    pub(crate) fn id<T>(&self, parse: fn(&str) -> capy_protocol::Result<T>) -> Result<T, ApiError> {
        let id = self.parameter.as_deref().and_then(|text| parse(text).ok());
        id.ok_or_else(|| ApiError::BadRequest("the id in the path is malformed".into()))
    }

    /// The `authorization` header.
    pub(crate) fn authorization(&self) -> Option<&str> {
        self.request.authorization.as_deref()
    }

    /// The idempotency key, which the client sends with each try of one call: 400 when it is
    /// malformed.
    pub(crate) fn idempotency_key(&self) -> Result<Option<IdempotencyKey>, ApiError> {
        let parsed = self.request.idempotency_key.as_deref().map(IdempotencyKey::parse).transpose();
        parsed.map_err(|error| ApiError::BadRequest(error.to_string().into()))
    }

    /// The client's address.
    pub(crate) fn address(&self) -> Option<&str> {
        self.request.peer.address.as_deref()
    }

    /// Who makes the call, as the audit trail records it.
    pub(crate) fn caller(&self) -> Caller {
        Caller::new(self.request.peer.clone(), self.request.user_agent.as_deref())
    }

    /// The query: what follows `?`.
    pub(crate) fn query(&self) -> Option<&str> {
        self.request.query.as_deref()
    }

    /// Reads the body as JSON: 415, 413, 400. Consumes the call, so a handler reads the body last.
    pub(crate) async fn json<T: FromJson>(self) -> Result<T, ApiError> {
        self.json_up_to(BODY_MAX).await
    }

    /// [`Self::json`] with a limit of `max` bytes.
    pub(crate) async fn json_up_to<T: FromJson>(self, max: usize) -> Result<T, ApiError> {
        body::parse(body::read(self.request.content_type, self.request.body, max).await?)
    }
}

/// An answer, for the host to send.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Header names in lower case, and their values.
    pub headers: Vec<(&'static str, String)>,
    /// JSON, or nothing.
    pub body: Vec<u8>,
    /// The pattern of the route, for the log, since the path holds ids. Empty when no route
    /// matches.
    pub route: &'static str,
    /// Whether the route table says that the call needs a bearer token.
    pub needs_bearer: bool,
    /// The cause of a 5xx, for the log.
    pub(crate) detail: Option<String>,
}

impl Answer {
    /// A 200 with this body.
    pub(crate) fn ok(body: &dyn ToJson) -> Outcome {
        Ok(Self::json(200, body))
    }

    /// A 201 with this body.
    pub(crate) fn created(body: &dyn ToJson) -> Outcome {
        Ok(Self::json(201, body))
    }

    /// The answer to a request that fails.
    pub(crate) fn from_error(error: &ApiError) -> Self {
        let (status, code, text) = error.parts();
        let mut answer = Self::json(status, &ErrorBody { error: text.to_owned(), code });
        match status {
            401 => answer.headers.push(("www-authenticate", "Bearer".to_owned())),
            // Seconds: the period of the rate limits.
            429 => answer.headers.push(("retry-after", "10".to_owned())),
            _ => {}
        }
        answer.detail = error.detail();
        answer
    }

    /// An answer with this status and body.
    pub(crate) fn json(status: u16, body: &dyn ToJson) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        let body = json::write(body).into_bytes();
        Self { status, headers, body, route: "", needs_bearer: false, detail: None }
    }
}
