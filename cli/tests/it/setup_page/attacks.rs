//! Who is not the visitor gets nothing: raw requests to a running page.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::sandbox::CANARY;
use crate::setup_page::driver::{self, Browser};
use crate::setup_page::page::Page;

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// `127.0.0.1:PORT`, and the path with a slash at its end.
fn address(page: &Page) -> (String, String) {
    let rest = page.url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_at(rest.find('/').unwrap());
    (host.to_owned(), path.to_owned())
}

/// One request, byte for byte as it is given.
fn send(page: &Page, request: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut stream = TcpStream::connect(address(page).0).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let text =
        format!("{request} HTTP/1.1\r\n{lines}content-length: {length}\r\nconnection: close\r\n\r\n{body}");
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    Answer { status, head: head.into(), body: body.into() }
}

/// Enters as the first visitor; the cookie as a browser sends it back.
fn enter(page: &Page) -> String {
    let (host, path) = address(page);
    let answer = send(page, &format!("GET {path}"), &[("host", &host)], "");
    assert_eq!(answer.status, 200, "{}", answer.head);
    answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[test]
fn another_visitor_gets_nothing_and_the_first_goes_on() {
    let mut page = Page::open();
    let (host, path) = address(&page);
    let cookie = enter(&page);
    let origin = format!("http://{host}");
    for (method, rest) in [("GET", ""), ("GET", "page.js"), ("POST", "api/state"), ("POST", "api/end")] {
        for cookie in ["", "capy-page=AAAA"] {
            let headers = [("host", host.as_str()), ("origin", &origin), JSON, ("cookie", cookie)];
            let answer = send(&page, &format!("{method} {path}{rest}"), &headers, "{}");
            assert_eq!(answer.status, 403, "{method} {rest}: {}", answer.body);
            assert!(answer.body.contains("keeps no cookies"), "{}", answer.body);
            assert_eq!(answer.header("set-cookie"), None);
        }
    }
    page.wait_for("another browser tried to open the page");
    let headers = [("host", host.as_str()), ("origin", &origin), JSON, ("cookie", &cookie)];
    let answer = send(&page, &format!("POST {path}api/state"), &headers, "{}");
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.body.contains("DATABASE_URL") && !answer.body.contains(CANARY), "{}", answer.body);
}

#[test]
fn who_does_not_know_the_path_learns_nothing_and_takes_no_place() {
    let page = Page::open();
    let (host, path) = address(&page);
    let mut other = path.clone();
    other.replace_range(1..2, if path.starts_with("/A") { "B" } else { "A" });
    for path in ["/", "/favicon.ico", "/api/state", "/page.js", &other, "/../", "/%2e%2e/", "*"] {
        for method in ["GET", "POST", "OPTIONS", "DELETE"] {
            let answer = send(&page, &format!("{method} {path}"), &[("host", &host)], "");
            assert!(answer.status == 404 || answer.status == 400, "{method} {path}: {}", answer.head);
            assert_eq!(answer.body, "", "{method} {path}");
        }
    }
    enter(&page);
}

#[test]
fn a_name_that_resolves_to_loopback_opens_nothing() {
    let page = Page::open();
    let (host, path) = address(&page);
    let port = host.split(':').nth(1).unwrap();
    for name in ["evil.example", "127.0.0.1.evil.example", "[::1]", "0.0.0.0"] {
        let answer = send(&page, &format!("GET {path}"), &[("host", &format!("{name}:{port}"))], "");
        assert_eq!((answer.status, answer.body.as_str()), (421, ""), "{name}");
    }
    let absolute = format!("GET http://evil.example{path}");
    assert_eq!(send(&page, &absolute, &[("host", "evil.example")], "").status, 421);
    enter(&page);
}

#[test]
fn a_call_of_another_origin_is_refused_with_the_visitors_own_cookie() {
    let page = Page::open();
    let (host, path) = address(&page);
    let cookie = enter(&page);
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1", &format!("https://{host}")] {
        for rest in ["api/state", "api/mint", "api/reveal", "api/end"] {
            let headers = [("host", host.as_str()), ("origin", origin), JSON, ("cookie", &cookie)];
            let answer = send(&page, &format!("POST {path}{rest}"), &headers, "{}");
            assert_eq!(answer.status, 403, "{origin} {rest}");
        }
    }
    // A form of another page can send neither this type nor any origin but its own.
    let origin = format!("http://{host}");
    let headers =
        [("host", host.as_str()), ("origin", &origin), ("content-type", "text/plain"), ("cookie", &cookie)];
    assert_eq!(send(&page, &format!("POST {path}api/mint"), &headers, r#"{"platform":"other"}"#).status, 415);
    assert!(page.sandbox.service.deploys().is_empty());
}

#[test]
fn connections_that_ask_for_nothing_keep_no_browser_out_and_are_closed() {
    let page = Page::open();
    let (host, path) = address(&page);
    let connect = || {
        let mut stream = TcpStream::connect(&host).unwrap();
        // Half of them have begun a request.
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nx-a: ");
        [stream, TcpStream::connect(&host).unwrap()]
    };
    let began = Instant::now();
    let mut held: Vec<_> = (0..100).flat_map(|_| connect()).collect();
    let cookie = enter(&page);
    held.extend((0..100).flat_map(|_| connect()));
    let origin = format!("http://{host}");
    let headers = [("host", host.as_str()), ("origin", &origin), JSON, ("cookie", &cookie)];
    let answer = send(&page, &format!("POST {path}api/state"), &headers, "{}");
    assert_eq!(answer.status, 200, "{}", answer.head);
    for stream in &mut held {
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let ended = stream.read(&mut [0; 512]);
        let open = matches!(&ended, Err(fault) if fault.kind() == std::io::ErrorKind::WouldBlock);
        assert!(!open, "it is held for ever: {ended:?}");
    }
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}

/// A page of somebody else's, at another port of this machine.
fn evil_page() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let page = "<!doctype html><title>evil</title>";
            let length = page.len();
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{page}"
            );
        }
    });
    format!("http://localhost:{}/", address.port())
}

