//! The audit trail on the real database: written, sealed on schedule, verified, and tampered with by hand.

use capy_protocol::blob::Format;
use serde_json::{Value, json};
use xtask::key_service::KeyService;
use xtask::node::require_node;

use crate::support::{Deployment, call, execute, owner};

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
