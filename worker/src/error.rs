//! The service's errors, and the only place that turns one into an answer.
//!
//! The client gets a status, a stable code and a short text; the detail of a 503 goes to the log.

use std::borrow::Cow;

use axum::Json;
#[cfg(not(target_family = "wasm"))]
use axum::http::header::CACHE_CONTROL;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use capy_protocol::api::{ErrorBody, ErrorCode};

use crate::audit::Refusal;
use crate::host::HostError;
use crate::policy::Denial;
use crate::policy::tokens::Refused;
use crate::policy::{oidc, projects};
use crate::secrets::{ENCRYPTION_KEY, SecretFault};

/// Why a request is not answered with what it asked for.
#[derive(Debug)]
pub(crate) enum ApiError {
    BadRequest(Cow<'static, str>),
    Unauthorized,
    TokenExpired,
    TokenRevoked,
    IdentityRefused(oidc::Refused),
    Forbidden,
    NotFound,
    MethodNotAllowed,
    TokenUnknown,
    TrustUnknown,
    ProjectUnknown,
    SecretUnknown,
    ProjectExists,
    NotGivenUp(Refusal),
    ProjectFull,
    StoreOff,
    DeployExists,
    Denied(Denial),
    PayloadTooLarge,
    UnsupportedMediaType,
    BlobRejected,
    WrapRootUnknown,
    WrapRootGone,
    RateLimited,
    Panicked,
    Unavailable(Fault),
}

/// What does not work, for the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error(transparent)]
    Host(#[from] HostError),
    #[error(transparent)]
    Secret(#[from] SecretFault),
    #[error("health check: {0}")]
    Health(String),
    #[error("no token could be drawn: {0}")]
    Draw(capy_protocol::Error),
    #[error("wrapping failed: {0}")]
    Wrap(capy_protocol::Error),
    #[cfg(not(target_family = "wasm"))]
    #[error("the time limit of an answer has passed")]
    TooSlow,
    #[error("{0}; `capy service keygen --encryption-key` prints one")]
    StoreKeys(SecretFault),
    #[error("sealing a stored value failed: {0}")]
    Store(capy_protocol::Error),
    #[error("sealing an audit event failed: {0}")]
    Seal(capy_protocol::Error),
}

/// Goes with a 5xx as an extension of the response, for the log.
#[derive(Clone, Debug)]
pub(crate) struct Detail(pub(crate) String);

impl From<HostError> for ApiError {
    fn from(error: HostError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<SecretFault> for ApiError {
    fn from(fault: SecretFault) -> Self {
        Self::Unavailable(fault.into())
    }
}

impl From<Denial> for ApiError {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial)
    }
}

impl From<projects::Unfit> for ApiError {
    fn from(unfit: projects::Unfit) -> Self {
        Self::BadRequest(unfit.to_string().into())
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self::NotGivenUp(refusal)
    }
}

impl From<oidc::Refused> for ApiError {
    fn from(refused: oidc::Refused) -> Self {
        Self::IdentityRefused(refused)
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Unknown => Self::Unauthorized,
            Refused::Expired => Self::TokenExpired,
            Refused::Revoked => Self::TokenRevoked,
        }
    }
}

impl ApiError {
    fn parts(&self) -> (StatusCode, ErrorCode, &str) {
        use ErrorCode as Code;
        match self {
            Self::BadRequest(text) => (StatusCode::BAD_REQUEST, Code::BadRequest, text),
            Self::Unauthorized => {
                (StatusCode::UNAUTHORIZED, Code::Unauthorized, "a valid bearer token is needed")
            }
            Self::TokenExpired => {
                (StatusCode::UNAUTHORIZED, Code::TokenExpired, "this API token is past its expiry")
            }
            Self::TokenRevoked => (StatusCode::UNAUTHORIZED, Code::TokenRevoked, "this API token is revoked"),
            Self::IdentityRefused(refused) => {
                (StatusCode::UNAUTHORIZED, Code::IdentityRefused, refused.text())
            }
            Self::Forbidden => {
                (StatusCode::FORBIDDEN, Code::Forbidden, "the token's scope does not reach this")
            }
            Self::NotFound => (StatusCode::NOT_FOUND, Code::NotFound, "no such route"),
            Self::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, Code::MethodNotAllowed, "this route has no such method")
            }
            Self::TrustUnknown => (StatusCode::NOT_FOUND, Code::TrustUnknown, "no trust has this id"),
            Self::ProjectUnknown => (
                StatusCode::NOT_FOUND,
                Code::ProjectUnknown,
                "there is no such project, or none that you may see",
            ),
            Self::SecretUnknown => (
                StatusCode::NOT_FOUND,
                Code::SecretUnknown,
                "there is no such secret, or none that you may see",
            ),
            Self::ProjectExists => (StatusCode::CONFLICT, Code::ProjectExists, "this project id is taken"),
            Self::NotGivenUp(refusal) => (StatusCode::CONFLICT, Code::NotGivenUp, refusal.text()),
            Self::ProjectFull => (
                StatusCode::UNPROCESSABLE_ENTITY,
                Code::ProjectFull,
                "a project holds 1000 secrets and one MiB of names and values at most",
            ),
            Self::StoreOff => (
                StatusCode::SERVICE_UNAVAILABLE,
                Code::StoreOff,
                "this service keeps no secrets of projects: its ENCRYPTION_KEY is not set",
            ),
            Self::TokenUnknown => (StatusCode::NOT_FOUND, Code::TokenUnknown, "no API token has this id"),
            Self::DeployExists => (StatusCode::CONFLICT, Code::DeployExists, "this deploy id is taken"),
            Self::Denied(Denial::Unknown) => {
                (StatusCode::NOT_FOUND, Code::DeployUnknown, "no deployment has this id")
            }
            Self::Denied(Denial::Revoked) => {
                (StatusCode::GONE, Code::DeployRevoked, "this deployment is revoked")
            }
            Self::Denied(Denial::Expired) => {
                (StatusCode::GONE, Code::DeployExpired, "this deployment has expired")
            }
            Self::Denied(Denial::UsedUp) => {
                (StatusCode::GONE, Code::DeployUsedUp, "this deployment is used up")
            }
            Self::Denied(Denial::Address) => (
                StatusCode::FORBIDDEN,
                Code::AddressNotAllowed,
                "this deployment may not be opened from this address",
            ),
            Self::PayloadTooLarge => {
                (StatusCode::PAYLOAD_TOO_LARGE, Code::PayloadTooLarge, "the body is too large")
            }
            Self::UnsupportedMediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Code::UnsupportedMediaType,
                "the body must be application/json",
            ),
            Self::BlobRejected => {
                (StatusCode::UNPROCESSABLE_ENTITY, Code::BlobRejected, "the outer blob does not open")
            }
            Self::WrapRootUnknown => (
                StatusCode::UNPROCESSABLE_ENTITY,
                Code::WrapRootUnknown,
                "the blob was made by another service, or its wrap root is gone",
            ),
            Self::WrapRootGone => (
                StatusCode::UNPROCESSABLE_ENTITY,
                Code::WrapRootGone,
                "the wrap root that this deployment needs was taken out of the service",
            ),
            Self::RateLimited => {
                (StatusCode::TOO_MANY_REQUESTS, Code::RateLimited, "this was asked for too often")
            }
            Self::Panicked => (StatusCode::INTERNAL_SERVER_ERROR, Code::Internal, "internal error"),
            Self::Unavailable(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable, "the service cannot answer now")
            }
        }
    }
}

/// The answer of a host that waits no longer: 503.
#[cfg(not(target_family = "wasm"))]
pub fn too_slow() -> Response {
    let mut response = ApiError::Unavailable(Fault::TooSlow).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl ApiError {
    /// What the audit trail says of it, where it is a decision on a deployment and no failure.
    pub(crate) fn recorded(&self) -> Option<ErrorCode> {
        let decided = matches!(self, Self::Denied(_) | Self::BlobRejected | Self::WrapRootGone);
        decided.then(|| self.parts().1)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code, text) = self.parts();
        let error = text.to_owned();
        let mut response = (status, Json(ErrorBody { error, code })).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            // Seconds: the time that the limits are counted over.
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("10"));
        }
        let detail = match &self {
            Self::Unavailable(fault) => Some(fault.to_string()),
            Self::Panicked => Some("the call panicked".to_owned()),
            Self::StoreOff => Some(Fault::StoreKeys(SecretFault::Missing(ENCRYPTION_KEY)).to_string()),
            _ => None,
        };
        if let Some(detail) = detail {
            response.extensions_mut().insert(Detail(detail));
        }
        response
    }
}
