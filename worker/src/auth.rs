//! Authentication by bearer token (RFC 6750).

use std::sync::Arc;

use capy_protocol::scope::Scope;
use capy_protocol::token::Token;
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::error::ApiError;
use crate::host::Host;
use crate::identity::Identity;
use crate::jwt;
use crate::oidc;
use crate::policy;
use crate::row_seals;
use crate::store::tokens;

/// Authenticates the bearer of an `authorization` header: 401 without a valid token.
pub(crate) async fn identify<H: Host>(
    app: &Arc<App<H>>,
    authorization: Option<&str>,
) -> Result<Identity, ApiError> {
    let presented = authorization.and_then(bearer).unwrap_or_default();
    let bootstrap = app.secrets.admin_tokens();
    if bootstrap.as_ref().is_ok_and(|tokens| tokens.matches(presented)) {
        return Ok(Identity::bootstrap());
    }
    if let Ok(token) = Token::parse(presented) {
        return by_token(app, &token).await;
    }
    if jwt::is_jwt_shaped(presented) {
        return oidc::identify(app, presented).await;
    }
    // The bearer may hold a bootstrap token: a service without that secret cannot tell, and answers
    // 503.
    bootstrap?;
    Err(ApiError::Unauthorized)
}

/// Requires an admin, for what belongs to no project: 401, 403.
pub(crate) async fn admin<H: Host>(
    app: &Arc<App<H>>,
    authorization: Option<&str>,
) -> Result<Identity, ApiError> {
    let identity = identify(app, authorization).await?;
    identity.require(&Scope::Admin)?;
    Ok(identity)
}

/// Authenticates by API token. Reads the token from the primary for each call, so that a call that
/// begins after the answer to its revocation is refused.
async fn by_token<H: Host>(app: &App<H>, token: &Token) -> Result<Identity, ApiError> {
    let now = app.clock.now();
    let roots = app.secrets.wrap_roots()?;
    let digest = digest_of(token);
    let found = tokens::find(&app.host, &digest).await?.map(|(token, seal)| {
        let status = row_seals::verify_token(&roots, &token, &digest, seal.as_deref());
        (token, status)
    });
    let token = policy::tokens::by_token(found, now)?;
    if let Err(error) = tokens::record_use(&app.host, &token, now).await {
        app.log.warn(&error);
    }
    Ok(Identity::of_token(token))
}

/// The stored digest of a token: SHA-256, as 64 hexadecimal digits. A slow hash is not needed for
/// 256 random bits.
pub(crate) fn digest_of(token: &Token) -> String {
    hex::encode(Sha256::digest(token.expose_secret()))
}

/// The token of `authorization: Bearer …`; the scheme is case-insensitive.
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bearer_scheme_is_read_as_rfc_6750_writes_it() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bearer  abc"), Some("abc"));
        assert_eq!(bearer("Basic abc"), None);
        assert_eq!(bearer("abc"), None);
    }
}
