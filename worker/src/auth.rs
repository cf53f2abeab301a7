//! Bearer tokens (RFC 6750). Tokens are kept and compared as SHA-256 digests, in constant time.

use std::fmt;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::app::App;
use crate::error::ApiError;
use crate::host::Host;

const TOKEN_MIN: usize = 32;

/// The digest of the token that may do everything.
pub(crate) struct AdminToken([u8; 32]);

impl AdminToken {
    /// Takes 32 or more visible ASCII characters: anything else could not be sent in a header, or be guessed.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let sendable = text.bytes().all(|byte| byte.is_ascii_graphic());
        (sendable && text.len() >= TOKEN_MIN).then(|| Self(digest(text)))
    }

    /// Takes the same time for every token of a length.
    pub(crate) fn matches(&self, presented: &str) -> bool {
        self.0.ct_eq(&digest(presented)).into()
    }
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken(…)")
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// Proof that the request came with the admin token: a handler that takes it is reached by no other.
pub(crate) struct Admin;

impl<H: Host> FromRequestParts<Arc<App<H>>> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App<H>>) -> Result<Self, ApiError> {
        let expected = app.secrets.admin_token()?;
        match bearer(&parts.headers) {
            Some(token) if expected.matches(token) => Ok(Self),
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
    fn only_the_same_token_matches() {
        let text = "0123456789abcdef0123456789abcdef";
        let token = AdminToken::parse(text).unwrap();
        assert!(token.matches(text));
        for other in ["", &text[1..], &format!("{text} "), &text.to_uppercase()] {
            assert!(!token.matches(other), "{other}");
        }
    }

    #[test]
    fn a_token_that_could_be_guessed_or_not_sent_is_none() {
        for bad in ["", &"a".repeat(31), &"é".repeat(32), &format!("{} b", "a".repeat(32))] {
            assert!(AdminToken::parse(bad).is_none(), "{bad}");
        }
    }

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
