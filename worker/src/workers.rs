//! The way in from Cloudflare Workers. With `host::cloudflare` the only code that knows that platform.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};

use worker::js_sys::{Object, Reflect};
use worker::send::{SendFuture, SendWrapper};
use worker::wasm_bindgen::JsValue;
use worker::web_sys::{Request as WebRequest, Response, ResponseInit};
use worker::{Context, Date, Env, Result, ScheduleContext, ScheduledEvent, console_error, event};

use crate::app::{App, Clock};
use crate::body::{Body, BodyFault};
use crate::call::{Answer, Request, Work};
use crate::caller::Peer;
use crate::host::Host;
use crate::host::cloudflare::stream::{body_of, present};
use crate::host::cloudflare::{Bindings, Cloudflare};
use crate::log::Log;
use crate::migrations::{STATEMENTS_AT_ONCE, migrate};
use crate::oidc::Issuers;
use crate::refusals::Refusals;
use crate::secrets::Secrets;
use crate::{answer, checkpoint};

/// For as long as this instance lives, which is that of one deployed version: each call has an [`App`] of its own.
static BINDINGS: OnceLock<Arc<Bindings>> = OnceLock::new();
static SECRETS: OnceLock<Arc<Secrets>> = OnceLock::new();
static ISSUERS: LazyLock<Arc<Issuers>> = LazyLock::new(Arc::default);
static REFUSALS: LazyLock<Arc<Refusals>> = LazyLock::new(Arc::default);
/// Whether the database has been seen to have its tables.
static HAS_TABLES: AtomicBool = AtomicBool::new(false);

#[event(fetch)]
async fn fetch(request: WebRequest, env: Env, context: Context) -> Result<Response> {
    let app = Arc::new(bind(&env, Some(context)));
    bring_up_to_date(&app).await;
    Ok(send(answer(&app, receive(request)).await)?)
}

/// Every few minutes, as wrangler.toml says.
#[event(scheduled)]
async fn scheduled(_event: ScheduledEvent, env: Env, _context: ScheduleContext) {
    let app = bind(&env, None);
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

fn bind(env: &Env, context: Option<Context>) -> App<Cloudflare> {
    let secret = |name: &str| env.secret(name).ok().map(|secret| secret.to_string());
    let bindings = BINDINGS.get_or_init(|| Arc::new(Bindings::of(env)));
    let secrets = SECRETS.get_or_init(|| Arc::new(Secrets::parse(secret)));
    App {
        host: Cloudflare { bindings: Arc::clone(bindings), context },
        secrets: Arc::clone(secrets),
        clock: Clock::new(|| Date::now().as_millis()),
        issuers: ISSUERS.clone(),
        refusals: REFUSALS.clone(),
        log: Log::new(|line| console_error!("{line}")),
    }
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
        // Cloudflare sets these itself, over whatever the client sent.
        peer: Peer {
            address: header("cf-connecting-ip"),
            request_id: header("cf-ray"),
            country: country(&request),
        },
        body: Box::new(Unread(SendWrapper::new(request))),
    }
}

/// Path and query of an absolute address, which the runtime has parsed before.
fn target(url: &str) -> (&str, Option<&str>) {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let start = after_scheme.find(['/', '?', '#']).unwrap_or(after_scheme.len());
    let target = after_scheme[start..].split('#').next().unwrap_or_default();
    match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    }
}

fn country(request: &WebRequest) -> Option<String> {
    present(&present(request, "cf")?, "country")?.as_string()
}

/// The request that the body belongs to.
struct Unread(SendWrapper<WebRequest>);

impl Body for Unread {
    fn read(self: Box<Self>, max: usize) -> Work<'static, std::result::Result<Vec<u8>, BodyFault>> {
        Box::pin(SendFuture::new(async move { body_of(&self.0, max).await }))
    }
}

fn send(mut answer: Answer) -> std::result::Result<Response, JsValue> {
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
