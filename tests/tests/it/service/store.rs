//! The project store as it is deployed: values go in, names come out, and the build host alone opens what is kept.

use std::collections::BTreeSet;
use std::thread;

use capy_journeys::needles::{Needle, assert_absent};
use capy_protocol::api::projects::{StoreRow, StoreRows};
use capy_protocol::store_keys::StoreKeys;
use capy_protocol::store_row::Binding;
use capy_test_support::build_worker::{Build, build_worker};
use capy_test_support::key_service::KeyService;
use capy_test_support::node::require_node;
use capy_test_support::workerd::{Options, Workerd};
use serde_json::{Value, json};

use crate::service::lifecycle::read_below;
use crate::service::support::{Answer, call, on_each_host, owner};

on_each_host!(
    values_are_kept_sealed_and_opened_by_the_build_host_alone,
    two_changes_at_once_leave_one_of_them_whole,
    a_project_may_hold_as_much_as_it_says,
);

const PROJECT: &str = "/api/project/projects/prj_a";
const ROWS: &str = "/api/build/projects/prj_a/rows";

/// What a build host makes of the answer with the rows.
fn open(answer: &Answer, keys: &str) -> Vec<(String, String)> {
    let StoreRows { project_id, rows } =
        serde_json::from_str(&answer.text).unwrap_or_else(|_| panic!("{}", answer.text));
    let keys = StoreKeys::parse(keys).unwrap();
    let open = |row: StoreRow| {
        let place = Binding { project: &project_id, name: &row.key };
        let value = keys.open(place, row.key_id, &row.row).unwrap();
        (row.key.clone(), value.expose_secret().to_owned())
    };
    rows.into_iter().map(open).collect()
}

fn create(service: &KeyService, secrets: &Value) -> Answer {
    let body =
        json!({ "project_id": "prj_a", "name": "shop", "build_command": "make \"🦫\"", "secrets": secrets });
    let made = owner(service, "POST", "/api/project", &body);
    assert_eq!(made.status, 201, "{}\n{}", made.text, service.log());
    made
}

