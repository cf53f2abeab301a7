//! Typed calls to the key service's HTTP routes, and the mapping of its error codes to [`Error`].

mod audit;
mod projects;
mod tokens;

use capy_protocol::api::{
    DecryptRequest, DecryptResponse, Deploy, DeployList, ErrorBody, ErrorCode, RegisterRequest,
    RegisterResponse, RevokeAllResponse, RevokeResponse,
};
use capy_protocol::id::{DeployId, ProjectId};
use capy_protocol::idempotency::IdempotencyKey;
use capy_protocol::text::{parse_base64, serialize_base64};
use capy_protocol::token::{PREFIX, Token};
use capy_protocol::wrap::OuterBlob;
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::Agent;
use zeroize::Zeroizing;

use crate::authorities::Unusable;
use crate::http::{self, Answer, Method, Request};
use crate::slow_calls::CallGuard;
use crate::{Credentials, Deadline, Error, Result, ServiceUrl};

const ANSWER_MAX: u64 = 64 * 1024;
/// The size limit of a page of a list, in bytes, with the longest possible labels.
const LIST_MAX: u64 = 1024 * 1024;
/// The count of entries for a whole list, however long.
const WHOLE_LIST: usize = usize::MAX;

/// An API token of the service. Wiped on drop, never printed.
#[derive(Clone)]
pub struct ApiToken(Zeroizing<String>);

impl ApiToken {
    /// Takes a token as typed, without white space around it. `None` for text that no HTTP header
    /// can carry.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let visible = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        visible.then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// Whether the token has the prefix of the service's tokens but a wrong checksum or form, which
    /// is known without a request.
    pub fn is_mistyped(&self) -> bool {
        self.0.starts_with(PREFIX) && Token::parse(&self.0).is_err()
    }

    /// The token's text. Search for this call to find every place that can see it.
    pub fn expose_secret(&self) -> &str {
        &self.0
    }
}

impl core::fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("ApiToken(…)")
    }
}

/// A client of a key service.
#[derive(Debug)]
pub struct Service {
    url: ServiceUrl,
    agent: Result<Agent, Unusable>,
    token: Option<ApiToken>,
}

impl Service {
    /// A client of the service at `url` without an API token.
    pub fn new(url: ServiceUrl) -> Self {
        let agent = http::agent(&url);
        Self { url, agent, token: None }
    }

    /// Adds an API token.
    #[must_use]
    pub fn with_token(mut self, token: ApiToken) -> Self {
        self.token = Some(token);
        self
    }

    /// The service's URL.
    pub fn url(&self) -> &ServiceUrl {
        &self.url
    }

    /// Requests the service's half of a deployment's key: `POST /deploy/{id}/decrypt`. All attempts
    /// share one idempotency key, so that a retry after a lost answer does not count as another
    /// use.
    ///
    /// # Errors
    /// [`Error::DeployUnknown`], [`Error::DeployRevoked`], [`Error::DeployExpired`],
    /// [`Error::DeployUsedUp`], [`Error::AddressNotAllowed`], [`Error::BlobOfAnotherService`],
    /// [`Error::WrapRootGone`], [`Error::BlobTampered`]; [`Error::ServiceUnreachable`] and the
    /// other service errors.
    pub fn decrypt(&self, credentials: &Credentials, deadline: Deadline) -> Result<DecryptResponse> {
        let blob = credentials.blob();
        let id = blob.deploy_id();
        let body = DecryptRequest { ciphertext: serialize_base64(blob.outer_blob()) };
        let request = Request {
            method: post(&body),
            path: format!("/deploy/{id}/decrypt"),
            bearer: None,
            // Without randomness the call is still worth an attempt.
            idempotency_key: IdempotencyKey::generate().ok(),
            max_bytes: ANSWER_MAX,
        };
        self.ask(&request, &id, deadline).map_err(|error| match error {
            Error::ServiceRefused { code: ErrorCode::BlobRejected, .. } => credentials.tampered(),
            other => other,
        })
    }

