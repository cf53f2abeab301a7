//! Authentication by bearer token (RFC 6750), and what the bearer is allowed to do. The token is a
//! bootstrap token, an API token, or the identity token of a job in CI (OpenID Connect).

use std::sync::Arc;

use capy_protocol::api::tokens::{Bearer, TokenInfo};
use capy_protocol::id::ProjectId;
use capy_protocol::scope::Scope;
use capy_protocol::token::Token;
use futures_channel::oneshot;
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::audit::{Action, Event};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::host::{self, Host, HostError, RsaKey};
use crate::issuer_keys::{self, Lookup};
use crate::jwt;
use crate::policy;
use crate::policy::oidc::IdentityRefusal;
use crate::row_seals::{self, SealStatus};
use crate::store::{tokens, trusts};

/// An authenticated bearer. Only this module creates one, so that none exists without a check.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Identity {
    actor: String,
    scopes: Vec<Scope>,
    expires_at: Option<u64>,
}

impl Identity {
    /// The holder of the bootstrap token, which is a secret of the service itself: has all
    /// permissions.
    fn bootstrap() -> Self {
        Self { actor: "bootstrap".to_owned(), scopes: vec![Scope::Admin], expires_at: None }
    }

    /// The holder of an API token.
    fn of_token(token: TokenInfo) -> Self {
        Self { actor: token.token_id.to_string(), scopes: token.scopes, expires_at: token.expires_at }
    }

    /// A job in CI.
    fn of_ci(actor: String, scopes: Vec<Scope>, expires_at: u64) -> Self {
        Self { actor, scopes, expires_at: Some(expires_at) }
    }

    /// The bearer's name in the audit trail. Never a token, nor a part of one.
    pub(crate) fn actor(&self) -> &str {
        &self.actor
    }

    /// An audit event about an action of this bearer.
    pub(crate) fn event(&self, action: Action, at: u64, caller: Caller) -> Event {
        Event { action, at, actor: Some(self.actor.clone()), caller }
    }

    /// Whether any of the bearer's scopes covers the needed one.
    pub(crate) fn may(&self, needed: &Scope) -> bool {
        self.scopes.iter().any(|scope| scope.covers(needed))
    }

    /// Requires [`Self::may`]: 403 otherwise.
    pub(crate) fn require(&self, needed: &Scope) -> Result<(), ApiError> {
        if self.may(needed) { Ok(()) } else { Err(ApiError::Forbidden) }
    }

    /// The projects that the scopes name; `None` when a scope covers all projects.
    pub(crate) fn projects(&self) -> Option<Vec<ProjectId>> {
        let named = |scope: &Scope| match scope {
            Scope::Admin => None,
            Scope::Deploy(project) | Scope::Read(project) | Scope::Build(project) => Some(project.clone()),
        };
        self.scopes.iter().map(named).collect()
    }

    /// What `GET /tokens/self` answers.
    pub(crate) fn into_bearer(self) -> Bearer {
        Bearer { actor: self.actor, scopes: self.scopes, expires_at: self.expires_at }
    }
}

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
        return by_ci_identity(app, presented).await;
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

/// The token of `authorization: Bearer …`; the scheme is case-insensitive.
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The stored digest of a token: SHA-256, as 64 hexadecimal digits. A slow hash is not needed for
/// 256 random bits.
pub(crate) fn digest_of(token: &Token) -> String {
    hex::encode(Sha256::digest(token.expose_secret()))
}

/// Authenticates by CI identity token (OpenID Connect). A token that an issuer signed a moment ago
/// takes the place of an API token, when an admin has added a trust for its repository. Neither the
/// CI nor the service stores a secret for it.
///
/// 1. Parse the token, and find the trusts of its issuer. Without a trust, no request is sent to
///    the issuer.
/// 2. Check the token's times, then find the issuer's key, then verify the signature.
/// 3. Only then compare the claims: every trust that fits grants its scope, provided that its seal
///    proves that the service wrote it.
async fn by_ci_identity<H: Host>(app: &Arc<App<H>>, text: &str) -> Result<Identity, ApiError> {
    let jwt = jwt::parse(text).ok_or(IdentityRefusal::Malformed)?;
    let trusts = trusts::of_issuer(&app.host, &jwt.claims.iss).await?;
    if trusts.is_empty() {
        return Err(IdentityRefusal::Issuer.into());
    }
    let roots = app.secrets.wrap_roots()?;
    let (mut proven, mut unproven) = (Vec::new(), Vec::new());
    for (trust, seal) in trusts {
        match row_seals::verify_trust(&roots, &trust, seal.as_deref()) {
            SealStatus::Valid => proven.push(trust),
            status => {
                app.log.warn(&format!("trust {} is not believed: {status:?}", trust.trust_id));
                unproven.push(trust);
            }
        }
    }
    let now = app.clock.now();
    policy::oidc::by_time(&jwt.claims, now)?;
    let key = issuer_key(app, &jwt.claims.iss, &jwt.key_id, now).await?;
    let key = key.ok_or(IdentityRefusal::Signature)?;
    if !app.host.verify_rs256(&key, jwt.signed.as_bytes(), &jwt.signature).await? {
        return Err(IdentityRefusal::Signature.into());
    }
    let scopes = match policy::oidc::scopes(&jwt.claims, proven) {
        Err(IdentityRefusal::NoTrust) if policy::oidc::scopes(&jwt.claims, unproven).is_ok() => {
            return Err(IdentityRefusal::Unproven.into());
        }
        scopes => scopes?,
    };
    Ok(Identity::of_ci(jwt.claims.actor(), scopes, jwt.claims.exp.saturating_mul(1000)))
}

/// The issuer's key with this id; `None` when the issuer has no such key.
async fn issuer_key<H: Host>(
    app: &Arc<App<H>>,
    issuer: &str,
    key_id: &str,
    now: u64,
) -> host::Result<Option<RsaKey>> {
    match app.issuers.look_up(issuer, key_id, now) {
        Lookup::Found(key) => return Ok(Some(key)),
        Lookup::Absent => return Ok(None),
        Lookup::Unanswered => return Err(issuer_fault("it was asked a moment ago, and has not answered")),
        Lookup::Fetch => {}
    }
    let answer = read_issuer_keys(app, issuer, now).await;
    // Without an answer, a key that was read within the last hour is used.
    match (app.issuers.known(issuer, key_id, now), answer) {
        (Some(key), _) => Ok(Some(key)),
        (None, answer) => answer.map(|()| None),
    }
}

/// Reads an issuer's keys. Continues when the call ends early, so that new keys are cached even
/// then.
async fn read_issuer_keys<H: Host>(app: &Arc<App<H>>, issuer: &str, now: u64) -> host::Result<()> {
    let (sender, receiver) = oneshot::channel();
    let (apart, name) = (Arc::clone(app), issuer.to_owned());
    let reading = async move {
        let answer = issuer_keys::fetch(&apart.host, &name).await;
        // The receiver is gone when the call has ended.
        let _ = sender.send(answer.map(|keys| apart.issuers.remember(&name, keys, now)));
    };
    app.host.run_in_background(reading).await;
    receiver.await.unwrap_or_else(|_| Err(issuer_fault("it could not be asked")))
}

fn issuer_fault(what: &str) -> HostError {
    HostError::Issuer(what.to_owned())
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