fn values_are_kept_sealed_and_opened_by_the_build_host_alone(service: &KeyService) {
    let awkward = "canary.A.x9\n\r\n\"quoted\" 'single' $HOME ${X} `id` \\n 🦫 é\u{2028}";
    let mut answers = vec![create(
        service,
        &json!([{ "key": "A", "value": awkward }, { "key": "B", "value": "canary.B.x9" }, { "key": "EMPTY", "value": "" }]),
    )];
    let put = json!({ "secrets": [{ "key": "B", "value": "canary.B2.x9" }, { "key": "C", "value": "canary.C.x9" }] });
    answers.push(owner(service, "PUT", PROJECT, &put));
    let shown = owner(service, "GET", PROJECT, &Value::Null);
    assert_eq!(shown.json["build_command"], "make \"🦫\"");
    assert!(shown.json["created_at"].as_u64() > Some(1_700_000_000_000), "milliseconds");
    let secrets = shown.json["secrets"].as_array().unwrap();
    let names: Vec<_> = secrets.iter().map(|secret| secret["key"].as_str().unwrap()).collect();
    assert_eq!(names, ["A", "B", "C", "EMPTY"]);
    let secret = format!("/api/project/secret/{}", secrets[2]["secret_id"].as_str().unwrap());

    let token = owner(service, "POST", "/tokens", &json!({ "scopes": ["build:prj_a"] }));
    let token = token.json["token"].as_str().unwrap();
    let as_token = |method: &str, path: &str| call(service.url(), method, path, Some(token), &Value::Null);
    let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let expected = pairs(&[("A", awkward), ("B", "canary.B2.x9"), ("C", "canary.C.x9"), ("EMPTY", "")]);
    assert_eq!(open(&as_token("GET", ROWS), service.encryption_key()), expected);
    for (method, path, refusal) in [
        ("GET", PROJECT.replace("prj_a", "prj_b"), (404, "PROJECT_UNKNOWN")),
        ("GET", ROWS.replace("prj_a", "prj_b"), (404, "PROJECT_UNKNOWN")),
        ("DELETE", PROJECT.to_owned(), (403, "FORBIDDEN")),
        ("DELETE", secret.clone(), (403, "FORBIDDEN")),
        ("GET", "/admin/store/keys".to_owned(), (403, "FORBIDDEN")),
    ] {
        assert_eq!(as_token(method, &path).refusal(), refusal, "{method} {path}");
    }
    let local = json!({ "repository_url": "/srv/shop.git" });
    let is_ours = service.persist_dir().join("capy.sqlite").exists();
    let expected = if is_ours { 200 } else { 400 };
    let by_admin = owner(service, "PUT", PROJECT, &local).status;
    assert_eq!(by_admin, expected, "a path means something on a machine of one's own");
    let deployer = owner(service, "POST", "/tokens", &json!({ "scopes": ["deploy:prj_a"] }));
    let deployer = deployer.json["token"].as_str().unwrap();
    assert_eq!(call(service.url(), "PUT", PROJECT, Some(deployer), &local).refusal(), (400, "BAD_REQUEST"));
    assert_eq!(call(service.url(), "PUT", PROJECT, Some(deployer), &json!({ "branch": "main" })).status, 200);

    for (method, path) in [
        ("GET", PROJECT),
        ("GET", "/api/project/projects"),
        ("GET", "/projects/prj_a/audit"),
        ("GET", "/admin/store/keys"),
        ("DELETE", secret.as_str()),
        ("DELETE", PROJECT),
        ("GET", ROWS),
    ] {
        answers.push(owner(service, method, path, &Value::Null));
    }
    assert_eq!(answers.last().unwrap().refusal(), (404, "PROJECT_UNKNOWN"));
    let keys = owner(service, "GET", "/admin/store/keys", &Value::Null);
    assert_eq!(keys.json["keys"][0]["rows"], 0, "values go with their project");
    let mut kept = service.log().into_bytes();
    read_below(service.persist_dir(), &mut kept);
    answers.iter().for_each(|answer| kept.extend(answer.text.as_bytes()));
    let mut needles: Vec<_> = ["canary.A.x9", "canary.B.x9", "canary.B2.x9", "canary.C.x9"]
        .map(|value| Needle::new(value, value.as_bytes()))
        .into();
    needles.push(Needle::new("ENCRYPTION_KEY", &hex::decode(service.encryption_key()).unwrap()));
    assert_absent("what the service keeps and answers", &kept, &needles);
    assert!(kept.windows(5).any(|window| window == b"prj_a"), "the search finds what is there");
}

/// Each change sets the same names to values of its own: whoever comes last, no name stands twice, and no mixture is left.
fn two_changes_at_once_leave_one_of_them_whole(service: &KeyService) {
    create(service, &json!([]));
    let change = |caller: usize| {
        for round in 0..5 {
            let value = format!("caller {caller} round {round}");
            let secrets: Vec<_> =
                (0..20).map(|name| json!({ "key": format!("K{name:02}"), "value": value })).collect();
            let answer = owner(service, "PUT", PROJECT, &json!({ "secrets": secrets }));
            assert_eq!(answer.status, 200, "{}\n{}", answer.text, service.log());
            assert_eq!(answer.json["secrets"].as_array().unwrap().len(), 20);
        }
    };
    let look = || {
        for _ in 0..20 {
            let rows = open(&owner(service, "GET", ROWS, &Value::Null), service.encryption_key());
            let values: BTreeSet<_> = rows.iter().map(|(_, value)| value).collect();
            assert!([0, 20].contains(&rows.len()) && values.len() <= 1, "{values:?}");
        }
    };
    thread::scope(|scope| {
        (0..4).for_each(|caller| drop(scope.spawn(move || change(caller))));
        scope.spawn(look);
    });
    let rows = open(&owner(service, "GET", ROWS, &Value::Null), service.encryption_key());
    let values: BTreeSet<_> = rows.iter().map(|(_, value)| value).collect();
    assert_eq!((rows.len(), values.len()), (20, 1), "{values:?}");
}

