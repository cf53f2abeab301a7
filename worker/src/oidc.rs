//! CI identities (OpenID Connect): a token that an issuer signed a minute ago stands for an API token, where somebody
//! said so for its repository. No secret is kept for it, neither there nor here.

use std::sync::Arc;

use futures_channel::oneshot;

use crate::app::App;
use crate::error::ApiError;
use crate::host::{self, Host, HostError, RsaKey};
use crate::identity::Identity;
use crate::policy::oidc::{self as policy, Refused};
use crate::row_seals::{self, Standing};
use crate::store::trusts;

use crate::issuer_keys::{self as keys, Lookup};
use crate::jwt;

/// 1. It is taken apart. The trusts of its issuer: without one nobody is asked anything.
/// 2. Its times, then the issuer's key, then the signature.
/// 3. Only then what it claims: every trust that fits gives its scope, if the service wrote it so.
pub(crate) async fn identify<H: Host>(app: &Arc<App<H>>, text: &str) -> Result<Identity, ApiError> {
    let jwt = jwt::parse(text).ok_or(Refused::Malformed)?;
    let trusts = trusts::of_issuer(&app.host, &jwt.claims.iss).await?;
    if trusts.is_empty() {
        return Err(Refused::Issuer.into());
    }
    let roots = app.secrets.wrap_roots()?;
    let (mut proven, mut unproven) = (Vec::new(), Vec::new());
    for (trust, seal) in trusts {
        match row_seals::of_trust(&roots, &trust, seal.as_deref()) {
            Standing::Whole => proven.push(trust),
            standing => {
                app.log.warn(&format!("trust {} is not believed: {standing:?}", trust.trust_id));
                unproven.push(trust);
            }
        }
    }
    let now = app.clock.now();
    policy::by_time(&jwt.claims, now)?;
    let key = key(app, &jwt.claims.iss, &jwt.key_id, now).await?;
    let key = key.ok_or(Refused::Signature)?;
    if !app.host.verify_rs256(&key, jwt.signed.as_bytes(), &jwt.signature).await? {
        return Err(Refused::Signature.into());
    }
    let scopes = match policy::scopes(&jwt.claims, proven) {
        Err(Refused::NoTrust) if policy::scopes(&jwt.claims, unproven).is_ok() => {
            return Err(Refused::Unproven.into());
        }
        scopes => scopes?,
    };
    Ok(Identity::of_ci(jwt.claims.actor(), scopes, jwt.claims.exp.saturating_mul(1000)))
}

/// The issuer's key of this name; `None` when it has none.
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
        Lookup::Ask => {}
    }
    let answer = read(app, issuer, now).await;
    // Without an answer, a key that was known a while ago is better than none.
    match (app.issuers.known(issuer, key_id, now), answer) {
        (Some(key), _) => Ok(Some(key)),
        (None, answer) => answer.map(|()| None),
    }
}

/// Reads an issuer's keys, even when nobody waits for it any more: giving up early hides no new key.
async fn read<H: Host>(app: &Arc<App<H>>, issuer: &str, now: u64) -> host::Result<()> {
    let (tell, told) = oneshot::channel();
    let (apart, name) = (Arc::clone(app), issuer.to_owned());
    let reading = async move {
        let answer = keys::fetch(&apart.host, &name).await;
        // Nobody may be listening.
        let _ = tell.send(answer.map(|keys| apart.issuers.remember(&name, keys, now)));
    };
    app.host.run_apart(reading).await;
    told.await.unwrap_or_else(|_| Err(fault("it could not be asked")))
}

fn fault(what: &str) -> HostError {
    HostError::Issuer(what.to_owned())
}