    /// Registers a deployment and returns the outer blob, its wrapped key: `POST /deploy`.
    ///
    /// If the answer to an attempt is lost, the deployment exists and the retry fails with
    /// [`Error::DeployExists`]. Nobody holds that deployment's keys: revoke it and make another.
    ///
    /// # Errors
    /// [`Error::DeployExists`], [`Error::Unauthorized`], and the service errors.
    pub fn register(&self, body: &RegisterRequest, deadline: Deadline) -> Result<OuterBlob> {
        let request = self.authorized(post(body), "/deploy".into(), ANSWER_MAX);
        let answer: RegisterResponse = self.ask(&request, &body.deploy_id, deadline)?;
        parse_base64(&answer.outer_blob).and_then(|bytes| OuterBlob::from_bytes(&bytes)).map_err(|_| {
            Error::ServiceProtocol { url: self.url.clone(), reason: "its outer_blob is not one".into() }
        })
    }

    /// Revokes a deployment: `DELETE /deploy/{id}`. Requests that begin after this call returned
    /// get no key; requests in progress may still get one.
    ///
    /// # Errors
    /// [`Error::DeployUnknown`], [`Error::Unauthorized`], and the service errors.
    pub fn revoke(&self, id: &DeployId, deadline: Deadline) -> Result<RevokeResponse> {
        let request = self.authorized(Method::Delete, format!("/deploy/{id}"), ANSWER_MAX);
        self.ask(&request, id, deadline)
    }

    /// Revokes all deployments of a project and returns how many were live: repeats
    /// `DELETE /projects/{project_id}/deploys` until none is left.
    ///
    /// # Errors
    /// [`Error::Unauthorized`], and the service errors. Some deployments may be revoked even then.
    pub fn revoke_all(&self, project: &ProjectId, deadline: Deadline) -> Result<u64> {
        let mut revoked = 0;
        loop {
            let request = self.authorized(Method::Delete, format!("/projects/{project}/deploys"), ANSWER_MAX);
            let answer: RevokeAllResponse = self.ask_any(&request, deadline)?;
            revoked += answer.revoked;
            if !answer.more {
                return Ok(revoked);
            }
        }
    }

    /// A project's deployments, newest first: every page of `GET /projects/{project_id}/deploys`.
    ///
    /// # Errors
    /// [`Error::Unauthorized`], and the service errors.
    pub fn list(&self, project: &ProjectId, deadline: Deadline) -> Result<Vec<Deploy>> {
        let path = format!("/projects/{project}/deploys");
        self.pages(&path, LIST_MAX, WHOLE_LIST, deadline, |page: DeployList| (page.deploys, page.next))
    }

    /// The first `count` entries of a list, from as many of its pages as that takes. `split` gives
    /// the entries of a page, and the cursor of the next one.
    fn pages<P: DeserializeOwned, T>(
        &self,
        path: &str,
        max_bytes: u64,
        count: usize,
        deadline: Deadline,
        split: impl Fn(P) -> (Vec<T>, Option<String>),
    ) -> Result<Vec<T>> {
        let mut all = Vec::new();
        let mut query = String::new();
        loop {
            let request = self.authorized(Method::Get, format!("{path}{query}"), max_bytes);
            let (entries, next) = split(self.ask_any(&request, deadline)?);
            all.extend(entries);
            match next {
                Some(next) if all.len() < count => query = self.cursor(&next)?,
                _ => break,
            }
        }
        all.truncate(count);
        Ok(all)
    }

