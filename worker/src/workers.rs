//! Entry points for Cloudflare Workers. Only this module and `hosts::cloudflare` know that
//! platform.

mod console;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};

use capy_protocol::idempotency;
use js_sys::futures::future_to_promise;
use js_sys::{Date, Object, Promise, Reflect};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::{Request as WebRequest, Response, ResponseInit};

use crate::app::{App, Clock};
use crate::body::{Body, BodyFault};
use crate::call::{Answer, Request};
use crate::caller::Peer;
use crate::future::BoxFuture;
use crate::host::Host;
use crate::hosts::cloudflare::stream::{body_of, present};
use crate::hosts::cloudflare::{Bindings, Cloudflare, Context};
use crate::issuer_keys::IssuerKeyCache;
use crate::log::Log;
use crate::migrations::{STATEMENTS_AT_ONCE, migrate};
use crate::refusal_throttle::RefusalThrottle;
use crate::secrets::Secrets;
use crate::{answer, checkpoint};

/// State of this instance, which serves one deployed version: each call has an [`App`] of its own.
static BINDINGS: OnceLock<Arc<Bindings>> = OnceLock::new();
static SECRETS: OnceLock<Arc<Secrets>> = OnceLock::new();
static ISSUERS: LazyLock<Arc<IssuerKeyCache>> = LazyLock::new(Arc::default);
static REFUSAL_THROTTLE: LazyLock<Arc<RefusalThrottle>> = LazyLock::new(Arc::default);
/// Whether all migrations are known to be applied.
static IS_MIGRATED: AtomicBool = AtomicBool::new(false);

/// Answers a request. Called by `entry.mjs`.
#[wasm_bindgen]
pub fn fetch(request: WebRequest, env: &Object, context: Context) -> Promise {
    let app = Arc::new(bind(env, Some(context)));
    future_to_promise(async move {
        apply_migrations(&app).await;
        send(answer(&app, receive(request)).await).map(JsValue::from)
    })
}

/// Makes checkpoints of the audit trail. Called by `entry.mjs` every few minutes, as
/// `wrangler.toml` says.
#[wasm_bindgen]
pub fn scheduled(env: &Object) -> Promise {
    let app = bind(env, None);
    future_to_promise(async move {
        apply_migrations(&app).await;
        checkpoint(&app).await;
        Ok(JsValue::UNDEFINED)
    })
}

/// Applies missing migrations before an instance's first call, since a deploy does not create
/// tables. When that fails, the call goes on, for answers that need no database, and the next call
/// tries again.
async fn apply_migrations(app: &App<Cloudflare>) {
    if IS_MIGRATED.load(Ordering::Relaxed) {
        return;
    }
    match migrate(|statements| app.host.transaction(statements), STATEMENTS_AT_ONCE).await {
        Ok(whole) => IS_MIGRATED.store(whole, Ordering::Relaxed),
        Err(error) => app.log.warn(&error),
    }
}

fn bind(env: &Object, context: Option<Context>) -> App<Cloudflare> {
    let secret = |name: &str| present(env, name)?.as_string();
    let bindings = BINDINGS.get_or_init(|| Arc::new(Bindings::of(env)));
    let secrets = SECRETS.get_or_init(|| Arc::new(Secrets::parse(secret)));
    App {
        host: Cloudflare { bindings: Arc::clone(bindings), context },
        secrets: Arc::clone(secrets),
        clock: Clock::new(now),
        issuers: ISSUERS.clone(),
        refusal_throttle: REFUSAL_THROTTLE.clone(),
        log: Log::new(console::log),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole milliseconds since 1970")]
fn now() -> u64 {
    Date::now() as u64
}

fn receive(request: WebRequest) -> Request {
    let headers = request.headers();
    let header = |name| headers.get(name).ok().flatten();
    let url = request.url();
    let (path, query) = target(&url);
    Request {
        method: request.method(),
        path: path.to_owned(),
        query: query.map(str::to_owned),
        authorization: header("authorization"),
        content_type: header("content-type"),
        user_agent: header("user-agent"),
        idempotency_key: header(idempotency::HEADER),
        // Cloudflare sets these headers itself, and replaces those of the client.
        peer: Peer {
            address: header("cf-connecting-ip"),
            request_id: header("cf-ray"),
            country: country(&request),
        },
        body: Box::new(UnreadBody(request)),
    }
}

/// Path and query of an absolute URL, which the runtime has already parsed.
fn target(url: &str) -> (&str, Option<&str>) {
    let after_scheme = url.split_once(':').map_or(url, |(_, rest)| rest.trim_start_matches('/'));
    let start = after_scheme.find(['/', '?', '#']).unwrap_or(after_scheme.len());
    let target = after_scheme.get(start..).and_then(|target| target.split('#').next()).unwrap_or_default();
    match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    }
}

fn country(request: &WebRequest) -> Option<String> {
    present(&present(request, "cf")?, "country")?.as_string()
}

/// A request whose body has not been read yet.
struct UnreadBody(WebRequest);

impl Body for UnreadBody {
    fn read(self: Box<Self>, max: usize) -> BoxFuture<'static, Result<Vec<u8>, BodyFault>> {
        Box::pin(async move { body_of(&self.0, max).await })
    }
}

fn send(mut answer: Answer) -> Result<Response, JsValue> {
    let headers = Object::new();
    for (name, value) in &answer.headers {
        Reflect::set(&headers, &JsValue::from_str(name), &JsValue::from_str(value))?;
    }
    let init = ResponseInit::new();
    init.set_status(answer.status);
    init.set_headers(&headers);
    match answer.body.is_empty() {
        true => Response::new_with_opt_str_and_init(None, &init),
        false => Response::new_with_opt_u8_array_and_init(Some(&mut answer.body), &init),
    }
}
