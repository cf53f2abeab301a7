//! Any request through the real routes, over a real database: no panic and no 5xx; every answer is JSON of a bounded length
//! that may not be cached, every refusal has a stable code, and no secret is in an answer or in the log.
//!
//! The first bytes choose a method, a route of `openapi.yaml`, its ids, a bearer and a body that the route takes; what
//! follows is put into path, headers and body.
#![no_main]

#[path = "../support/service.rs"]
mod service;

use std::cell::RefCell;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, Request, Uri};
use capy_protocol::api::{ErrorBody, ErrorCode};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use service::{ADMIN, Answer, CANARY, Service, secret_in};

const DESCRIPTION: &str = include_str!("../../openapi.yaml");
const METHODS: [&str; 8] = ["GET", "POST", "PUT", "DELETE", "POST", "PATCH", "HEAD", "OPTIONS"];
/// Longer than any list of what is there.
const ANSWER_MAX: usize = 64 * 1024;
/// After so many requests of any kind there is a fresh service: limits count for ever.
const REQUESTS: u32 = 64;
const BODIES: [&str; 12] = [
    r#"{"deploy_id":"ID","project_id":"prj_a","format":1,"inner_blob":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","credential":"project-key"}"#,
    r#"{"deploy_id":"ID","project_id":"prj_a","inner_blob":"","label":"x","platform":"y","expires_in":60,"max_uses":1,"cidrs":["10.0.0.0/8"]}"#,
    r#"{"ciphertext":"OUTER"}"#,
    r#"{"scopes":["deploy:prj_a","admin"],"label":"x","expires_in":60}"#,
    r#"{"issuer":"https://i.example","audience":"a","claims":{"repository":"o/r","ref":"refs/heads/*","repository_id":"4","environment":"e","workflow_ref":"o/r/w@*"},"scope":"build:prj_a"}"#,
    r#"{"name":"x","project_id":"prj_new","secrets":[{"key":"A","value":"CANARY"}],"repository_url":"https://x.example/y.git"}"#,
    r#"{"secrets":[{"key":"STORED","value":"CANARY"},{"key":"B","value":""}],"branch":"main","image":"node:24"}"#,
    r#"{"build_command":"x","install_command":null,"output_directory":"dist","secrets":[]}"#,
    r#"{"after":0}"#,
    r#"{"key_ids":[9,13],"dry_run":true}"#,
    r#"[{"a":[1,2.5e3,-0,null,true,"\u00e9\ud83e\uddab"]}]"#,
    "",
];

/// Bytes of the fuzzer, one after the other; zeros when they are used up.
struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    fn byte(&mut self) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first)
    }

    /// What comes before the next zero.
    fn text(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|byte| *byte == 0).unwrap_or(self.0.len());
        let (text, rest) = self.0.split_at(end);
        self.0 = rest.get(1..).unwrap_or_default();
        text
    }
}

fn routes() -> Vec<&'static str> {
    let paths = DESCRIPTION.lines().filter_map(|line| line.strip_prefix("  /")?.strip_suffix(':'));
    paths.collect()
}

fn path(choices: &mut Choices<'_>, known: &[String]) -> Vec<u8> {
    let mut path = b"/".to_vec();
    let routes = routes();
    let route = routes[choices.byte() % routes.len()];
    for (place, part) in route.split('/').enumerate() {
        if place > 0 {
            path.push(b'/');
        }
        match (part.starts_with('{'), choices.byte() % 8) {
            (true, 7) => path.extend(choices.text()),
            (true, known_at) => path.extend(known[known_at].as_bytes()),
            (false, 7) => path.extend(choices.text()),
            (false, _) => path.extend(part.as_bytes()),
        }
    }
    match choices.byte() % 4 {
        0 => path.extend(choices.text()),
        1 => path.extend([b"?cursor=", choices.text()].concat()),
        2 => path.extend([b"?from=", choices.text()].concat()),
        _ => {}
    }
    path
}

