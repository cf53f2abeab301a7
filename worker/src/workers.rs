//! The way in from Cloudflare Workers. With `host::cloudflare` the only code that knows that platform.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use axum::body::Body;
use axum::http;
use axum::response::{IntoResponse, Response as HttpResponse};
use http_body_util::BodyExt;
use tower_service::Service;
use worker::{
    Cf, Context, Date, Env, Response, Result, ScheduleContext, ScheduledEvent, console_error, event,
    request_from_wasm, web_sys,
};

use crate::app::{App, Clock};
use crate::caller::Peer;
use crate::error::ApiError;
use crate::host::Host;
use crate::host::cloudflare::Cloudflare;
use crate::log::Log;
use crate::migrations::{STATEMENTS_AT_ONCE, migrate};
use crate::oidc::Issuers;
use crate::refusals::Refusals;
use crate::secrets::Secrets;
use crate::{checkpoint, router};

/// For as long as this instance lives: each call has an [`App`] of its own.
static ISSUERS: LazyLock<Arc<Issuers>> = LazyLock::new(Arc::default);
static REFUSALS: LazyLock<Arc<Refusals>> = LazyLock::new(Arc::default);
/// Whether the database has been seen to have its tables.
static HAS_TABLES: AtomicBool = AtomicBool::new(false);

#[event(fetch)]
async fn fetch(request: web_sys::Request, env: Env, context: Context) -> Result<Response> {
    let Ok(request) = request_from_wasm(request) else {
        let unreadable = ApiError::BadRequest("the request's address or headers cannot be read".into());
        return whole(unreadable.into_response()).await;
    };
    let mut request = request.map(Body::new);
    let peer = peer(&request);
    request.extensions_mut().insert(peer);
    let app = Arc::new(bind(env, Some(context)));
    bring_up_to_date(&app).await;
    let Ok(response) = router(app).call(request).await;
    whole(response).await
}

/// Every few minutes, as wrangler.toml says.
#[event(scheduled)]
async fn scheduled(_event: ScheduledEvent, env: Env, _context: ScheduleContext) {
    let app = bind(env, None);
    bring_up_to_date(&app).await;
    checkpoint(&app).await;
}

/// A deploy brings no tables: they are made, or changed, before an instance's first call. Where that fails, the call goes
/// on all the same, for what can be answered without the database, and the next one tries again.
async fn bring_up_to_date(app: &App<Cloudflare>) {
    if HAS_TABLES.load(Ordering::Relaxed) {
        return;
    }
    match migrate(|statements| app.host.transaction(statements), STATEMENTS_AT_ONCE).await {
        Ok(whole) => HAS_TABLES.store(whole, Ordering::Relaxed),
        Err(error) => app.log.warn(&error),
    }
}

fn bind(env: Env, context: Option<Context>) -> App<Cloudflare> {
    App {
        host: Cloudflare::bind(&env, context),
        secrets: Secrets::parse(|name| env.secret(name).ok().map(|secret| secret.to_string())),
        clock: Clock::new(|| Date::now().as_millis()),
        issuers: ISSUERS.clone(),
        refusals: REFUSALS.clone(),
        log: Log::new(|line| console_error!("{line}")),
    }
}

/// Cloudflare sets these headers itself, over whatever the client sent.
fn peer<B>(request: &http::Request<B>) -> Peer {
    let header = |name: &str| request.headers().get(name)?.to_str().ok().map(str::to_owned);
    Peer {
        address: header("cf-connecting-ip"),
        request_id: header("cf-ray"),
        country: request.extensions().get().and_then(Cf::country),
    }
}

/// Sends the body in one piece: a stream out of wasm would break when another call's panic replaces the instance.
async fn whole(response: HttpResponse) -> Result<Response> {
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
    let response = match body.is_empty() {
        true => Response::empty()?,
        false => Response::from_bytes(body.to_vec())?,
    };
    Ok(response.with_status(head.status.as_u16()).with_headers(head.headers.into()))
}
