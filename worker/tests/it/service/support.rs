//! A service over a host in memory, called without a network.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, Request, StatusCode};
use capy_protocol::blob::Format;
use capy_protocol::id::{DeployId, ProjectId};
use capy_protocol::key::ProjectKey;
use capy_protocol::mint::Minting;
use capy_worker::app::{App, Clock};
use capy_worker::caller::Peer;
use capy_worker::log::Log;
use capy_worker::secrets::Secrets;
use capy_worker::{Route, router};
use capy_worker_testing::{Faults, FaultyHost};

use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

pub(crate) const TOKEN: &str = "admin-token-0123456789abcdef0123456789";
pub(crate) const ROOTS: &str = "7:1111111111111111111111111111111111111111111111111111111111111111,\
                         9:2222222222222222222222222222222222222222222222222222222222222222";
/// `ENCRYPTION_KEY`: 32 bytes of 3.
pub(crate) const KEYS: &str = "0303030303030303030303030303030303030303030303030303030303030303";
/// What the clock shows at first.
pub(crate) const NOW: u64 = 1_790_000_000_000;

pub(crate) struct Service {
    router: Router,
    app: Arc<App<FaultyHost>>,
    log: Arc<Mutex<Vec<String>>>,
    time: Arc<AtomicU64>,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
    pub(crate) text: String,
    /// What the route table says of the route that answered.
    pub(crate) needs_bearer: bool,
}

impl Answer {
    /// Status and code, as tests compare them.
    pub(crate) fn refusal(&self) -> (u16, &str) {
        (self.status.as_u16(), self.json["code"].as_str().unwrap_or(""))
    }
}

impl Service {
    pub(crate) fn new() -> Self {
        Self::with_secrets(Some(TOKEN), Some(ROOTS))
    }

    pub(crate) fn with_secrets(token: Option<&str>, roots: Option<&str>) -> Self {
        Self::over(FaultyHost::new().unwrap(), token, roots, Some(KEYS))
    }