/// A body that some route takes, with a few bytes of it replaced.
fn body(choices: &mut Choices<'_>, known: &[String]) -> Vec<u8> {
    let template = BODIES[choices.byte() % BODIES.len()];
    let fresh = "0123456789abcdef".repeat(4);
    let whole = template.replace("ID", &fresh).replace("OUTER", &known[6]).replace("CANARY", CANARY);
    let mut body = whole.into_bytes();
    for _ in 0..choices.byte() % 4 {
        let at = choices.byte() * body.len() / 256;
        let end = (at + choices.byte() % 16).min(body.len());
        let text = choices.text();
        body.splice(at..end, text.iter().copied());
    }
    if template.is_empty() {
        body.extend(choices.0);
    }
    body
}

fn request(bytes: &[u8], service: &Service) -> Option<Request<Body>> {
    let mut choices = Choices(bytes);
    let method = match choices.byte() {
        255 => Method::from_bytes(choices.text()).ok()?,
        byte => METHODS[byte % METHODS.len()].parse().ok()?,
    };
    let uri: Uri = String::from_utf8(path(&mut choices, &service.known)).ok()?.parse().ok()?;
    let mut request = Request::builder().method(method).uri(uri);
    let bearer = match choices.byte() % 8 {
        0 => None,
        1 => Some(service.reader.clone().into_bytes()),
        2 => Some(choices.text().to_vec()),
        _ => Some(ADMIN.as_bytes().to_vec()),
    };
    if let Some(bearer) = bearer {
        let value = HeaderValue::from_bytes(&[b"Bearer ", &bearer[..]].concat()).ok()?;
        request = request.header("authorization", value);
    }
    match choices.byte() % 8 {
        0 => {}
        1 => request = request.header("content-type", HeaderValue::from_bytes(choices.text()).ok()?),
        _ => request = request.header("content-type", "application/json"),
    }
    for _ in 0..choices.byte() % 3 {
        let name = HeaderName::from_bytes(choices.text()).ok()?;
        request = request.header(name, HeaderValue::from_bytes(choices.text()).ok()?);
    }
    request.body(Body::from(body(&mut choices, &service.known))).ok()
}

fn check(answer: &Answer, is_head: bool, what: &str) {
    let Answer { status, headers, body } = answer;
    let text = String::from_utf8_lossy(body);
    assert!(!status.is_server_error(), "{what}: {status} {text}");
    assert!(body.len() <= ANSWER_MAX, "{what}: {} bytes", body.len());
    assert_eq!(headers["content-type"], "application/json", "{what}: {status} {text}");
    assert_eq!(headers["cache-control"], "no-store", "{what}: {status}");
    assert_eq!(secret_in(body), None, "{what}: {text}");
    if is_head {
        return;
    }
    if let Some(length) = headers.get("content-length") {
        assert_eq!(length.to_str().unwrap(), body.len().to_string(), "{what}");
    }
    if status.is_success() {
        assert!(serde_json::from_slice::<Value>(body).is_ok(), "{what}: {text}");
        return;
    }
    let error: ErrorBody = serde_json::from_slice(body).unwrap_or_else(|_| panic!("{what}: {status} {text}"));
    assert!(error.code != ErrorCode::Unknown && !error.error.is_empty(), "{what}: {text}");
    assert!(!error.error.chars().any(char::is_control), "{what}: {text}");
}

fn check_log(log: &str, what: &str) {
    assert_eq!(secret_in(log.as_bytes()), None, "{what}: {log}");
    for line in log.lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "{what}: {line}");
    }
}

thread_local! {
    static SERVICE: RefCell<(Service, u32)> = RefCell::new((Service::new(), 0));
}

fuzz_target!(|bytes: &[u8]| {
    // A name may be repeated: what the fuzzer itself says there is no secret.
    if secret_in(bytes).is_some() {
        return;
    }
    SERVICE.with_borrow_mut(|(service, asked)| {
        let Some(request) = request(bytes, service) else { return };
        let (reads, is_head) =
            ([Method::GET, Method::HEAD].contains(request.method()), request.method() == Method::HEAD);
        let what = format!("{} {}", request.method(), request.uri());
        let answer = service.call(request);
        check(&answer, is_head, &what);
        check_log(&service.take_log(), &what);
        *asked += 1;
        // What was changed stays for nobody: the same bytes are the same request to the same service.
        if *asked == REQUESTS || (!reads && answer.status.is_success()) {
            (*service, *asked) = (Service::new(), 0);
        }
    });
});
