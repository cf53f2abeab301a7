//! The audit trail on the real database: written, sealed on schedule, verified, and tampered with by hand.

use std::time::Duration;

use capy_protocol::blob::Format;
use capy_test_support::key_service::KeyService;
use capy_test_support::node::require_node;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::service::lifecycle::database_file;
use crate::service::support::{Deployment, call, execute, on_each_host, owner};

#[test]
fn the_trail_is_sealed_on_schedule_and_a_changed_row_is_named() {
    let Some(node) = require_node() else { return };
    let service = KeyService::start(&node).unwrap();
    let deployment = Deployment::register(&service, Format::V1, "project-key");
    for _ in 0..3 {
        assert_eq!(deployment.decrypt(service.url()).status, 200);
    }
    let scheduled = call(service.url(), "GET", "/cdn-cgi/handler/scheduled", None, &Value::Null);
    assert_eq!(scheduled.status, 200, "{}\n{}", scheduled.text, service.log());
    let made =
        execute(&node, &service, "SELECT id, upto, count FROM audit_checkpoints WHERE id > 0").unwrap();
    assert_eq!(made, [json!({ "id": 1, "upto": 4, "count": 4 })]);

    assert_eq!(deployment.revoke(&service).status, 200);
    assert_eq!(deployment.decrypt(service.url()).refusal(), (410, "DEPLOY_REVOKED"));
    assert_eq!(findings(&service), Vec::<Value>::new());
    let events = owner(&service, "GET", "/projects/prj_a/audit", &Value::Null);
    let results: Vec<_> =
        events.json["events"].as_array().unwrap().iter().map(|event| &event["result"]).collect();
    assert_eq!(results, ["DEPLOY_REVOKED", "ok", "ok", "ok", "ok", "ok"], "{}", events.text);
    let roots = owner(&service, "GET", "/admin/wrap-roots", &Value::Null);
    assert_eq!(
        (&roots.json["roots"][0]["newest"], &roots.json["roots"][0]["live"]),
        (&json!(true), &json!(0))
    );

    let sql = "DROP TRIGGER audit_is_never_changed; DROP TRIGGER audit_is_never_shortened; \
        UPDATE audit SET address = '198.51.100.1' WHERE id = 3; DELETE FROM audit WHERE id = 6";
    execute(&node, &service, sql).unwrap();
    let expected = [
        json!({ "flaw": "changed", "first": 3, "last": 3 }),
        json!({ "flaw": "removed", "first": 6, "last": 6 }),
    ];
    assert_eq!(findings(&service), expected);
}

on_each_host!(a_lost_root_is_given_up_in_the_open, rows_that_cannot_be_read_are_found_and_sealed,);

