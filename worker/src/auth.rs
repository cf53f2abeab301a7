//! Who is asking, by the bearer token (RFC 6750) that came along, and what that one may do.

mod admin_token;

use std::sync::Arc;

use capy_protocol::api::tokens::{Bearer, TokenInfo};
use capy_protocol::id::ProjectId;
use capy_protocol::scope::Scope;
use capy_protocol::token::Token;
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::audit::{Action, Event};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::host::Host;
use crate::oidc;
use crate::policy;
use crate::row_seals;
use crate::store::tokens;

pub(crate) use admin_token::AdminTokens;

/// The bearer of a valid token: only [`identify`] makes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Identity {
    actor: String,
    scopes: Vec<Scope>,
    expires_at: Option<u64>,
}

impl Identity {
    /// Who may do everything, by a secret of the service itself.
    fn bootstrap() -> Self {
        Self { actor: "bootstrap".to_owned(), scopes: vec![Scope::Admin], expires_at: None }
    }

    fn of_token(token: TokenInfo) -> Self {
        Self { actor: token.token_id.to_string(), scopes: token.scopes, expires_at: token.expires_at }
    }

    /// A CI's job.
    pub(crate) fn of_ci(actor: String, scopes: Vec<Scope>, expires_at: u64) -> Self {
        Self { actor, scopes, expires_at: Some(expires_at) }
    }

    /// The name in the audit trail. Never a token, nor a part of one.
    pub(crate) fn actor(&self) -> &str {
        &self.actor
    }

    /// What the audit trail says that it did.
    pub(crate) fn event(&self, action: Action, at: u64, caller: Caller) -> Event {
        Event { action, at, actor: Some(self.actor.clone()), caller }
    }

    /// Whether any of the scopes reaches so far.
    pub(crate) fn may(&self, needed: &Scope) -> bool {
        self.scopes.iter().any(|scope| scope.covers(needed))
    }

    /// [`Self::may`], or the refusal.
    pub(crate) fn require(&self, needed: &Scope) -> Result<(), ApiError> {
        if self.may(needed) { Ok(()) } else { Err(ApiError::Forbidden) }
    }

    /// The projects that the scopes name; none where they reach all.
    pub(crate) fn projects(&self) -> Option<Vec<ProjectId>> {
        let named = |scope: &Scope| match scope {
            Scope::Admin => None,
            Scope::Deploy(project) | Scope::Read(project) | Scope::Build(project) => Some(project.clone()),
        };
        self.scopes.iter().map(named).collect()
    }

    /// What the bearer is told about itself.
    pub(crate) fn into_bearer(self) -> Bearer {
        Bearer { actor: self.actor, scopes: self.scopes, expires_at: self.expires_at }
    }
}

/// Who is asking, by the header of that name: 401 without a valid token.
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
    if oidc::jwt::looks_like_one(presented) {
        return oidc::identify(app, presented).await;
    }
    // Which it may be: a service without its secret cannot tell.
    bootstrap?;
    Err(ApiError::Unauthorized)
}

/// Who may do everything: for what belongs to no project. 401, 403.
pub(crate) async fn admin<H: Host>(
    app: &Arc<App<H>>,
    authorization: Option<&str>,
) -> Result<Identity, ApiError> {
    let identity = identify(app, authorization).await?;
    identity.require(&Scope::Admin)?;
    Ok(identity)
}

/// Read on the primary for each call: a call that begins after the token's revocation was answered is refused.
async fn by_token<H: Host>(app: &App<H>, token: &Token) -> Result<Identity, ApiError> {
    let now = app.clock.now();
    let roots = app.secrets.wrap_roots()?;
    let digest = digest_of(token);
    let found = tokens::find(&app.host, &digest).await?.map(|(token, seal)| {
        let standing = row_seals::of_token(&roots, &token, &digest, seal.as_deref());
        (token, standing)
    });
    let token = policy::tokens::by_token(found, now)?;
    if let Err(error) = tokens::record_use(&app.host, &token, now).await {
        app.log.warn(&error);
    }
    Ok(Identity::of_token(token))
}

/// What is kept of a token: SHA-256, as 64 hexadecimal digits. Nothing slower is needed for 256 random bits.
pub(crate) fn digest_of(token: &Token) -> String {
    hex::encode(Sha256::digest(token.expose_secret()))
}

/// The token of `authorization: Bearer …`; the scheme's name has no case.
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
