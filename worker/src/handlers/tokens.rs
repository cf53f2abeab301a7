//! Creates, lists and revokes API tokens, for admins. Any bearer may ask about itself.

use std::sync::Arc;

use capy_protocol::api::SecretText;
use capy_protocol::api::tokens::{CreatedToken, NewToken, RevokedToken, TokenInfo, TokenList};
use capy_protocol::scope::Scope;
use capy_protocol::token::{Token, TokenId};

use crate::app::App;
use crate::audit::{Action, Subject};
use crate::auth;
use crate::call::{Answer, Call, Outcome};
use crate::error::{ApiError, Fault};
use crate::host::Host;
use crate::policy;
use crate::query;
use crate::row_seals;
use crate::store::tokens;

/// `POST /tokens`: creates an API token.
///
/// 1. Require an admin's bearer: 401, 403. Read the body: 400, 413, 415. Check the fields against
///    the policy: 400.
/// 2. Write the record, with the token's digest only, and its event: 503.
/// 3. Answer 201 with the token's text, which the service does not keep.
pub(crate) async fn create<H: Host>(app: Arc<App<H>>, call: Call) -> Outcome {
    let identity = auth::admin(&app, call.authorization()).await?;
    let caller = call.caller();
    let request: NewToken = call.json().await?;
    let now = app.clock.now();
    policy::tokens::new_token(&request)?;
    let drawn = Token::generate().and_then(|token| Ok((token, TokenId::generate()?)));
    let (token, token_id) = drawn.map_err(|error| ApiError::Unavailable(Fault::Draw(error)))?;
    let info = TokenInfo {
        token_id,
        label: request.label,
        scopes: request.scopes,
        created_at: now,
        created_by: identity.actor().to_owned(),
        expires_at: request.expires_in.map(|seconds| now + seconds * 1000),
        last_used_at: None,
        revoked_at: None,
    };
    let scopes: Vec<_> = info.scopes.iter().map(Scope::to_string).collect();
    let subject = Subject::of_service(&token_id, Some(scopes.join(" ")));
    let event = app.seal(&identity.event(Action::CreateToken, now, caller), subject, "ok")?;
    let digest = auth::digest_of(&token);
    let seal = row_seals::seal_token(&*app.secrets.wrap_roots()?, &info, &digest);
    let seal = seal.map_err(|error| ApiError::Unavailable(Fault::Seal(error)))?;
    tokens::insert(&app.host, &digest, &info, &seal, &event).await?;
    Answer::created(&CreatedToken { token: SecretText::from(&token), info })
}

/// `GET /tokens?cursor=`: lists API tokens.
///
/// 1. Require an admin's bearer: 401, 403. Parse the cursor: 400.
/// 2. Answer 200 with a page of all tokens, newest first, including expired and revoked ones. 503
///    without the database.
pub(crate) async fn list<H: Host>(app: Arc<App<H>>, call: Call) -> Outcome {
    auth::admin(&app, call.authorization()).await?;
    let cursor = query::cursor(call.query(), TokenId::parse)?;
    let (tokens, next) = tokens::list(&app.host, cursor.as_ref()).await?;
    Answer::ok(&TokenList { tokens, next: next.map(|cursor| cursor.to_string()) })
}

/// `GET /tokens/self`: describes the bearer.
///
/// 1. Authenticate the bearer: 401, 503.
/// 2. Answer 200 with the bearer's name, scopes and expiry.
pub(crate) async fn of_bearer<H: Host>(app: Arc<App<H>>, call: Call) -> Outcome {
    Answer::ok(&auth::identify(&app, call.authorization()).await?.into_bearer())
}

/// `DELETE /tokens/{id}`: revokes an API token.
///
/// 1. Require an admin's bearer: 401, 403. Parse the path: 400.
/// 2. Revoke in the database: 404 for an unknown id, 503 when the write fails.
/// 3. Answer 200 with the time of the first revocation, however often the call is repeated. Calls
///    with the token that begin after the answer are refused.
pub(crate) async fn revoke<H: Host>(app: Arc<App<H>>, call: Call) -> Outcome {
    let identity = auth::admin(&app, call.authorization()).await?;
    let caller = call.caller();
    let token_id = call.id(TokenId::parse)?;
    let event = identity.event(Action::RevokeToken, app.clock.now(), caller);
    let event = app.seal(&event, Subject::of_service(&token_id, None), "ok")?;
    let revoked = tokens::revoke(&app.host, &token_id, &event).await?;
    let revoked_at = revoked.ok_or(ApiError::TokenUnknown)?;
    Answer::ok(&RevokedToken { token_id, revoked_at })
}
