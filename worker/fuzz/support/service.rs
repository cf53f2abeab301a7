//! A key service over a database in memory, with one of everything in it, and what no answer and no log may hold.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use capy_protocol::blob::Format;
use capy_protocol::id::ProjectId;
use capy_protocol::key::ProjectKey;
use capy_protocol::mint::Minting;
use capy_worker::app::{App, Clock};
use capy_worker::caller::Peer;
use capy_worker::log::Log;
use capy_worker::router;
use capy_worker::secrets::Secrets;
use capy_worker_testing::FaultyHost;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

pub const ADMIN: &str = "admin-token-0123456789abcdef0123456789";
const ROOT: &str = "a5a51234a5a51234a5a51234a5a51234a5a51234a5a51234a5a51234a5a51234";
const STORE_KEY: &str = "5a5a43215a5a43215a5a43215a5a43215a5a43215a5a43215a5a43215a5a4321";
pub const CANARY: &str = "canary.STORED.x9";
const SECRETS: [&str; 4] = [ADMIN, ROOT, STORE_KEY, CANARY];

pub struct Service {
    runtime: Runtime,
    router: Router,
    log: Arc<Mutex<String>>,
    /// Ids and tokens that are there, for paths and bearers.
    pub known: Vec<String>,
    /// A bearer that may only read one project.
    pub reader: String,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Service {
    pub fn new() -> Self {
        let log = Arc::new(Mutex::new(String::new()));
        let lines = Arc::clone(&log);
        let host = FaultyHost::new().unwrap();
        host.publish([
            (
                "https://i.example/.well-known/openid-configuration".to_owned(),
                json!({ "issuer": "https://i.example", "jwks_uri": "https://i.example/k" }),
            ),
            ("https://i.example/k".to_owned(), json!({ "keys": [] })),
        ]);
        let app = App {
            host,
            secrets: Arc::new(Secrets::parse(|name| {
                Some(match name {
                    "ADMIN_TOKEN" => ADMIN.to_owned(),
                    "WRAP_ROOTS" => format!("7:{ROOT}"),
                    _ => STORE_KEY.to_owned(),
                })
            })),
            clock: Clock::new(|| 1_790_000_000_000),
            issuers: Arc::default(),
            refusal_throttle: Arc::default(),
            log: Log::new(move |line| {
                let mut lines = lines.lock().unwrap();
                lines.push_str(line);
                lines.push('\n');
            }),
        };
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        let mut service =
            Self { runtime, router: router(Arc::new(app)), log, known: Vec::new(), reader: String::new() };
        service.fill();
        service
    }

    fn fill(&mut self) {
        let project = ProjectId::parse("prj_a").unwrap();
        let minting = Minting::begin(Format::V1, &ProjectKey::new([5; 32]), &project).unwrap();
        let body = json!({
            "deploy_id": minting.deploy_id(), "project_id": project, "format": 1, "credential": "project-key",
            "inner_blob": *minting.inner_blob().serialize_base64(),
        });
        let deploy = self.must("POST", "/deploy", &body);
        let outer = deploy["outer_blob"].as_str().unwrap().to_owned();
        let reader = self.must("POST", "/tokens", &json!({ "scopes": ["read:prj_a"] }));
        self.reader = reader["token"].as_str().unwrap().to_owned();
        let trust = json!({
            "issuer": "https://i.example", "audience": "a", "claims": { "repository": "o/r" }, "scope": "read:prj_a",
        });
        let trust = self.must("POST", "/oidc/trusts", &trust);
        let shop = json!({ "name": "shop", "secrets": [{ "key": "STORED", "value": CANARY }] });
        let shop = self.must("POST", "/api/project", &shop);
        let shop = shop["project_id"].as_str().unwrap().to_owned();
        let detail = self.must("GET", &format!("/api/project/projects/{shop}"), &Value::Null);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        self.known = vec![
            minting.deploy_id().to_string(),
            "prj_a".to_owned(),
            text(&reader["token_id"]),
            text(&trust["trust_id"]),
            shop,
            text(&detail["secrets"][0]["secret_id"]),
            outer,
        ];
    }

    fn must(&self, method: &str, path: &str, body: &Value) -> Value {
        let request =
            Request::builder().method(method).uri(path).header("authorization", format!("Bearer {ADMIN}"));
        let answer = match body {
            Value::Null => self.call(request.body(Body::empty()).unwrap()),
            body => {
                let request = request.header("content-type", "application/json");
                self.call(request.body(Body::from(body.to_string())).unwrap())
            }
        };
        assert!(answer.status.is_success(), "{method} {path}: {}", String::from_utf8_lossy(&answer.body));
        serde_json::from_slice(&answer.body).unwrap()
    }

    pub fn call(&self, mut request: Request<Body>) -> Answer {
        request.extensions_mut().insert(Peer {
            address: Some("192.0.2.7".into()),
            country: None,
            request_id: None,
        });
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let (head, body) = response.into_parts();
            let body = body.collect().await.unwrap().to_bytes().to_vec();
            Answer { status: head.status, headers: head.headers, body }
        })
    }

    /// What was logged since the last time.
    pub fn take_log(&self) -> String {
        std::mem::take(&mut *self.log.lock().unwrap())
    }
}

/// The first secret that is in a text.
pub fn secret_in(text: &[u8]) -> Option<&'static str> {
    SECRETS.into_iter().find(|secret| text.windows(secret.len()).any(|window| window == secret.as_bytes()))
}
