//! Routes of the setup page. Every request passes [`guard`], which checks who asks and sets the
//! security headers.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Serialize;
use zeroize::Zeroizing;

use super::choice::{Choice, PushTo, Selection};
use super::session::Session;
use super::view::{DeploymentView, Problem, SizeView, State as PageState, Status, Value};
use crate::deployment::{json_object, lines as lines_of};
use crate::error::{Error, Result};

type Shared = State<Arc<Session>>;

/// The page's files, compiled into the program: path below the page, content type, content. Nothing
/// is fetched from anywhere else.
const FILES: [(&str, &str, &str); 5] = [
    ("", "text/html; charset=utf-8", include_str!("assets/page.html")),
    ("page.css", "text/css; charset=utf-8", include_str!("assets/page.css")),
    ("page.js", "text/javascript; charset=utf-8", include_str!("assets/page.js")),
    ("result.js", "text/javascript; charset=utf-8", include_str!("assets/result.js")),
    ("icon.svg", "image/svg+xml", include_str!("assets/icon.svg")),
];

/// The most bytes of a request. No choice is longer.
const MAX_BODY: usize = 256 * 1024;

const HEADERS: [(HeaderName, &str); 8] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
    ),
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "clipboard-write=(self)"),
];

/// The routes for everything that the page requests.
pub(crate) fn router(session: Arc<Session>) -> Router {
    let root = session.gate.root();
    let mut router = Router::new();
    for (name, kind, content) in FILES {
        let file = move || async move { ([(header::CONTENT_TYPE, kind)], content) };
        router = router.route(&format!("{root}{name}"), get(file));
    }
    let api = Router::new()
        .route("/state", post(state))
        .route("/size", post(size))
        .route("/mint", post(mint))
        .route("/reveal", post(reveal))
        .route("/lines", post(lines))
        .route("/status", post(status))
        .route("/push", post(push))
        .route("/revoke", post(revoke))
        .route("/end", post(end));
    router
        .nest(&format!("{root}api"), api)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(Arc::clone(&session), guard))
        .with_state(session)
}

/// Checks access and sets headers: 421 for another host, 404 for another path, 403 for another
/// visitor or another page's call.
async fn guard(State(session): Shared, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let (mut response, cookie) = match session.gate.admit(&head) {
        Ok(admitted) => {
            // The page asks for the status by itself, whether somebody is there or not.
            if admitted.rest != "api/status" {
                session.touch();
            }
            (next.run(Request::from_parts(head, body)).await, admitted.cookie)
        }
        Err(StatusCode::FORBIDDEN) => ((StatusCode::FORBIDDEN, FORBIDDEN).into_response(), None),
        Err(status) => (status.into_response(), None),
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::from_str(&cookie).ok()) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// What a browser shows that is not the visitor's.
const FORBIDDEN: &str = "This page belongs to the browser that opened it first.\n\
    If it was this one, it keeps no cookies for this address: allow them, or use another browser.\n\
    If it was not you, press Ctrl-C in the terminal where capy deploy runs.\n\
    In either case start capy deploy again: the page lets one browser in.\n";

async fn state(State(session): Shared) -> Response {
    blocking(session, |session| to_json(&PageState::of(session))).await
}

async fn size(State(session): Shared, Json(choice): Json<Choice>) -> Response {
    blocking(session, move |session| {
        let request = session.request(choice)?;
        let size = session.context.check_size(&request)?;
        let checked =
            size.require(&request.platform).and_then(|()| session.context.check_blob_file(&request));
        to_json(&SizeView::of(&request, size, checked.err()))
    })
    .await
}

async fn mint(State(session): Shared, Json(choice): Json<Choice>) -> Response {
    blocking(session, move |session| to_json(&DeploymentView::of(&*session.mint(choice)?))).await
}

async fn reveal(State(session): Shared, Json(selected): Json<Selection>) -> Response {
    blocking(session, move |session| {
        let value = session.reveal(&selected.deploy_id, &selected.name)?;
        to_json(&Value { value: &value })
    })
    .await
}

async fn lines(State(session): Shared, Json(selected): Json<Selection>) -> Response {
    blocking(session, move |session| {
        let deployment = session.deployment(&selected.deploy_id)?;
        let text = if selected.name == "json" {
            json_object(&deployment.variables)
        } else {
            lines_of(&deployment.variables)
        };
        deployment.mark_delivered()?;
        to_json(&Value { value: &text })
    })
    .await
}

async fn status(State(session): Shared, Json(selected): Json<Selection>) -> Response {
    blocking(session, move |session| {
        let found = session.status(&selected.deploy_id)?;
        let found = found.ok_or_else(|| Error::PrefixUnknown { prefix: selected.deploy_id.to_string() })?;
        to_json(&Status::from(found))
    })
    .await
}

async fn push(State(session): Shared, Json(target): Json<PushTo>) -> Response {
    blocking(session, move |session| to_json(&session.push(&target)?)).await
}

async fn revoke(State(session): Shared, Json(selected): Json<Selection>) -> Response {
    blocking(session, move |session| {
        session.context.revoke_and_restore(&*session.deployment(&selected.deploy_id)?)?;
        to_json(&serde_json::Map::new())
    })
    .await
}

async fn end(State(session): Shared) -> Response {
    session.finish();
    Json(serde_json::Map::new()).into_response()
}

/// Runs work in a thread that may wait for the service. An error becomes 409 with its code, text
/// and hint, for the page to show.
async fn blocking(
    session: Arc<Session>,
    work: impl FnOnce(&Session) -> Result<Zeroizing<Vec<u8>>> + Send + 'static,
) -> Response {
    let done = tokio::task::spawn_blocking(move || work(&session)).await;
    match done {
        // The answer is wiped once it was sent.
        Ok(Ok(json)) => {
            ([(header::CONTENT_TYPE, "application/json")], Bytes::from_owner(json)).into_response()
        }
        Ok(Err(error)) => (StatusCode::CONFLICT, Json(Problem::from(&error))).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn to_json(view: &impl Serialize) -> Result<Zeroizing<Vec<u8>>> {
    Ok(Zeroizing::new(serde_json::to_vec(view).expect("a view of texts and numbers is always JSON")))
}
