//! Clients that keep a key service busy with nothing: they are cut off, and whoever revokes gets in.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use capy_protocol::blob::Format;
use capy_protocol::id::ProjectId;
use capy_protocol::key::ProjectKey;
use capy_protocol::mint::Minting;
use serde_json::{Value, json};

use crate::cli::server::{SERVE, Server};
use crate::sandbox::Sandbox;

/// An answer within this time is one that a person waits for.
const PROMPT: Duration = Duration::from_secs(10);

/// An owner at a service, who makes a connection for each call.
struct Owner {
    url: String,
    token: String,
}

impl Owner {
    fn of(sandbox: &Sandbox, server: &Server) -> Self {
        Self { url: server.urls[0].clone(), token: sandbox.read("data/admin-token").trim().to_owned() }
    }

    /// The status and the body, or why there is none.
    fn try_call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Result<(u16, Value), String> {
        let config = ureq::Agent::config_builder().http_status_as_error(false).proxy(None);
        let agent = config.timeout_global(Some(PROMPT)).allow_non_standard_methods(true).build().new_agent();
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = match body {
            Value::Null => agent.run(request.body(()).unwrap()),
            json => {
                agent.run(request.header("content-type", "application/json").body(json.to_string()).unwrap())
            }
        };
        let mut answer = answer.map_err(|fault| fault.to_string())?;
        let text = answer.body_mut().read_to_string().map_err(|fault| fault.to_string())?;
        Ok((answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::Null)))
    }

    /// As a client that tries again until it has an answer, for as long as a person waits.
    #[track_caller]
    fn call(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let bearer = format!("Bearer {}", self.token);
        let began = Instant::now();
        loop {
            match self.try_call(method, path, &[("authorization", &bearer)], body) {
                Ok((status, answer)) if status < 500 => return (status, answer),
                other => assert!(began.elapsed() < PROMPT, "{method} {path}: {other:?}"),
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Registers a deployment with these fields in addition; its id, and the blob for the service.
    #[track_caller]
    fn register(&self, terms: &Value) -> (String, String) {
        let project = ProjectId::parse("prj_a").unwrap();
        let minting = Minting::begin(Format::V1, &ProjectKey::new([5; 32]), &project).unwrap();
        let mut body = json!({
            "deploy_id": minting.deploy_id(), "project_id": project, "format": 1,
            "inner_blob": *minting.inner_blob().serialize_base64(), "credential": "project-key",
            "label": "main", "platform": "vercel",
        });
        body.as_object_mut().unwrap().extend(terms.as_object().unwrap().clone());
        let (status, answer) = self.call("POST", "/deploy", &body);
        assert_eq!(status, 201, "{answer}");
        (minting.deploy_id().to_string(), answer["outer_blob"].as_str().unwrap().to_owned())
    }

    fn decrypt(&self, id: &str, outer: &str, headers: &[(&str, &str)]) -> Result<(u16, Value), String> {
        self.try_call("POST", &format!("/deploy/{id}/decrypt"), headers, &json!({ "ciphertext": outer }))
    }
}

/// Sends requests, and reads nothing, until the connection ends; how long that took.
fn press(address: &str, stop: &AtomicBool) -> Option<Duration> {
    let began = Instant::now();
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
    let requests = "GET /health HTTP/1.1\r\nhost: x\r\n\r\n".repeat(100);
    while !stop.load(Ordering::Relaxed) {
        match stream.write(requests.as_bytes()) {
            Ok(0) => return Some(began.elapsed()),
            Ok(_) => {}
            Err(fault) if matches!(fault.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return Some(began.elapsed()),
        }
    }
    None
}

/// Waits until the service ends the connection; how long that took.
#[track_caller]
fn until_closed(stream: &mut TcpStream, began: Instant) -> Duration {
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    loop {
        match stream.read(&mut [0; 4096]) {
            Ok(0) => return began.elapsed(),
            Ok(_) => {}
            Err(fault) if matches!(fault.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return began.elapsed(),
        }
        assert!(began.elapsed() < Duration::from_secs(60), "it is held for ever");
    }
}

#[test]
fn sixty_clients_that_pipeline_and_read_nothing_keep_nobody_from_revoking() {
    let sandbox = Sandbox::new();
    let server = Server::start_after(&sandbox, "ulimit -n 64", &["--init"], 1);
    let owner = Owner::of(&sandbox, &server);
    let deployments: Vec<_> = (0..10).map(|_| owner.register(&json!({}))).collect();
    let (stop, held) = (AtomicBool::new(false), AtomicUsize::new(0));
    let stop_all = StopOnDrop(&stop);
    thread::scope(|scope| {
        let _stop_all = stop_all;
        for _ in 0..60 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    held.fetch_add(1, Ordering::Relaxed);
                    if press(server.address(), &stop).is_none_or(|held| held < Duration::from_millis(50)) {
                        thread::sleep(Duration::from_millis(50));
                    }
                }
            });
        }
        thread::sleep(Duration::from_secs(2));
        assert!(held.load(Ordering::Relaxed) >= 60);
        for (id, outer) in &deployments {
            let (status, answer) = owner.call("DELETE", &format!("/deploy/{id}"), &Value::Null);
            assert_eq!(status, 200, "{answer}");
            thread::sleep(Duration::from_millis(300));
            // Whoever asks for a key gets in, too; there is no reserve for that, but room is made.
            let began = Instant::now();
            let refused = loop {
                match owner.decrypt(id, outer, &[]) {
                    Ok((410, refused)) => break refused,
                    other => assert!(began.elapsed() < Duration::from_secs(30), "{other:?}"),
                }
            };
            assert_eq!(refused["code"], "DEPLOY_REVOKED");
        }
    });
}

