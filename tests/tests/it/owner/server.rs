//! The stand-in's way in: HTTP on loopback, the bearer, Cloudflare's envelope around each answer.

use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use axum::Router;
use axum::body::{self, Bytes};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::owner::account::{Account, Refusal};
use crate::owner::api::{Body, Call};
use crate::owner::upload::{Module, Part, Upload};

pub(crate) const ACCOUNT_ID: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const API_TOKEN: &str = "canary.CLOUDFLARE_API_TOKEN.x9";

/// What an upload of static files is authorised by: a token without claims.
pub(crate) const ASSETS_TOKEN: &str = "e30.e30.e30";

/// More than Workers take.
const LARGEST: usize = 16 * 1024 * 1024;

/// A running stand-in for the API. Stopped on drop.
#[derive(Debug)]
pub(crate) struct Cloudflare {
    url: String,
    account: Arc<Mutex<Account>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Cloudflare {
    pub(crate) fn start(account: Account) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}/client/v4", listener.local_addr().unwrap());
        let account = Arc::new(Mutex::new(account));
        let (stop, stopped) = oneshot::channel::<()>();
        let shared = Arc::clone(&account);
        let router = Router::new().fallback(move |request| answer(Arc::clone(&shared), request));
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    served = async { axum::serve(listener, router).await } => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        Self { url, account, stop: Some(stop), thread: Some(thread) }
    }

    /// What `CLOUDFLARE_API_BASE_URL` is to be.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The account as it is now.
    pub(crate) fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap()
    }
}

impl Drop for Cloudflare {
    fn drop(&mut self) {
        drop(self.stop.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

async fn answer(account: Arc<Mutex<Account>>, request: Request) -> Response {
    let bearer = request.headers().get(AUTHORIZATION).cloned();
    let token = if request.uri().path().ends_with("/assets/upload") { ASSETS_TOKEN } else { API_TOKEN };
    let result = match bearer.is_some_and(|bearer| bearer == format!("Bearer {token}").as_str()) {
        false => Err(Refusal::new(403, 10000, "Authentication error")),
        true => match read(request).await {
            Ok(call) => {
                let mut account = account.lock().unwrap();
                match account.content(&call) {
                    Some(Ok(upload)) => return form_of(&upload),
                    Some(Err(refusal)) => Err(refusal),
                    None => account.answer(&call),
                }
            }
            Err(strange) => {
                account.lock().unwrap().strange.push(strange.clone());
                Err(Refusal::new(501, 1, strange))
            }
        },
    };
    envelope(result)
}

/// The modules of an upload as the API gives them back: a form, and a header that names the one which starts.
fn form_of(upload: &Upload) -> Response {
    let boundary = "1f2e3d4c5b6a79880123456789abcdef";
    let mut body = Vec::new();
    for Module { name, content_type, bytes } in upload.modules.iter().chain(&upload.maps) {
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{name}\"\r\n\
             Content-Type: {content_type}\r\n\r\n"
        );
        body.extend([head.as_bytes(), bytes, b"\r\n"].concat());
    }
    body.extend(format!("--{boundary}--\r\n").bytes());
    let kind = format!("multipart/form-data; boundary={boundary}");
    ([("content-type", kind), ("cf-entrypoint", upload.modules[0].name.clone())], body).into_response()
}

fn envelope(result: Result<Value, Refusal>) -> Response {
    let (status, answer) = match result {
        Ok(result) => (200, json!({ "success": true, "errors": [], "messages": [], "result": result })),
        Err(Refusal { status, code, text }) => {
            let errors = json!([{ "code": code, "message": text }]);
            (status, json!({ "success": false, "errors": errors, "messages": [], "result": null }))
        }
    };
    let headers = [(CONTENT_TYPE, "application/json")];
    (StatusCode::from_u16(status).unwrap(), headers, answer.to_string()).into_response()
}

/// The call, or why it is none.
async fn read(request: Request) -> Result<Call, String> {
    let method = request.method().to_string();
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default().to_owned());
    let below = path.strip_prefix("/client/v4/").ok_or_else(|| format!("{method} {path}"))?;
    let path = below.strip_prefix(&format!("accounts/{ACCOUNT_ID}/")).unwrap_or(below).to_owned();
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let body = match kind.split(';').next().unwrap_or_default() {
        "multipart/form-data" => Body::Form(form(request).await.map_err(|error| error.to_string())?),
        kind => {
            let kind = kind.to_owned();
            let bytes = body::to_bytes(request.into_body(), LARGEST).await;
            other(&kind, &bytes.map_err(|error| error.to_string())?)
        }
    };
    Ok(Call { method, path, query, body })
}

fn other(kind: &str, bytes: &Bytes) -> Body {
    match serde_json::from_slice(bytes) {
        _ if bytes.is_empty() => Body::Empty,
        Ok(value) if kind == "application/json" => Body::Json(value),
        _ => Body::Other,
    }
}

async fn form(request: Request) -> Result<Vec<Part>, Box<dyn std::error::Error + Send + Sync>> {
    let (head, body) = request.into_parts();
    let whole = body::to_bytes(body, LARGEST).await?;
    let mut form = Multipart::from_request(Request::from_parts(head, whole.into()), &()).await?;
    let mut parts = Vec::new();
    while let Some(field) = form.next_field().await? {
        let name = field.name().unwrap_or_default().to_owned();
        let (file_name, content_type) =
            (field.file_name().map(str::to_owned), field.content_type().map(str::to_owned));
        parts.push(Part { name, file_name, content_type, bytes: field.bytes().await?.to_vec() });
    }
    Ok(parts)
}