    fn over(host: FaultyHost, token: Option<&str>, roots: Option<&str>, keys: Option<&str>) -> Self {
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&log);
        let time = Arc::new(AtomicU64::new(NOW));
        let clock = Arc::clone(&time);
        let app = Arc::new(App {
            host,
            secrets: Arc::new(Secrets::parse(|name| {
                let value = match name {
                    "ADMIN_TOKEN" => token,
                    "WRAP_ROOTS" => roots,
                    _ => keys,
                };
                value.map(str::to_owned)
            })),
            clock: Clock::new(move || clock.load(Ordering::SeqCst)),
            issuers: Arc::default(),
            refusal_throttle: Arc::default(),
            log: Log::new(move |line| lines.lock().unwrap().push(line.to_owned())),
        });
        Self { router: router(Arc::clone(&app)), app, log, time }
    }

    /// The same host and time under other wrap roots.
    pub(crate) fn restart_with_roots(self, roots: &str) -> Self {
        self.restart(roots, Some(KEYS))
    }

    /// The same host and time under another `ENCRYPTION_KEY`, or without one.
    pub(crate) fn restart_with_keys(self, keys: Option<&str>) -> Self {
        self.restart(ROOTS, keys)
    }

    fn restart(self, roots: &str, keys: Option<&str>) -> Self {
        let now = self.time.load(Ordering::SeqCst);
        drop(self.router);
        let App { host, .. } = Arc::into_inner(self.app).unwrap();
        let service = Self::over(host, Some(TOKEN), Some(roots), keys);
        service.set_time(now);
        service
    }

    /// From now on, the clock shows this.
    pub(crate) fn set_time(&self, now: u64) {
        self.time.store(now, Ordering::SeqCst);
    }

    /// Lets milliseconds pass.
    pub(crate) fn advance(&self, millis: u64) {
        self.time.fetch_add(millis, Ordering::SeqCst);
    }

    pub(crate) fn app(&self) -> &App<FaultyHost> {
        &self.app
    }

    pub(crate) fn host(&self) -> &FaultyHost {
        &self.app.host
    }

    /// The audit trail, oldest first: each event as its columns but the id, joined by spaces.
    pub(crate) fn events(&self) -> Vec<String> {
        let columns = "action || ' ' || result || ' ' || subject || ' ' || project_id || ' ' || \
            ifnull(address, '-') || ' ' || ifnull(country, '-') || ' ' || ifnull(user_agent, '-')";
        self.rows(&format!("SELECT {columns} FROM audit ORDER BY id"))
    }

    /// The actions of the audit trail, oldest first.
    pub(crate) fn actions(&self) -> Vec<String> {
        self.rows("SELECT action FROM audit ORDER BY id")
    }

    /// The first column of each row.
    pub(crate) fn rows(&self, sql: &str) -> Vec<String> {
        let connection = self.host().database().connection();
        let mut statement = connection.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    /// Everything that is kept, for a search.
    pub(crate) fn dump(&self) -> String {
        let mut connection = self.host().database().connection();
        let image = connection.serialize(rusqlite::MAIN_DB).unwrap();
        format!("{}{:?}", String::from_utf8_lossy(&image), self.host().listed())
    }

    pub(crate) fn inject(&self, faults: Faults) {
        self.host().inject(faults);
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: head.status,
            needs_bearer: head.extensions.get::<Route>().is_some_and(|route| route.needs_bearer),
            headers: head.headers,
            json: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    /// Sends JSON, or nothing for `Value::Null`, with the admin token.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        self.send(request(method, path, Some(TOKEN), body)).await
    }

    /// Registers a fresh deployment of `prj_a`.
    pub(crate) async fn register(&self, format: Format, credential: &str) -> Deployment {
        self.register_with(format, credential, json!({})).await
    }

    /// The same, with these fields in addition.
    pub(crate) async fn register_with(&self, format: Format, credential: &str, terms: Value) -> Deployment {
        let project = ProjectId::parse("prj_a").unwrap();
        let minting = Minting::begin(format, &ProjectKey::new([5; 32]), &project).unwrap();
        let mut body = json!({
            "deploy_id": minting.deploy_id(), "project_id": project, "format": format.number(),
            "inner_blob": *minting.inner_blob().serialize_base64(), "credential": credential,
            "label": "main", "platform": "vercel",
        });
        body.as_object_mut().unwrap().extend(terms.as_object().unwrap().clone());
        let answer = self.call("POST", "/deploy", body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        let outer = answer.json["outer_blob"].as_str().unwrap().to_owned();
        Deployment { id: minting.deploy_id(), project, format, minting, outer }
    }

    pub(crate) async fn decrypt(&self, deployment: &Deployment) -> Answer {
        self.decrypt_outer(&deployment.id, &deployment.outer).await
    }

    pub(crate) async fn decrypt_outer(&self, id: &DeployId, outer: &str) -> Answer {
        let body = json!({ "ciphertext": outer });
        self.send(request("POST", &format!("/deploy/{id}/decrypt"), None, body)).await
    }

    /// From another address, or from nobody knows where.
    pub(crate) async fn decrypt_from(&self, deployment: &Deployment, address: Option<&str>) -> Answer {
        let path = format!("/deploy/{}/decrypt", deployment.id);
        let mut request = request("POST", &path, None, json!({ "ciphertext": deployment.outer }));
        request.extensions_mut().insert(Peer {
            address: address.map(str::to_owned),
            country: None,
            request_id: None,
        });
        self.send(request).await
    }

    pub(crate) async fn revoke(&self, deployment: &Deployment) -> Answer {
        self.call("DELETE", &format!("/deploy/{}", deployment.id), Value::Null).await
    }
}

/// Makes a token; its text and its id.
pub(crate) async fn make_token(service: &Service, body: Value) -> (String, String) {
    let answer = service.call("POST", "/tokens", body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let text = |name: &str| answer.json[name].as_str().unwrap().to_owned();
    (text("token"), text("token_id"))
}

/// Whether the service knows a token.
pub(crate) async fn who(service: &Service, token: &str) -> (u16, String) {
    let answer = service.send(request("GET", "/tokens/self", Some(token), Value::Null)).await;
    let (status, code) = answer.refusal();
    (status, code.to_owned())
}

pub(crate) struct Deployment {
    pub(crate) id: DeployId,
    pub(crate) project: ProjectId,
    pub(crate) format: Format,
    pub(crate) minting: Minting,
    /// Base64.
    pub(crate) outer: String,
}

impl Deployment {
    /// What the service must answer as its half of the key.
    pub(crate) fn service_key(&self) -> String {
        let key = self.format.service_key(self.minting.inner_blob(), &self.id, &self.project);
        key.serialize_hex().to_string()
    }
}

pub(crate) fn request(method: &str, path: &str, token: Option<&str>, body: Value) -> Request<Body> {
    let mut builder = Request::builder().method(method).uri(path).header("user-agent", "test/1");
    builder = builder.extension(Peer {
        address: Some("192.0.2.7".into()),
        country: Some("IS".into()),
        request_id: None,
    });
    if let Some(token) = token {
        builder = builder.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    if body.is_null() {
        return builder.body(Body::empty()).unwrap();
    }
    builder.header(CONTENT_TYPE, "application/json").body(Body::from(body.to_string())).unwrap()
}
