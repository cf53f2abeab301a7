//! A stand-in for the key service on loopback: true to the protocol's bytes, and able to fail in every way.
//!
//! It keeps what it was sent, so that a test can look for secrets in it. What the real service decides and
//! stores is proved elsewhere, against the real one.

mod tokens;
pub(crate) mod trusts;

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use capy_protocol::api::{Credential, DecryptRequest, DecryptResponse, Deploy, RegisterRequest};
use capy_protocol::blob::Format;
use capy_protocol::id::DeployId;
use capy_protocol::text::{parse_base64, serialize_base64};
use capy_protocol::wrap::{InnerBlob, OuterBlob, WrapRoots};
use serde_json::{Value, json};

pub(crate) const ADMIN_TOKEN: &str = "stand-in-admin-token-of-40-characters-ok";

/// A way to fail, instead of an answer.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// This status with an error body.
    Status(u16),
    /// 429 with `retry-after`.
    RetryAfter(u64),
    /// This status with `code`.
    Refuse(u16, &'static str),
    /// Accepts and never answers.
    Hang,
    /// Sends the answer's head a byte at a time.
    Drip,
    /// Closes without a word.
    Close,
    /// 200 with something that is not JSON.
    Garbage,
    /// This status with a body that does not end.
    Endless(u16),
    /// 307 to another place.
    Redirect(String),
    /// Does the work and then closes: the answer is lost.
    LoseAnswer,
}

/// One request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Seen {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let values = self.head.lines().filter_map(|line| line.split_once(": "));
        values.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