/// What only somebody makes who writes to the database.
fn rows_that_cannot_be_read_are_found_and_sealed(service: &KeyService) {
    let deployment = Deployment::register(service, Format::V1, "project-key");
    for _ in 0..4 {
        assert_eq!(deployment.decrypt(service.url()).status, 200);
    }
    let database = Connection::open(database_file(service.persist_dir())).unwrap();
    database.busy_timeout(Duration::from_secs(10)).unwrap();
    let damages = "DROP TRIGGER audit_is_never_changed; UPDATE audit SET at = -5 WHERE id = 2; \
        UPDATE audit SET key_id = -1, address = CAST(x'ff80' AS TEXT) WHERE id = 4;";
    database.execute_batch(damages).unwrap();
    let unreadable = [2, 4].map(|row| json!({ "flaw": "unreadable", "first": row, "last": row }));
    assert_eq!(findings(service), unreadable);
    database.execute_batch("DROP TRIGGER audit_is_never_shortened; DELETE FROM audit WHERE id = 3").unwrap();
    assert_eq!(deployment.revoke(service).status, 200);
    let expected =
        [unreadable[0].clone(), unreadable[1].clone(), json!({ "flaw": "removed", "first": 3, "last": 3 })];
    assert_eq!(findings(service), expected, "rows that are removed meanwhile are found");
    let health = call(service.url(), "GET", "/health", None, &Value::Null);
    assert_eq!((health.status, &health.json["sealing"]["state"]), (200, &json!("ok")), "{}", health.text);
    let listed = owner(service, "GET", "/projects/prj_a/audit", &Value::Null);
    assert_eq!(listed.json["events"][3]["action"], "unreadable", "{}", listed.text);
    let sealed: i64 = database
        .query_row("SELECT upto FROM audit_checkpoints ORDER BY id DESC LIMIT 1", [], |row| row.get(0))
        .unwrap();
    assert_eq!(sealed, 6, "the sealing goes on");

    // The last checkpoint itself.
    let damage =
        "DROP TRIGGER checkpoint_is_never_changed; UPDATE audit_checkpoints SET at = -5 WHERE id = 2";
    database.execute_batch(damage).unwrap();
    Deployment::register(service, Format::V1, "project-key");
    let found = findings(service);
    let named = json!({ "flaw": "checkpoint-changed", "first": 2, "last": 2 });
    assert_eq!(
        found.iter().filter(|found| **found == named).count(),
        2,
        "by itself and by the next: {found:?}"
    );
}

/// A row of a root that nobody has stops the sealing. It is an event of somebody who writes to the database, too: nothing
/// tells the two apart, so that it is never whole.
fn a_lost_root_is_given_up_in_the_open(service: &KeyService) {
    let deployment = Deployment::register(service, Format::V1, "project-key");
    let database = Connection::open(database_file(service.persist_dir())).unwrap();
    database.busy_timeout(Duration::from_secs(10)).unwrap();
    let row = "INSERT INTO audit (project_id, subject, action, result, at, event_id, key_id, mac) \
        VALUES ('prj_a', 'x', 'decrypt', 'ok', 1, 'lost', 0, 'x')";
    database.execute(row, []).unwrap();
    drop(database);
    let unverifiable = [json!({ "flaw": "unverifiable", "first": 2, "last": 2 })];
    assert_eq!(findings(service), unverifiable);

    let give_up = |body: &Value| owner(service, "POST", "/admin/audit/give-up", body);
    let finding = json!({ "flaw": "given-up", "first": 2, "last": 2, "key_id": 0 });
    let told = give_up(&json!({ "key_ids": [0], "dry_run": true }));
    assert_eq!(told.json, json!({ "events": 1, "findings": [finding], "checkpoint": null }), "{}", told.text);
    assert_eq!(findings(service), unverifiable, "nothing is done yet");
    let done = give_up(&json!({ "key_ids": [0] }));
    // The service may have sealed the registration by itself before.
    assert_eq!((done.status, &done.json["checkpoint"]["upto"]), (200, &json!(2)), "{}", done.text);
    assert_eq!(give_up(&json!({ "key_ids": [0] })).refusal(), (409, "NOT_GIVEN_UP"));
    assert_eq!(deployment.revoke(service).status, 200);
    assert_eq!(findings(service).first(), Some(&finding));
    let events = owner(service, "GET", "/admin/audit", &Value::Null);
    let event = &events.json["events"][0];
    assert_eq!(
        (&event["action"], &event["subject"]),
        (&json!("give-up-root"), &json!("0")),
        "{}",
        events.text
    );
}

fn findings(service: &KeyService) -> Vec<Value> {
    let (mut findings, mut from) = (Vec::new(), 1);
    loop {
        let answer = owner(service, "GET", &format!("/admin/audit/verify?from={from}"), &Value::Null);
        assert_eq!(answer.status, 200, "{}\n{}", answer.text, service.log());
        findings.extend(answer.json["findings"].as_array().unwrap().clone());
        match answer.json["next"].as_u64() {
            Some(next) => from = next,
            None => return findings,
        }
    }
}