/// Five hundred values of two KiB, and one as long as Linux takes: more than one statement can carry to D1.
fn a_project_may_hold_as_much_as_it_says(service: &KeyService) {
    create(service, &json!([]));
    let value = |number: usize| format!("{number} {}", "\"é🦫\n".repeat(200));
    let secrets: Vec<_> =
        (0..500).map(|number| json!({ "key": format!("K{number:03}"), "value": value(number) })).collect();
    let put = owner(service, "PUT", PROJECT, &json!({ "secrets": secrets }));
    assert_eq!(put.status, 200, "{}\n{}", put.text, service.log());
    let longest = "v".repeat(128 * 1024 - 2 - 1);
    let put = owner(service, "PUT", PROJECT, &json!({ "secrets": [{ "key": "L", "value": longest }] }));
    assert_eq!(put.status, 200, "{}\n{}", put.text, service.log());
    let rows = open(&owner(service, "GET", ROWS, &Value::Null), service.encryption_key());
    assert_eq!(rows.len(), 501);
    assert!((0..500).all(|number| rows[number] == (format!("K{number:03}"), value(number))));
    assert!(rows[500] == ("L".to_owned(), longest));
    let more: Vec<_> =
        (0..8).map(|name| json!({ "key": format!("M{name}"), "value": "v".repeat(70_000) })).collect();
    let full = owner(service, "PUT", PROJECT, &json!({ "secrets": more }));
    assert_eq!(full.refusal(), (422, "PROJECT_FULL"), "{}", full.text);
}

/// A Worker gets new secrets by a new deployment over the same database; `capy serve` is rotated in its own tests.
#[test]
fn the_key_of_a_store_on_workers_is_rotated_without_losing_a_value() {
    let Some(node) = require_node() else { return };
    let entry = build_worker(&Build::service()).unwrap();
    let persist = tempfile::tempdir().unwrap();
    let (token, roots) = ("t".repeat(40), format!("7:{}", "11".repeat(32)));
    let [old, new] = ["0a", "0b"].map(|byte| byte.repeat(32));
    let both = format!("{new} {old}");
    let serve = |keys: &str| {
        let secrets = [("ADMIN_TOKEN", token.as_str()), ("WRAP_ROOTS", &roots), ("ENCRYPTION_KEY", keys)];
        Workerd::start(&node, &Options { entry: &entry, persist: persist.path(), secrets: &secrets }).unwrap()
    };
    let ask = |worker: &Workerd, method: &str, path: &str, body: &Value| {
        call(worker.url(), method, path, Some(&token), body)
    };
    let worker = serve(&old);
    let secrets: Vec<_> = (0..60)
        .map(|number| json!({ "key": format!("K{number:02}"), "value": format!("v {number} 🦫") }))
        .collect();
    let body = json!({ "project_id": "prj_a", "name": "shop", "secrets": secrets });
    assert_eq!(ask(&worker, "POST", "/api/project", &body).status, 201, "{}", worker.log());
    let before = open(&ask(&worker, "GET", ROWS, &Value::Null), &old);
    drop(worker);

    let worker = serve(&both);
    let mut after = Value::Null;
    let mut resealed = 0;
    for _ in 0..3 {
        let body = if after.is_null() { json!({}) } else { json!({ "after": after }) };
        let answer = ask(&worker, "POST", "/admin/store/rotate", &body);
        resealed +=
            answer.json["resealed"].as_u64().unwrap_or_else(|| panic!("{}\n{}", answer.text, worker.log()));
        after = answer.json.get("next").cloned().unwrap_or(Value::Null);
    }
    assert_eq!((resealed, after), (60, Value::Null));
    drop(worker);

    let worker = serve(&new);
    assert_eq!(open(&ask(&worker, "GET", ROWS, &Value::Null), &new), before);
    let keys = ask(&worker, "GET", "/admin/store/keys", &Value::Null);
    assert_eq!(keys.json["keys"].as_array().unwrap().len(), 1, "{}", keys.text);
    assert_eq!(keys.json["keys"][0]["rows"], 60);
}