    /// The query for the service's cursor, checked because it becomes part of a URL.
    fn cursor(&self, next: &str) -> Result<String> {
        if next.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
            return Ok(format!("?cursor={next}"));
        }
        Err(Error::ServiceProtocol { url: self.url.clone(), reason: "its cursor is not one".into() })
    }

    fn authorized(&self, method: Method, path: String, max_bytes: u64) -> Request<'_> {
        let bearer = self.token.as_ref().map(ApiToken::expose_secret);
        Request { method, path, bearer, idempotency_key: None, max_bytes }
    }

    fn send(&self, request: &Request<'_>, deadline: Deadline) -> Result<Answer> {
        let _guard = CallGuard::begin(&self.url);
        let agent = self.agent.as_ref().map_err(|unusable| Error::Authorities(unusable.clone()))?;
        http::send(agent, &self.url, request, deadline)
    }

    /// Like [`Service::ask`], for a request that is not about one deployment.
    fn ask_any<T: DeserializeOwned>(&self, request: &Request<'_>, deadline: Deadline) -> Result<T> {
        let answer = self.send(request, deadline)?;
        match answer.status {
            200 | 201 => answer.json(&self.url),
            _ => Err(self.refusal(&answer, None)),
        }
    }

    fn ask<T: DeserializeOwned>(
        &self,
        request: &Request<'_>,
        id: &DeployId,
        deadline: Deadline,
    ) -> Result<T> {
        let answer = self.send(request, deadline)?;
        match answer.status {
            200 | 201 => answer.json(&self.url),
            _ => Err(self.refusal(&answer, Some(*id))),
        }
    }

    /// Maps a refusal to an error, by its code and never by its text.
    fn refusal(&self, answer: &Answer, id: Option<DeployId>) -> Error {
        let url = self.url.clone();
        if (300..400).contains(&answer.status) {
            let reason = format!("it redirects elsewhere ({})", answer.status);
            return Error::ServiceProtocol { url, reason };
        }
        let Ok(body) = answer.json::<ErrorBody>(&url) else {
            let reason = format!("it answered {} without an error code", answer.status);
            return Error::ServiceProtocol { url, reason };
        };
        match (body.code, id) {
            (ErrorCode::DeployUnknown, Some(id)) => Error::DeployUnknown { url, id },
            (ErrorCode::DeployRevoked, Some(id)) => Error::DeployRevoked { id },
            (ErrorCode::DeployExpired, Some(id)) => Error::DeployExpired { id },
            (ErrorCode::DeployUsedUp, Some(id)) => Error::DeployUsedUp { id },
            (ErrorCode::AddressNotAllowed, Some(id)) => Error::AddressNotAllowed { id },
            (ErrorCode::WrapRootGone, Some(id)) => Error::WrapRootGone { url, id },
            (ErrorCode::DeployExists, Some(id)) => Error::DeployExists { url, id },
            (ErrorCode::WrapRootUnknown, _) => Error::BlobOfAnotherService { url },
            (ErrorCode::Unauthorized, _) => Error::Unauthorized { url },
            (ErrorCode::TokenExpired, _) => Error::TokenExpired { url },
            (ErrorCode::TokenRevoked, _) => Error::TokenRevoked { url },
            (ErrorCode::IdentityRefused, _) => Error::IdentityRefused { url, text: http::clean(&body.error) },
            (ErrorCode::Forbidden, _) => Error::Forbidden { url },
            (ErrorCode::ProjectUnknown, _) => Error::ProjectUnknown { url },
            (ErrorCode::SecretUnknown, _) => Error::SecretUnknown { url },
            (ErrorCode::ProjectExists, _) => Error::ProjectExists { url },
            (ErrorCode::StoreOff, _) => Error::StoreOff { url },
            (code, _) => {
                Error::ServiceRefused { url, status: answer.status, code, text: http::clean(&body.error) }
            }
        }
    }
}

fn post(body: &impl Serialize) -> Method {
    Method::Post(json(body))
}

fn put(body: &impl Serialize) -> Method {
    Method::Put(json(body))
}

/// Serializes into memory that is wiped on drop. The first pass measures the length, because a
/// buffer that grows leaves unwiped copies behind.
fn json(body: &impl Serialize) -> Zeroizing<Vec<u8>> {
    let strings = "a request of strings is always JSON";
    let mut length = Length(0);
    serde_json::to_writer(&mut length, body).expect(strings);
    let mut json = Zeroizing::new(Vec::with_capacity(length.0));
    serde_json::to_writer(&mut *json, body).expect(strings);
    json
}

/// A writer that only counts bytes.
struct Length(usize);

impl std::io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