/// Whatever a test finds, its clients stop.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn whoever_takes_their_time_is_cut_off() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox, &["--init"], 1);
    let address = server.address();
    let connect = || TcpStream::connect(address).unwrap();
    // Letter by letter, until the service has enough of it.
    let drip = |head: &str| {
        let (began, mut stream) = (Instant::now(), connect());
        stream.write_all(head.as_bytes()).unwrap();
        let mut reader = stream.try_clone().unwrap();
        let closed = thread::spawn(move || until_closed(&mut reader, began));
        while !closed.is_finished() {
            let _ = stream.write_all(b"a");
            thread::sleep(Duration::from_millis(300));
        }
        closed.join().unwrap()
    };
    let silent = || until_closed(&mut connect(), Instant::now());
    let idle = || {
        let mut stream = connect();
        stream.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        until_closed(&mut stream, Instant::now())
    };
    let unread = || press(address, &AtomicBool::new(false)).unwrap();
    let body = "POST /deploy/{} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 8000\r\n\r\n";
    let body = body.replace("{}", &format!("{}/decrypt", "ab".repeat(32)));
    thread::scope(|scope| {
        let cases = [
            ("nothing", 15, scope.spawn(silent)),
            ("after an answer", 15, scope.spawn(idle)),
            ("a head", 15, scope.spawn(|| drip("GET /health HTTP/1.1\r\nx-a: "))),
            ("a body", 50, scope.spawn(|| drip(&body))),
            ("an answer that is not read", 40, scope.spawn(unread)),
        ];
        for (what, most, closed) in cases {
            let closed = closed.join().unwrap();
            assert!(closed < Duration::from_secs(most), "{what}: {closed:?}");
        }
    });
}

#[test]
fn idle_connections_make_room_for_calls() {
    let sandbox = Sandbox::new();
    let server =
        Server::start(&sandbox, &["--init", "--max-connections", "16", "--metrics", "127.0.0.1:0"], 2);
    let owner = Owner::of(&sandbox, &server);
    let mut held = Vec::new();
    for _ in 0..3 {
        held.extend((0..40).map(|_| TcpStream::connect(server.address()).unwrap()));
        for _ in 0..5 {
            assert_eq!(owner.try_call("GET", "/health", &[], &Value::Null).unwrap().0, 200);
        }
    }
    let metrics = server.urls[1].split("://").nth(1).unwrap().trim_end_matches("/metrics");
    let held_there: Vec<_> = (0..40).map(|_| TcpStream::connect(metrics).unwrap()).collect();
    let page = ureq::get(&server.urls[1]).call().unwrap().body_mut().read_to_string().unwrap();
    let replaced = page
        .lines()
        .find_map(|line| line.strip_prefix("capy_connections_closed_total{reason=\"replaced\"} "));
    assert!(replaced.unwrap().parse::<u32>().unwrap() > 100, "{page}");
    drop((held, held_there));
}

#[test]
fn a_handshake_that_is_never_finished_is_cut_off() {
    let sandbox = Sandbox::new();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    sandbox.write("cert.pem", &made.cert.pem());
    sandbox.write_private("key.pem", &made.signing_key.serialize_pem());
    let server = Server::start(&sandbox, &["--init", "--tls-cert", "cert.pem", "--tls-key", "key.pem"], 1);
    let began = Instant::now();
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(&[0x16, 3, 1, 2, 0, 1]).unwrap();
    let closed = until_closed(&mut stream, began);
    assert!(closed < Duration::from_secs(15), "{closed:?}");
}

