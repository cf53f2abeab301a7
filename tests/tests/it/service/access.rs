//! Tokens, CI identities and rate limits as they are deployed: with D1, Web Crypto, `fetch` and the platform's limiter.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use capy_test_support::key_service::KeyService;
use capy_test_support::node::require_node;
use serde_json::{Value, json};

use crate::service::issuer::{AUDIENCE, Issuer};
use crate::service::support::{call, on_each_host, owner};

on_each_host!(
    a_token_reaches_its_project_until_it_is_revoked_and_its_text_is_kept_nowhere,
    a_job_is_let_in_by_what_its_issuer_signed,
);

fn a_token_reaches_its_project_until_it_is_revoked_and_its_text_is_kept_nowhere(service: &KeyService) {
    let body = json!({ "scopes": ["read:prj_a"], "label": "Zürich 🦫", "expires_in": 3600 });
    let created = owner(service, "POST", "/tokens", &body);
    assert_eq!(created.status, 201, "{}\n{}", created.text, service.log());
    let token = created.json["token"].as_str().unwrap();
    let as_token = |method: &str, path: &str| call(service.url(), method, path, Some(token), &Value::Null);
    let myself = as_token("GET", "/tokens/self");
    assert_eq!(myself.json["actor"], created.json["token_id"]);
    assert_eq!(myself.json["scopes"], json!(["read:prj_a"]));
    assert_eq!(as_token("GET", "/projects/prj_a/deploys").status, 200);
    assert_eq!(as_token("GET", "/projects/prj_b/deploys").refusal(), (403, "FORBIDDEN"));
    assert_eq!(as_token("GET", "/tokens").refusal(), (403, "FORBIDDEN"));
    let listed = owner(service, "GET", "/tokens", &Value::Null);
    assert_eq!(listed.json["tokens"][0]["label"], "Zürich 🦫");
    assert!(listed.json["tokens"][0]["last_used_at"].as_u64() > Some(1_700_000_000_000));
    let path = format!("/tokens/{}", created.json["token_id"].as_str().unwrap());
    assert_eq!(owner(service, "DELETE", &path, &Value::Null).status, 200);
    assert_eq!(as_token("GET", "/tokens/self").refusal(), (401, "TOKEN_REVOKED"));
    assert!(!listed.text.contains(token) && !service.log().contains(token));
}

fn a_job_is_let_in_by_what_its_issuer_signed(service: &KeyService) {
    let website = Website::start();
    let issuer = Issuer::at(&website.url);
    website.publish(issuer.documents("one"));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let who = |token: &str| call(service.url(), "GET", "/tokens/self", Some(token), &Value::Null);
    let token = issuer.token(now, |_| {});
    assert_eq!(who(&token).refusal(), (401, "IDENTITY_REFUSED"));
    let trust = json!({
        "issuer": website.url, "audience": AUDIENCE, "scope": "deploy:prj_a",
        "claims": { "repository": "o/r", "ref": "refs/heads/*" },
    });
    assert_eq!(owner(service, "POST", "/oidc/trusts", &trust).status, 201);
    let answer = who(&token);
    assert_eq!(answer.json["actor"], "127.0.0.1:o/r@refs/heads/main", "{}\n{}", answer.text, service.log());
    assert_eq!(answer.json["scopes"], json!(["deploy:prj_a"]));
    let altered = {
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let first = if signature.starts_with('A') { "B" } else { "A" };
        format!("{signed}.{first}{}", &signature[1..])
    };
    assert_eq!(who(&altered).refusal(), (401, "IDENTITY_REFUSED"));
    let others = issuer.token(now, |claims| claims["repository"] = json!("o/other"));
    assert_eq!(who(&others).refusal(), (401, "IDENTITY_REFUSED"));
    let late = issuer.token(now - 1000, |_| {});
    assert_eq!(who(&late).refusal(), (401, "IDENTITY_REFUSED"));
}

#[test]
fn a_deployment_that_is_asked_for_too_often_is_429_with_a_time_to_wait() {
    let Some(node) = require_node() else { return };
    let service = KeyService::start_limited(&node).unwrap();
    let path = format!("/deploy/{}/decrypt", "cd".repeat(32));
    let ask = || call(service.url(), "POST", &path, None, &json!({ "ciphertext": "" }));
    // Several at once: a busy machine answers less than a hundred in ten seconds to one who waits for each.
    let refused = thread::scope(|scope| {
        let asking = || (0..200).map(|_| ask()).find(|answer| answer.status != 422);
        let callers: Vec<_> = (0..16).map(|_| scope.spawn(asking)).collect();
        callers.into_iter().filter_map(|caller| caller.join().unwrap()).next().expect("the limit is 100")
    });
    assert_eq!(refused.refusal(), (429, "RATE_LIMITED"), "{}", refused.text);
    assert_eq!(refused.headers["retry-after"], "10");
}

/// Serves documents at their paths; stops when dropped.
struct Website {
    url: String,
    documents: Arc<Mutex<Vec<(String, Value)>>>,
    stopped: Arc<AtomicBool>,
}

impl Website {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let website =
            Self { url: format!("http://{address}"), documents: Arc::default(), stopped: Arc::default() };
        let (url, documents, stopped) =
            (website.url.clone(), Arc::clone(&website.documents), Arc::clone(&website.stopped));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                let _ = answer(&stream, &url, &documents.lock().unwrap());
            }
        });
        website
    }

    fn publish(&self, documents: impl IntoIterator<Item = (String, Value)>) {
        self.documents.lock().unwrap().extend(documents);
    }
}

impl Drop for Website {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.url.trim_start_matches("http://"));
    }
}

fn answer(mut stream: &TcpStream, url: &str, documents: &[(String, Value)]) -> std::io::Result<()> {
    let mut head = String::new();
    let mut reader = BufReader::new(stream);
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head)? > 0 {}
    let wanted = format!("{url}{}", head.split(' ').nth(1).unwrap_or_default());
    let found = documents.iter().find(|(address, _)| *address == wanted);
    let (status, body) = found.map_or((404, String::new()), |(_, document)| (200, document.to_string()));
    let length = body.len();
    write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}
