//! The service's errors: the status, the stable code and the short text that a client gets for
//! each. The detail of a 5xx goes to the log.

use std::borrow::Cow;

use capy_protocol::api::ErrorCode;
use capy_protocol::service_secrets::{ENCRYPTION_KEY, SecretFault};

use crate::audit::WriteOffRefusal;
use crate::host::HostError;
use crate::policy::tokens::TokenRefusal;
use crate::policy::{Denial, InvalidRegistration, oidc, projects, tokens};
use crate::query::InvalidQuery;

/// Why a request fails.
#[derive(Debug)]
pub(crate) enum ApiError {
    BadRequest(Cow<'static, str>),
    Unauthorized,
    TokenExpired,
    TokenRevoked,
    TokenAltered,
    TokenUnsealed,
    TokenRootGone,
    IdentityRefused(oidc::IdentityRefusal),
    Forbidden,
    NotFound,
    MethodNotAllowed,
    TokenUnknown,
    TrustUnknown,
    ProjectUnknown,
    SecretUnknown,
    ProjectExists,
    NotGivenUp(WriteOffRefusal),
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

/// The cause of a 503, for the log.
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
    #[cfg(not(target_family = "wasm"))]
    #[error("all places for connections are taken")]
    Overloaded,
    #[error("{0}; `capy service keygen --encryption-key` prints one")]
    StoreKeys(SecretFault),
    #[error("sealing a stored value failed: {0}")]
    Store(capy_protocol::Error),
    #[error("sealing an audit event failed: {0}")]
    Seal(capy_protocol::Error),
    #[error("a deployment's row changes faster than it can be released by")]
    Contended,
}

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

/// Each says what the client has to change: 400.
macro_rules! bad_requests {
    ($($invalid:ty),* $(,)?) => {$(
        impl From<$invalid> for ApiError {
            fn from(invalid: $invalid) -> Self {
                Self::BadRequest(invalid.to_string().into())
            }
        }
    )*};
}

bad_requests!(
    InvalidQuery,
    InvalidRegistration,
    oidc::InvalidTrust,
    projects::InvalidProject,
    tokens::InvalidTokenRequest,
);

impl From<WriteOffRefusal> for ApiError {
    fn from(refusal: WriteOffRefusal) -> Self {
        Self::NotGivenUp(refusal)
    }
}

impl From<oidc::IdentityRefusal> for ApiError {
    fn from(refused: oidc::IdentityRefusal) -> Self {
        Self::IdentityRefused(refused)
    }
}

impl From<TokenRefusal> for ApiError {
    fn from(refused: TokenRefusal) -> Self {
        match refused {
            TokenRefusal::Unknown => Self::Unauthorized,
            TokenRefusal::Expired => Self::TokenExpired,
            TokenRefusal::Revoked => Self::TokenRevoked,
            TokenRefusal::Altered => Self::TokenAltered,
            TokenRefusal::Unsealed => Self::TokenUnsealed,
            TokenRefusal::RootGone => Self::TokenRootGone,
        }
    }
}

impl ApiError {
    /// Status, stable code, and a text for the client.
    pub(crate) fn parts(&self) -> (u16, ErrorCode, &str) {
        use ErrorCode as Code;
        match self {
            Self::BadRequest(text) => (400, Code::BadRequest, text),
            Self::Unauthorized => (401, Code::Unauthorized, "a valid bearer token is needed"),
            Self::TokenExpired => (401, Code::TokenExpired, "this API token is past its expiry"),
            Self::TokenRevoked => (401, Code::TokenRevoked, "this API token is revoked"),
            Self::TokenAltered => {
                (401, Code::TokenAltered, "this API token's row was altered in the service's database")
            }
            Self::TokenUnsealed => (
                401,
                Code::TokenUnsealed,
                "this API token's row bears no seal: an admin can have those from before seals sealed",
            ),
            Self::TokenRootGone => (
                401,
                Code::TokenRootGone,
                "the wrap root that sealed this API token was taken out of the service: put it back, or make a new token",
            ),
            Self::IdentityRefused(refused) => (401, Code::IdentityRefused, refused.text()),
            Self::Forbidden => (403, Code::Forbidden, "the token's scope does not reach this"),
            Self::NotFound => (404, Code::NotFound, "no such route"),
            Self::MethodNotAllowed => (405, Code::MethodNotAllowed, "this route has no such method"),
            Self::TrustUnknown => (404, Code::TrustUnknown, "no trust has this id"),
            Self::ProjectUnknown => {
                (404, Code::ProjectUnknown, "there is no such project, or none that you may see")
            }
            Self::SecretUnknown => {
                (404, Code::SecretUnknown, "there is no such secret, or none that you may see")
            }
            Self::ProjectExists => (409, Code::ProjectExists, "this project id is taken"),
            Self::NotGivenUp(refusal) => (409, Code::NotGivenUp, refusal.text()),
            Self::ProjectFull => (
                422,
                Code::ProjectFull,
                "a project holds 1000 secrets and one MiB of names and values at most",
            ),
            Self::StoreOff => (
                503,
                Code::StoreOff,
                "this service keeps no secrets of projects: its ENCRYPTION_KEY is not set",
            ),
            Self::TokenUnknown => (404, Code::TokenUnknown, "no API token has this id"),
            Self::DeployExists => (409, Code::DeployExists, "this deploy id is taken"),
            Self::Denied(Denial::Unknown) => (404, Code::DeployUnknown, "no deployment has this id"),
            Self::Denied(Denial::Revoked) => (410, Code::DeployRevoked, "this deployment is revoked"),
            Self::Denied(Denial::Altered) => {
                (422, Code::DeployAltered, "this deployment's row was altered in the service's database")
            }
            Self::Denied(Denial::Unsealed) => (
                503,
                Code::DeployUnsealed,
                "this deployment's row bears no seal: an admin can have those from before seals sealed",
            ),
            Self::Denied(Denial::Expired) => (410, Code::DeployExpired, "this deployment has expired"),
            Self::Denied(Denial::UsedUp) => (410, Code::DeployUsedUp, "this deployment is used up"),
            Self::Denied(Denial::Address) => {
                (403, Code::AddressNotAllowed, "this deployment may not be opened from this address")
            }
            Self::PayloadTooLarge => (413, Code::PayloadTooLarge, "the body is too large"),
            Self::UnsupportedMediaType => {
                (415, Code::UnsupportedMediaType, "the body must be application/json")
            }
            Self::BlobRejected => (422, Code::BlobRejected, "the outer blob does not open"),
            Self::WrapRootUnknown => {
                (422, Code::WrapRootUnknown, "the blob was made by another service, or its wrap root is gone")
            }
            Self::WrapRootGone => (
                422,
                Code::WrapRootGone,
                "the wrap root that this deployment needs was taken out of the service",
            ),
            Self::RateLimited => (429, Code::RateLimited, "this was asked for too often"),
            Self::Panicked => (500, Code::Internal, "internal error"),
            Self::Unavailable(_) => (503, Code::Unavailable, "the service cannot answer now"),
        }
    }
}

impl ApiError {
    /// The cause of a 5xx, only for the log.
    pub(crate) fn detail(&self) -> Option<String> {
        match self {
            Self::Unavailable(fault) => Some(fault.to_string()),
            Self::Panicked => Some("the call panicked".to_owned()),
            Self::Denied(Denial::Unsealed) => Some(
                "a deployment's row bears no seal; `capy service seal-rows` seals those from before"
                    .to_owned(),
            ),
            Self::StoreOff => Some(Fault::StoreKeys(SecretFault::Missing(ENCRYPTION_KEY)).to_string()),
            _ => None,
        }
    }

    /// The stable code.
    pub(crate) fn code(&self) -> ErrorCode {
        self.parts().1
    }
}