#[test]
fn places_follow_the_limit_of_open_files_and_too_few_are_no_service() {
    let sandbox = Sandbox::new();
    let server = Server::start_after(&sandbox, "ulimit -Sn 40", &["--init"], 1);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let soft: u64 = line.split_whitespace().nth(3).unwrap().parse().unwrap();
    assert!(soft > 40, "the soft limit is raised: {line}");
    drop(server);

    let shell = |limit: &str, arguments: &[&str]| {
        let mut shell = std::process::Command::new("sh");
        let script = format!("{limit} && exec \"$0\" \"$@\"");
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_capy")]).args(SERVE).args(arguments);
        shell.current_dir(sandbox.path("")).env_clear().envs(&sandbox.env);
        sandbox.finish(shell, "")
    };
    for (limit, arguments) in [("ulimit -n 34", &[][..]), ("ulimit -n 64", &["--max-connections", "60"])] {
        let refused = shell(limit, arguments).fails(1, "TOO_FEW_DESCRIPTORS");
        assert!(refused.stderr.contains("hint: raise the limit (`ulimit -n`"), "{}", refused.stderr);
    }
}

/// A proxy is in the network that a deployment may be opened from: its own address would let everybody in.
#[test]
fn a_deployment_for_one_network_is_opened_by_no_malformed_header_of_a_proxy() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox, &["--init", "--trust-proxy", "127.0.0.0/8"], 1);
    let owner = Owner::of(&sandbox, &server);
    let (id, outer) =
        owner.register(&json!({ "cidrs": ["127.0.0.0/8", "2001:db8::/32", "198.51.100.0/24"] }));
    for (lines, status, code) in [
        (&["203.0.113.9"][..], 403, "ADDRESS_NOT_ALLOWED"),
        (&["203.0.113.9:51234"], 403, "ADDRESS_NOT_ALLOWED"),
        (&["\"[2001:db9::1]:443\""], 403, "ADDRESS_NOT_ALLOWED"),
        (&["198.51.100.1", "203.0.113.9:1, 127.0.0.2:5"], 403, "ADDRESS_NOT_ALLOWED"),
        (&["unknown"], 400, "BAD_REQUEST"),
        (&["203.0.113.9:"], 400, "BAD_REQUEST"),
        (&["203.0.113.9", ""], 400, "BAD_REQUEST"),
        (&["nonsense, 127.0.0.2"], 400, "BAD_REQUEST"),
        (&["198.51.100.7:443"], 200, ""),
        (&["\"[2001:db8::1]:443\""], 200, ""),
        (&["[::ffff:198.51.100.7]:9"], 200, ""),
        (&["nonsense", "198.51.100.7"], 200, ""),
    ] {
        let headers: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", *line)).collect();
        let (found, answer) = owner.decrypt(&id, &outer, &headers).unwrap();
        assert_eq!((found, answer["code"].as_str().unwrap_or("")), (status, code), "{lines:?}: {answer}");
        assert_eq!(answer.get("service_key").is_some(), status == 200, "{lines:?}");
    }
    let (found, _) = owner.decrypt(&id, &outer, &[("forwarded", "for=203.0.113.9")]).unwrap();
    assert_eq!(found, 400, "what is not read is not passed over");
}

/// All places but the reserved ones wait for a database that another process has locked.
#[test]
fn reserved_places_are_for_bearers_that_are_let_in() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox, &["--init", "--max-connections", "16"], 1);
    let owner = Owner::of(&sandbox, &server);
    let (id, outer) = owner.register(&json!({}));
    let lock = rusqlite::Connection::open(sandbox.path("data/capy.sqlite")).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    thread::scope(|scope| {
        let waiting: Vec<_> = (0..14).map(|_| scope.spawn(|| owner.decrypt(&id, &outer, &[]))).collect();
        thread::sleep(Duration::from_secs(1));
        let began = Instant::now();
        let bearer = format!("Bearer {}", owner.token);
        let let_in = owner.try_call("GET", "/tokens/self", &[("authorization", &bearer)], &Value::Null);
        let stranger = owner.try_call("GET", "/tokens/self", &[("authorization", "Bearer x")], &Value::Null);
        let keyless = owner.decrypt(&id, &outer, &[]);
        let took = began.elapsed();
        assert_eq!(let_in.unwrap().0, 200);
        assert_eq!(stranger.unwrap().0, 401);
        let (status, answer) = keyless.unwrap();
        assert_eq!((status, answer["code"].as_str()), (503, Some("UNAVAILABLE")));
        assert!(took < Duration::from_secs(2), "nobody waited: {took:?}");
        lock.execute_batch("ROLLBACK").unwrap();
        let answers = waiting.into_iter().map(|one| one.join().unwrap());
        let keys = answers.filter(|answer| matches!(answer, Ok((200, _)))).count();
        assert_eq!(keys, 14, "who was being answered was left alone");
    });
}
