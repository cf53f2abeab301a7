//! Authentication by CI identity tokens (OpenID Connect). A token that an issuer signed a moment
//! ago takes the place of an API token, when an admin has added a trust for its repository. Neither
//! the CI nor the service stores a secret for it.

use std::sync::Arc;

use futures_channel::oneshot;

use crate::app::App;
use crate::error::ApiError;
use crate::host::{self, Host, HostError, RsaKey};
use crate::identity::Identity;
use crate::policy::oidc::{self as policy, IdentityRefusal};
use crate::row_seals::{self, SealStatus};
use crate::store::trusts;

use crate::issuer_keys::{self as keys, Lookup};
use crate::jwt;

/// Authenticates a CI identity token.
///
/// 1. Parse the token, and find the trusts of its issuer. Without a trust, no request is sent to
///    the issuer.
/// 2. Check the token's times, then find the issuer's key, then verify the signature.
/// 3. Only then compare the claims: every trust that fits grants its scope, provided that its seal
///    proves that the service wrote it.
pub(crate) async fn identify<H: Host>(app: &Arc<App<H>>, text: &str) -> Result<Identity, ApiError> {
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
    policy::by_time(&jwt.claims, now)?;
    let key = key(app, &jwt.claims.iss, &jwt.key_id, now).await?;
    let key = key.ok_or(IdentityRefusal::Signature)?;
    if !app.host.verify_rs256(&key, jwt.signed.as_bytes(), &jwt.signature).await? {
        return Err(IdentityRefusal::Signature.into());
    }
    let scopes = match policy::scopes(&jwt.claims, proven) {
        Err(IdentityRefusal::NoTrust) if policy::scopes(&jwt.claims, unproven).is_ok() => {
            return Err(IdentityRefusal::Unproven.into());
        }
        scopes => scopes?,
    };
    Ok(Identity::of_ci(jwt.claims.actor(), scopes, jwt.claims.exp.saturating_mul(1000)))
}

/// The issuer's key with this id; `None` when the issuer has no such key.
async fn key<H: Host>(
    app: &Arc<App<H>>,
    issuer: &str,
    key_id: &str,
    now: u64,
) -> host::Result<Option<RsaKey>> {
    match app.issuers.look_up(issuer, key_id, now) {
        Lookup::Found(key) => return Ok(Some(key)),
        Lookup::Absent => return Ok(None),
        Lookup::Unanswered => return Err(fault("it was asked a moment ago, and has not answered")),
        Lookup::Fetch => {}
    }
    let answer = read(app, issuer, now).await;
    // Without an answer, a key that was read within the last hour is used.
    match (app.issuers.known(issuer, key_id, now), answer) {
        (Some(key), _) => Ok(Some(key)),
        (None, answer) => answer.map(|()| None),
    }
}

/// Reads an issuer's keys. Continues when the call ends early, so that new keys are cached even
/// then.
async fn read<H: Host>(app: &Arc<App<H>>, issuer: &str, now: u64) -> host::Result<()> {
    let (sender, receiver) = oneshot::channel();
    let (apart, name) = (Arc::clone(app), issuer.to_owned());
    let reading = async move {
        let answer = keys::fetch(&apart.host, &name).await;
        // The receiver is gone when the call has ended.
        let _ = sender.send(answer.map(|keys| apart.issuers.remember(&name, keys, now)));
    };
    app.host.run_in_background(reading).await;
    receiver.await.unwrap_or_else(|_| Err(fault("it could not be asked")))
}

fn fault(what: &str) -> HostError {
    HostError::Issuer(what.to_owned())
}