struct State {
    roots: WrapRoots,
    deploys: HashMap<String, (RegisterRequest, Deploy)>,
    tokens: tokens::Tokens,
    trusts: trusts::Trusts,
    faults: VecDeque<Fault>,
    always: Option<Fault>,
    by_method: Option<(&'static str, Fault)>,
    seen: Vec<Seen>,
    /// Deployments and the idempotency keys that they were opened with.
    opened: Vec<(String, String)>,
    /// Answers by path and query.
    canned: HashMap<String, Value>,
}

/// The running stand-in; stops when dropped.
pub(crate) struct StandIn {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    stopped: Arc<AtomicBool>,
}

impl StandIn {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let roots = format!("{}:{}", address.port(), "5a".repeat(32));
        let state = Arc::new(Mutex::new(State {
            roots: WrapRoots::parse(&roots).unwrap(),
            deploys: HashMap::new(),
            tokens: tokens::Tokens::default(),
            trusts: trusts::Trusts::default(),
            faults: VecDeque::new(),
            always: None,
            by_method: None,
            seen: Vec::new(),
            opened: Vec::new(),
            canned: HashMap::new(),
        }));
        let stopped = Arc::new(AtomicBool::new(false));
        let (shared, stop) = (Arc::clone(&state), Arc::clone(&stopped));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                let (shared, stop) = (Arc::clone(&shared), Arc::clone(&stop));
                std::thread::spawn(move || serve(&stream, &shared, &stop));
            }
        });
        Self { address, state, stopped }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Fails the next requests so, one after the other.
    pub(crate) fn fail_next(&self, faults: impl IntoIterator<Item = Fault>) {
        self.lock().faults.extend(faults);
    }

    /// Fails every request so.
    pub(crate) fn fail_always(&self, fault: Fault) {
        self.lock().always = Some(fault);
    }

    /// Fails every request of this method so.
    pub(crate) fn fail_from(&self, method: &'static str, fault: Fault) {
        self.lock().by_method = Some((method, fault));
    }

    pub(crate) fn recover(&self) {
        let mut state = self.lock();
        state.always = None;
        state.by_method = None;
        state.faults.clear();
    }

    /// Answers a GET or POST of this path and query so, from now on.
    pub(crate) fn can(&self, path: &str, answer: Value) {
        self.lock().canned.insert(path.into(), answer);
    }

    /// What arrived so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.lock().seen.clone()
    }

    pub(crate) fn deploys(&self) -> Vec<Deploy> {
        self.lock().deploys.values().map(|(_, deploy)| deploy.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: &TcpStream, state: &Mutex<State>, stopped: &AtomicBool) {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut hello = [0; 4096];
    if stream.peek(&mut hello).is_ok() && hello[0] == 0x16 {
        let _ = (&*stream).read(&mut hello);
        return write_json(stream, 400, "", &json!("a TLS handshake at a plain port"));
    }
    let mut reader = BufReader::new(stream);
    while let Some(seen) = read_request(&mut reader) {
        let (answer, fault) = {
            let mut state = state.lock().unwrap();
            state.seen.push(seen.clone());
            let of_method = state.by_method.clone().filter(|(method, _)| seen.method == *method);
            let fault = state
                .always
                .clone()
                .or_else(|| state.faults.pop_front())
                .or(of_method.map(|(_, fault)| fault));
            let works = matches!(fault, None | Some(Fault::LoseAnswer));
            (works.then(|| state.answer(&seen)), fault)
        };
        match fault {
            None => {
                let (status, body) = answer.expect("there was no fault");
                write_json(stream, status, "", &body);
            }
            Some(fault) => return fail(stream, &fault, stopped),
        }
    }
}

/// One request, whole; `None` when the other side is done.
pub(crate) fn read_request(reader: &mut impl BufRead) -> Option<Seen> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut words = head.split(' ');
    Some(Seen {
        method: words.next()?.into(),
        path: words.next()?.into(),
        head: head.clone(),
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

fn write_json(mut stream: &TcpStream, status: u16, headers: &str, body: &Value) {
    let body = body.to_string();
    let length = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{headers}content-length: {length}\r\n\r\n{body}"
    );
}

fn fail(mut stream: &TcpStream, fault: &Fault, stopped: &AtomicBool) {
    let error = json!({"error": "injected \u{1b}[31mfault", "code": "INTERNAL"});
    let going = || !stopped.load(Ordering::SeqCst);
    match fault {
        Fault::Status(status) => write_json(stream, *status, "", &error),
        Fault::RetryAfter(seconds) => {
            write_json(stream, 429, &format!("retry-after: {seconds}\r\n"), &error);
        }
        Fault::Refuse(status, code) => write_json(stream, *status, "", &json!({"error": "no", "code": code})),
        Fault::Redirect(to) => write_json(stream, 307, &format!("location: {to}\r\n"), &error),
        Fault::Garbage => write_json(stream, 200, "", &json!("<html>")),
        Fault::Close | Fault::LoseAnswer => {}
        Fault::Hang => {
            while going() {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        Fault::Drip => {
            for byte in b"HTTP/1.1 200 OK\r\n".iter().chain(b"x: y\r\n".iter().cycle()) {
                std::thread::sleep(Duration::from_millis(50));
                if !going() || stream.write_all(&[*byte]).is_err() {
                    break;
                }
            }
        }
        Fault::Endless(status) => {
            let _ = write!(stream, "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n\r\n");
            while going() && stream.write_all(&[b' '; 4096]).is_ok() {}
        }
    }
}

impl State {
    fn answer(&mut self, seen: &Seen) -> (u16, Value) {
        let parts: Vec<_> = seen.path.trim_matches('/').split('/').collect();
        match (seen.method.as_str(), &parts[..]) {
            ("POST", ["deploy", id, "decrypt"]) => self.decrypt(id, seen),
            _ if bearer(&seen.head) != ADMIN_TOKEN => self.answer_token(seen, &parts),
            ("GET" | "POST", _) if self.canned.contains_key(&seen.path) => {
                (200, self.canned[&seen.path].clone())
            }
            ("POST", ["deploy"]) => self.register(&seen.body),
            ("DELETE", ["deploy", id]) => self.revoke(id),
            ("GET", ["admin", "rows", _]) => (200, json!({ "checked": 0, "findings": [], "next": null })),
            ("DELETE", ["projects", _, "deploys"]) => {
                let live = self.deploys.values_mut().filter(|(_, deploy)| deploy.revoked_at.is_none());
                let revoked = live.map(|(_, deploy)| deploy.revoked_at = Some(1_700_000_200_000)).count();
                (200, json!({ "revoked": revoked, "more": false }))
            }
            ("GET", ["projects", _, "deploys"]) => {
                let mut deploys: Vec<_> = self.deploys.values().map(|(_, deploy)| deploy).collect();
                deploys.sort_by_key(|deploy| std::cmp::Reverse(deploy.created_at));
                (200, json!({ "deploys": deploys }))
            }
            ("GET", ["tokens", "self"]) => tokens::bearer(None),
            ("POST", ["tokens"]) => self.tokens.create(&seen.body),
            ("GET", ["tokens"]) => self.tokens.list(),
            ("POST", ["oidc", "trusts"]) => self.trusts.add(&seen.body),
            ("GET", ["oidc", "trusts"]) => self.trusts.list(),
            ("DELETE", ["oidc", "trusts", id]) => self.trusts.remove(id),
            ("DELETE", ["tokens", id]) => self.tokens.revoke(id),
            _ => refuse(404, "NOT_FOUND"),
        }
    }

    /// What another token than the admin's may ask: who it is.
    fn answer_token(&self, seen: &Seen, parts: &[&str]) -> (u16, Value) {
        if let Some(answer) = trusts::identity(seen, bearer(&seen.head)) {
            return answer;
        }
        match self.tokens.find(bearer(&seen.head)) {
            None => refuse(401, "UNAUTHORIZED"),
            Some(info) if info.revoked_at.is_some() => refuse(401, "TOKEN_REVOKED"),
            Some(info) if parts == ["tokens", "self"] => tokens::bearer(Some(info)),
            Some(_) => refuse(403, "FORBIDDEN"),
        }
    }

    fn register(&mut self, body: &str) -> (u16, Value) {
        let Ok(request) = serde_json::from_str::<RegisterRequest>(body) else {
            return refuse(400, "BAD_REQUEST");
        };
        let id = request.deploy_id.to_string();
        if self.deploys.contains_key(&id) {
            return refuse(409, "DEPLOY_EXISTS");
        }
        let inner = InnerBlob::parse_base64(request.inner_blob.expose_secret()).unwrap();
        let outer = self.roots.wrap(&request.deploy_id, &request.project_id, &inner).unwrap();
        let deploy = Deploy {
            deploy_id: request.deploy_id,
            label: request.label.clone(),
            platform: request.platform.clone(),
            credential: request.credential,
            format: request.format,
            created_at: 1_700_000_000_000 + 60_000 * self.deploys.len() as u64,
            last_used_at: None,
            uses: 0,
            revoked_at: None,
            expires_at: request.expires_in.map(|seconds| {
                let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
                now.as_millis() as u64 + 1000 * seconds
            }),
            max_uses: request.max_uses,
            cidrs: request.cidrs.clone(),
            created_by: Some("bootstrap".into()),
        };
        self.deploys.insert(id, (request, deploy));
        (201, json!({"outer_blob": serialize_base64(outer.as_bytes())}))
    }

    fn decrypt(&mut self, id: &str, seen: &Seen) -> (u16, Value) {
        let parsed = (DeployId::parse(id), serde_json::from_str::<DecryptRequest>(&seen.body));
        let (Ok(id_bytes), Ok(request)) = parsed else {
            return refuse(400, "BAD_REQUEST");
        };
        let Ok(outer) = parse_base64(&request.ciphertext).and_then(|bytes| OuterBlob::from_bytes(&bytes))
        else {
            return refuse(422, "BLOB_REJECTED");
        };
        if self.roots.root(outer.kid()).is_err() {
            return refuse(422, "WRAP_ROOT_UNKNOWN");
        }
        let Some((registered, deploy)) = self.deploys.get_mut(id) else {
            return refuse(404, "DEPLOY_UNKNOWN");
        };
        if deploy.revoked_at.is_some() {
            return refuse(410, "DEPLOY_REVOKED");
        }
        let opened = seen.header("idempotency-key").map(|key| (id.to_owned(), key.to_owned()));
        let repeated = opened.as_ref().is_some_and(|opened| self.opened.contains(opened));
        if !repeated && deploy.max_uses.is_some_and(|most| deploy.uses >= most) {
            return refuse(410, "DEPLOY_USED_UP");
        }
        let Ok(inner) = self.roots.unwrap_outer(&outer, &id_bytes, &registered.project_id) else {
            return refuse(422, "BLOB_REJECTED");
        };
        deploy.uses += u64::from(!repeated);
        self.opened.extend(opened);
        deploy.last_used_at = Some(1_700_000_100_000);
        let format = Format::from_number(registered.format).unwrap();
        let key = format.service_key(&inner, &id_bytes, &registered.project_id);
        let shown = (registered.credential == Credential::DeployKey).then_some(&inner);
        let answer = DecryptResponse::new(&key, registered.project_id.clone(), shown);
        (200, serde_json::to_value(answer).unwrap())
    }

    fn revoke(&mut self, id: &str) -> (u16, Value) {
        let Some((_, deploy)) = self.deploys.get_mut(id) else {
            return refuse(404, "DEPLOY_UNKNOWN");
        };
        let at = *deploy.revoked_at.get_or_insert(1_700_000_200_000);
        (200, json!({"deploy_id": id, "revoked_at": at}))
    }
}

fn bearer(head: &str) -> &str {
    let authorization = head.lines().find(|line| line.to_ascii_lowercase().starts_with("authorization: "));
    authorization.and_then(|line| line.split(' ').nth(2)).unwrap_or_default()
}

fn refuse(status: u16, code: &str) -> (u16, Value) {
    (status, json!({"error": "refused", "code": code}))
}
