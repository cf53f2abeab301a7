//! One call, as the routes see it on every host: what was asked, by whom, and the answer. No host's own types, and no
//! HTTP library: on Workers that would be a fifth of the upload.

use std::fmt;

use capy_protocol::api::ErrorBody;
use capy_protocol::idempotency::IdempotencyKey;
use capy_protocol::json::{self, FromJson, ToJson};

use crate::body::{self, BODY_MAX, Body};
use crate::caller::{Caller, Peer};
use crate::error::ApiError;

/// What a handler comes to.
pub(crate) type Outcome = Result<Answer, ApiError>;

/// A request, as a host received it.
pub struct Request {
    /// The method's name, as it was sent.
    pub method: String,
    /// The path, as it was sent: percent-encoded, and without what stands after `?`.
    pub path: String,
    /// What stands after `?`.
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
    /// The body, which is not read yet.
    pub body: Box<dyn Body>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("method", &self.method).finish_non_exhaustive()
    }
}

/// A request that a route was found for.
pub(crate) struct Call {
    request: Request,
    /// The part of the path that the route's pattern leaves open.
    parameter: Option<String>,
}

impl Call {
    pub(crate) fn new(request: Request, parameter: Option<String>) -> Self {
        Self { request, parameter }
    }

    /// The id in the path: 400 when it is none. An id that cannot exist is a client's bug, and is told apart from one
    /// that does not exist.
    pub(crate) fn id<T>(&self, parse: fn(&str) -> capy_protocol::Result<T>) -> Result<T, ApiError> {
        let id = self.parameter.as_deref().and_then(|text| parse(text).ok());
        id.ok_or_else(|| ApiError::BadRequest("the id in the path is malformed".into()))
    }

    /// Who is said to ask.
    pub(crate) fn authorization(&self) -> Option<&str> {
        self.request.authorization.as_deref()
    }

    /// What the client sends with each try of one call: 400 where it is none.
    pub(crate) fn idempotency_key(&self) -> Result<Option<IdempotencyKey>, ApiError> {
        let parsed = self.request.idempotency_key.as_deref().map(IdempotencyKey::parse).transpose();
        parsed.map_err(|error| ApiError::BadRequest(error.to_string().into()))
    }

    /// The client's address.
    pub(crate) fn address(&self) -> Option<&str> {
        self.request.peer.address.as_deref()
    }

    /// Who asks, as the audit trail records it.
    pub(crate) fn caller(&self) -> Caller {
        Caller::new(self.request.peer.clone(), self.request.user_agent.as_deref())
    }

    /// What stands after `?`.
    pub(crate) fn query(&self) -> Option<&str> {
        self.request.query.as_deref()
    }

    /// The body, read as JSON: 415, 413, 400. The last that a handler asks for.
    pub(crate) async fn json<T: FromJson>(self) -> Result<T, ApiError> {
        self.json_of(BODY_MAX).await
    }

    /// The same, of up to `max` bytes.
    pub(crate) async fn json_of<T: FromJson>(self, max: usize) -> Result<T, ApiError> {
        body::fit(body::read(self.request.content_type, self.request.body, max).await?)
    }
}

/// An answer, for the host to send.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Names in lower case, and their values.
    pub headers: Vec<(&'static str, String)>,
    /// JSON, or nothing.
    pub body: Vec<u8>,
    /// The pattern of the route, for the log: the path itself holds ids. Empty where there is none.
    pub route: &'static str,
    /// Why it is a 5xx, for the log.
    pub(crate) detail: Option<String>,
}

impl Answer {
    /// 200.
    pub(crate) fn ok(body: &dyn ToJson) -> Outcome {
        Ok(Self::json(200, body))
    }

    /// 201.
    pub(crate) fn created(body: &dyn ToJson) -> Outcome {
        Ok(Self::json(201, body))
    }

    /// What the client gets in place of what it asked for.
    pub(crate) fn from_error(error: &ApiError) -> Self {
        let (status, code, text) = error.parts();
        let mut answer = Self::json(status, &ErrorBody { error: text.to_owned(), code });
        match status {
            401 => answer.headers.push(("www-authenticate", "Bearer".to_owned())),
            // Seconds: the time that the limits are counted over.
            429 => answer.headers.push(("retry-after", "10".to_owned())),
            _ => {}
        }
        answer.detail = error.detail();
        answer
    }

    /// This status with this value.
    pub(crate) fn json(status: u16, body: &dyn ToJson) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self { status, headers, body: json::write(body).into_bytes(), route: "", detail: None }
    }
}