#[test]
fn another_page_in_the_visitors_own_browser_gets_nothing() {
    if !driver::is_there() {
        return;
    }
    let page = Page::open();
    let browser = Browser::start();
    browser.open(&page.url);
    browser.wait_for("#platform");
    // It even knows the address.
    browser.open(&evil_page());
    let url = &page.url;
    let attempts = [
        format!("fetch('{url}', {{ credentials: 'include' }}).then((r) => r.text())"),
        format!(
            "fetch('{url}api/state', {{ method: 'POST', credentials: 'include', headers: {{ 'content-type': 'application/json' }}, body: '{{}}' }}).then((r) => r.text())"
        ),
        format!("import('{url}page.js')"),
        format!(
            "new Promise((done, no) => {{ const s = document.createElement('script'); s.src = '{url}page.js'; s.onload = () => done('loaded'); s.onerror = () => no('blocked'); document.head.append(s); }})"
        ),
    ];
    for attempt in attempts {
        let got = browser.eval(&attempt).to_string();
        assert!(got.starts_with("\"failed: "), "{attempt}: {got}");
    }
    // What a form could send, answer unseen.
    let blind = format!(
        "fetch('{url}api/mint', {{ method: 'POST', mode: 'no-cors', credentials: 'include', body: '{{\"platform\":\"other\"}}' }}).then(() => 'sent', () => 'blocked')"
    );
    browser.eval(&blind);
    let framed = format!(
        "new Promise((done) => {{ const f = document.createElement('iframe'); f.onload = () => {{ let seen = 'nothing'; try {{ seen = f.contentDocument?.body.innerText ?? 'nothing'; }} catch {{}} done(seen); }}; f.src = '{url}'; document.body.append(f); }})"
    );
    assert_eq!(browser.eval(&framed), "nothing");
    assert!(page.sandbox.service.deploys().is_empty());
    // And the visitor goes on.
    browser.open(&page.url);
    browser.wait_for("#platform");
}

#[test]
fn every_answer_is_locked_down() {
    let page = Page::open();
    let (host, path) = address(&page);
    let cookie = enter(&page);
    for (rest, status) in [("", 200), ("page.js", 200), ("page.css", 200), ("nothing", 404)] {
        let answer = send(&page, &format!("GET {path}{rest}"), &[("host", &host), ("cookie", &cookie)], "");
        assert_eq!(answer.status, status, "{rest}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{rest}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{rest}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{rest}");
        assert!(!answer.body.contains(CANARY), "{rest}");
        assert!(!answer.body.contains("onclick=") && !answer.body.contains("style=\""), "{rest}");
    }
    assert_eq!(
        send(&page, &format!("GET {path}"), &[("host", &host)], "").header("access-control-allow-origin"),
        None
    );
}

#[test]
fn values_travel_only_when_they_are_asked_for() {
    let page = Page::open();
    let (host, path) = address(&page);
    let cookie = enter(&page);
    let origin = format!("http://{host}");
    let call = |rest: &str, body: &str| {
        let headers = [("host", host.as_str()), ("origin", &origin), JSON, ("cookie", &cookie)];
        send(&page, &format!("POST {path}api/{rest}"), &headers, body)
    };
    let minted = call("mint", r#"{"platform":"other"}"#);
    assert_eq!(minted.status, 200, "{}", minted.body);
    let made: serde_json::Value = serde_json::from_str(&minted.body).unwrap();
    let id = made["deploy_id"].as_str().unwrap();
    let revealed = call("reveal", &format!(r#"{{"deploy_id":"{id}","name":"PROJECT_KEY"}}"#));
    let key: serde_json::Value = serde_json::from_str(&revealed.body).unwrap();
    let key = key["value"].as_str().unwrap();
    assert_eq!(key.len(), 64);
    assert!(!minted.body.contains(key) && !call("state", "{}").body.contains(key));
    assert_eq!(call("reveal", &format!(r#"{{"deploy_id":"{id}","name":"DATABASE_URL"}}"#)).status, 409);
    let other = "0".repeat(64);
    assert_eq!(call("reveal", &format!(r#"{{"deploy_id":"{other}","name":"PROJECT_KEY"}}"#)).status, 409);
    for bad in ["", "[]", r#"{"platform":"other","x":1}"#, &"x".repeat(300_000)] {
        assert!((400..500).contains(&call("mint", bad).status), "{}", bad.len());
    }
    assert_eq!(page.sandbox.service.deploys().len(), 1);
}
