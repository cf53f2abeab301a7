//! Who is asking, by the bearer token (RFC 6750) that came along, and what that one may do.

mod admin_token;

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use capy_protocol::scope::Scope;

use crate::app::App;
use crate::error::ApiError;
use crate::host::Host;

pub(crate) use admin_token::AdminTokens;

/// The bearer of a valid token: a handler that takes one is reached by nobody else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Identity {
    actor: String,
    scopes: Vec<Scope>,
}

impl Identity {
    /// Who may do everything, by a secret of the service itself.
    fn bootstrap() -> Self {
        Self { actor: "bootstrap".to_owned(), scopes: vec![Scope::Admin] }
    }

    /// The name in the audit trail. Never a token, nor a part of one.
    #[expect(dead_code, reason = "the audit trail is about to record it")]
    pub(crate) fn actor(&self) -> &str {
        &self.actor
    }

    /// Whether any of the scopes reaches so far.
    pub(crate) fn may(&self, needed: &Scope) -> bool {
        self.scopes.iter().any(|scope| scope.covers(needed))
    }

    /// [`Self::may`], or the refusal.
    pub(crate) fn require(&self, needed: &Scope) -> Result<(), ApiError> {
        if self.may(needed) { Ok(()) } else { Err(ApiError::Forbidden) }
    }
}

impl<H: Host> FromRequestParts<Arc<App<H>>> for Identity {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App<H>>) -> Result<Self, ApiError> {
        let expected = app.secrets.admin_tokens()?;
        match bearer(&parts.headers) {
            Some(token) if expected.matches(token) => Ok(Self::bootstrap()),
            _ => Err(ApiError::Unauthorized),
        }
    }
}

/// The token of `authorization: Bearer …`; the scheme's name has no case.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bearer_scheme_is_read_as_rfc_6750_writes_it() {
        let read = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().unwrap());
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(read("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(read("bearer  abc").as_deref(), Some("abc"));
        assert_eq!(read("Basic abc"), None);
        assert_eq!(read("abc"), None);
    }
}
