//! `capy store keys`: the rotation of `ENCRYPTION_KEY`, the death of the service in the middle of it included.

use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use capy_client::service::ApiToken;
use capy_client::service_url::PlainHttp;
use capy_client::{Deadline, Service, ServiceUrl};
use capy_protocol::api::projects::{StoreRow, StoreRows};
use capy_protocol::store_keys::StoreKeys;
use capy_protocol::store_row::Binding;
use rustix::process::Signal;
use serde_json::Value;

use crate::cli::server::Server;
use crate::sandbox::{Sandbox, contains};

/// A service with a project store, and `capy` with its admin's token.
pub(crate) struct Store {
    pub(crate) sandbox: Sandbox,
    pub(crate) server: Server,
}

impl Store {
    pub(crate) fn start(keys: &str) -> Self {
        let mut sandbox = Sandbox::new();
        sandbox.env.insert("CAPY_TIMEOUT".into(), "30".into());
        sandbox.env.insert("ENCRYPTION_KEY".into(), keys.into());
        let server = Server::start(&sandbox, &["--init"], 1);
        let token = sandbox.read("data/admin-token").trim().to_owned();
        sandbox.env.insert("CAPY_TOKEN".into(), token);
        sandbox.env.insert("CAPY_SERVICE_URL".into(), server.urls[0].clone());
        Self { sandbox, server }
    }

    /// The same database under other keys; the service is killed, not asked to stop.
    pub(crate) fn restart(&mut self, keys: &str) {
        self.server.signal(Signal::KILL);
        self.server.end();
        self.sandbox.env.insert("ENCRYPTION_KEY".into(), keys.into());
        self.server = Server::start(&self.sandbox, &[], 1);
        self.sandbox.env.insert("CAPY_SERVICE_URL".into(), self.server.urls[0].clone());
    }

    /// `capy … --json`.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let printed = self.sandbox.capy(&[arguments, &["--json"]].concat()).succeeds();
        serde_json::from_str(&printed.stdout).unwrap_or_else(|_| panic!("{}", printed.shown()))
    }

    /// The service, for whom no command fits.
    pub(crate) fn client(&self) -> Service {
        let url = ServiceUrl::parse(&self.server.urls[0], "test", PlainHttp::Loopback).unwrap();
        Service::new(url).with_token(ApiToken::parse(&self.sandbox.env["CAPY_TOKEN"]).unwrap())
    }

    /// The values of a project, as a build host opens them.
    pub(crate) fn values(&self, id: &str, keys: &str) -> Vec<(String, String)> {
        let id = capy_protocol::id::ProjectId::parse(id).unwrap();
        let StoreRows { rows, .. } = self.client().store_rows(&id, deadline()).unwrap();
        let keys = StoreKeys::parse(keys).unwrap();
        let open = |row: StoreRow| {
            let place = Binding { project: &id, name: &row.key };
            let value = keys.open(place, row.key_id, &row.row).unwrap();
            (row.key.clone(), value.expose_secret().to_owned())
        };
        rows.into_iter().map(open).collect()
    }
}

fn deadline() -> Deadline {
    Deadline::after(Duration::from_secs(30))
}

fn key(byte: &str) -> String {
    byte.repeat(32)
}

#[test]
fn a_rotation_whose_service_is_killed_half_way_loses_nothing_and_is_finished_by_the_next_run() {
    let (old, new) = (key("0a"), key("0b"));
    let mut store = Store::start(&old);
    let lines: String = (0..600).map(|number| format!("K{number:03}=\"canary.{number}.x9 🦫\"\n")).collect();
    store.sandbox.write(".env", &lines);
    store.sandbox.capy(&["store", "project", "create", "shop", "--id", "prj_a", "--from", ".env"]).succeeds();
    let before = store.values("prj_a", &old);
    assert_eq!(before.len(), 600);

    let both = format!("{new}\n{old}");
    store.restart(&both);
    // Each answer is handed over before the next call begins: the service dies during the fourth.
    let (told, answered) = sync_channel(0);
    let service = store.client();
    let rotation = thread::spawn(move || {
        let mut after = None;
        while let Ok(answer) = service.rotate_store(after, Deadline::after(Duration::from_secs(5))) {
            after = answer.next;
            if told.send(answer.resealed).is_err() {
                break;
            }
        }
    });
    for _ in 0..3 {
        assert_eq!(answered.recv_timeout(Duration::from_secs(60)), Ok(25));
    }
    store.server.signal(Signal::KILL);
    drop(answered);
    rotation.join().unwrap();

    store.restart(&both);
    let keys = store.json(&["store", "keys", "list"]);
    let rows = |place: usize| keys["keys"][place]["rows"].as_u64().unwrap();
    assert_eq!(rows(0) + rows(1), 600);
    assert!(rows(0) >= 75 && rows(1) > 0, "it was half-way: {keys}");
    assert_eq!(store.values("prj_a", &both), before, "every value opens in between");

    let rotated = store.sandbox.capy(&["store", "keys", "rotate"]).succeeds();
    assert!(rotated.stderr.contains(&format!("{} values sealed again", rows(1))), "{}", rotated.stderr);
    let words = rotated.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("newest: new values use it 600"), "{}", rotated.stdout);
    assert!(words.ends_with("not needed any more: can be removed 0"), "{}", rotated.stdout);
    store.restart(&new);
    assert_eq!(store.values("prj_a", &new), before);
    assert_eq!(store.json(&["store", "keys", "rotate"])["resealed"], 0);
    let files = store.sandbox.files();
    let kept = files.iter().filter(|(path, _)| path.starts_with(store.sandbox.path("data")));
    assert!(kept.into_iter().all(|(_, content)| !contains(content, "canary")), "the database holds no value");
}

#[test]
fn values_that_do_not_open_are_named_and_end_a_rotation_with_a_code_of_its_own() {
    let (old, new) = (key("0a"), key("0b"));
    let mut store = Store::start(&old);
    store.sandbox.write(".env", "A=canary.A.x9\nB=canary.B.x9\n");
    store.sandbox.capy(&["store", "project", "create", "shop", "--id", "prj_a", "--from", ".env"]).succeeds();
    store.restart(&new);
    let keys = store.sandbox.capy(&["store", "keys", "list"]).succeeds();
    assert!(keys.stdout.contains("missing: its values cannot be decrypted  2"), "{}", keys.stdout);
    let rotated = store.sandbox.capy(&["store", "keys", "rotate"]);
    assert_eq!(rotated.code, 53, "{}", rotated.shown());
    assert!(rotated.stderr.contains("cannot decrypt A of project prj_a: its key is not in ENCRYPTION_KEY"));
    assert!(rotated.stderr.contains("error[STORE_UNOPENED]: 2 values of the store cannot be decrypted"));
    store.restart(&format!("{new} {old}"));
    store.sandbox.capy(&["store", "keys", "rotate"]).succeeds();
    assert_eq!(store.values("prj_a", &new).len(), 2, "the key that was put back opened them");
}
