//! Adds, lists and removes trusts in CI identities, for admins.

use std::sync::Arc;

use capy_protocol::api::trusts::{NewTrust, RemovedTrust, Trust, TrustList};
use capy_protocol::token::TrustId;

use crate::app::App;
use crate::audit::{Action, Subject};
use crate::auth;
use crate::call::{Answer, Call, Outcome};
use crate::error::{ApiError, Fault};
use crate::host::Host;
use crate::policy;
use crate::query;
use crate::row_seals;
use crate::store::trusts;

/// `POST /oidc/trusts`: adds a trust.
///
/// 1. Require an admin's bearer: 401, 403. Read the body: 400, 413, 415. Check the fields against
///    the policy: 400.
/// 2. Write the record and its event: 503.
/// 3. Answer 201 with the trust. No request is sent to the issuer, which may not be reachable yet.
pub(crate) async fn add<H: Host>(app: Arc<App<H>>, call: Call) -> Outcome {
    let identity = auth::admin(&app, call.authorization()).await?;
    let caller = call.caller();
    let request: NewTrust = call.json().await?;
    policy::oidc::new_trust(&request)?;
    let trust_id = TrustId::generate().map_err(|error| ApiError::Unavailable(Fault::Draw(error)))?;
    let trust = Trust {
        trust_id,
        issuer: request.issuer,
        audience: request.audience,
        claims: request.claims,
        scope: request.scope,
        created_at: app.clock.now(),
        created_by: identity.actor().to_owned(),
    };
    let detail = format!("{}: {}", trust.issuer, trust.scope);
    let subject = Subject::of_service(&trust_id, Some(detail));
    let event = identity.event(Action::AddTrust, trust.created_at, caller);
    let seal = row_seals::seal_trust(&*app.secrets.wrap_roots()?, &trust);
    let seal = seal.map_err(|error| ApiError::Unavailable(Fault::Seal(error)))?;
    trusts::insert(&app.host, &trust, &seal, &app.seal(&event, subject, "ok")?).await?;
    Answer::created(&trust)
}

/// `GET /oidc/trusts?cursor=`: lists trusts.
///
/// 1. Require an admin's bearer: 401, 403. Parse the cursor: 400.
/// 2. Answer 200 with a page of all trusts, newest first. 503 without the database.
pub(crate) async fn list<H: Host>(app: Arc<App<H>>, call: Call) -> Outcome {
    auth::admin(&app, call.authorization()).await?;
    let cursor = query::cursor(call.query(), TrustId::parse)?;
    let (trusts, next) = trusts::list(&app.host, cursor.as_ref()).await?;
    Answer::ok(&TrustList { trusts, next: next.map(|cursor| cursor.to_string()) })
}

/// `DELETE /oidc/trusts/{id}`: removes a trust.
///
/// 1. Require an admin's bearer: 401, 403. Parse the path: 400.
/// 2. Remove the trust from the database: 404 when it does not exist, 503.
/// 3. Answer 200. Calls that begin after the answer are no longer accepted by this trust.
pub(crate) async fn remove<H: Host>(app: Arc<App<H>>, call: Call) -> Outcome {
    let identity = auth::admin(&app, call.authorization()).await?;
    let caller = call.caller();
    let trust_id = call.id(TrustId::parse)?;
    let event = identity.event(Action::RemoveTrust, app.clock.now(), caller);
    let event = app.seal(&event, Subject::of_service(&trust_id, None), "ok")?;
    match trusts::remove(&app.host, &trust_id, &event).await? {
        true => Answer::ok(&RemovedTrust { trust_id }),
        false => Err(ApiError::TrustUnknown),
    }
}
