//! CI identities (OpenID Connect): a token that an issuer signed a minute ago stands for an API token, where somebody
//! said so for its repository. No secret is kept for it, neither there nor here.

mod issuers;
pub mod jwt;
pub(crate) mod keys;

use std::sync::Arc;

use crate::app::App;
use crate::auth::Identity;
use crate::error::ApiError;
use crate::host::Host;
use crate::policy::oidc::{self as policy, Refused};
use crate::store::trusts;

pub use issuers::Issuers;

/// 1. It is taken apart. The trusts of its issuer: without one nobody is asked anything.
/// 2. Its times, then the issuer's key, then the signature.
/// 3. Only then what it claims: every trust that fits gives its scope.
pub(crate) async fn identify<H: Host>(app: &Arc<App<H>>, text: &str) -> Result<Identity, ApiError> {
    let jwt = jwt::parse(text).ok_or(Refused::Malformed)?;
    let trusts = trusts::of_issuer(&app.host, &jwt.claims.iss).await?;
    if trusts.is_empty() {
        return Err(Refused::Issuer.into());
    }
    let now = app.clock.now();
    policy::by_time(&jwt.claims, now)?;
    let key = issuers::key(app, &jwt.claims.iss, &jwt.key_id, now).await?;
    let key = key.ok_or(Refused::Signature)?;
    if !app.host.verify_rs256(&key, jwt.signed.as_bytes(), &jwt.signature).await? {
        return Err(Refused::Signature.into());
    }
    let scopes = policy::scopes(&jwt.claims, trusts)?;
    Ok(Identity::of_ci(jwt.claims.actor(), scopes, jwt.claims.exp.saturating_mul(1000)))
}
