//! What the seals of the audit trail stand when roots come and go, rightly and by mistake.

use capy_protocol::blob::Format;
use capy_worker::audit::SEGMENT_ROWS_MAX;
use capy_worker_testing::Faults;
use serde_json::{Value, json};

use crate::service::audit::{service_with_events, tamper, verify};
use crate::service::support::{Service, request};

fn root(key_id: u32, byte: &str) -> String {
    format!("{key_id}:{}", byte.repeat(32))
}

/// Three checkpoints, the first with a flaw under root 9, the others under root 10 alone.
async fn trail_whose_first_root_is_gone() -> Service {
    let (service, deployment) = service_with_events(3).await;
    tamper(&service, "UPDATE audit SET address = '198.51.100.1' WHERE id = 2");
    assert_eq!(verify(&service).await, (vec!["changed 2-2".to_owned()], vec![1]));
    let both = service.restart_with_roots(&format!("{},{}", root(9, "22"), root(10, "33")));
    both.decrypt(&deployment).await;
    capy_worker::checkpoint(both.app()).await;
    let newest = both.restart_with_roots(&root(10, "33"));
    newest.register(Format::V1, "project-key").await;
    capy_worker::checkpoint(newest.app()).await;
    assert_eq!(verify(&newest).await, (vec!["changed 2-2".to_owned()], vec![1, 2, 3]));
    newest
}

#[tokio::test]
async fn what_a_checkpoint_recorded_cannot_be_erased_after_its_root_is_gone() {
    for change in
        ["flaws = '[]'", "flaws = 'x'", "count = 9", "at = 0", "mac = 'x'", "key_id = 10", "previous = ''"]
    {
        let service = trail_whose_first_root_is_gone().await;
        tamper(&service, &format!("UPDATE audit_checkpoints SET {change} WHERE id = 1"));
        let (findings, _) = verify(&service).await;
        assert!(findings.contains(&"checkpoint-changed 1-1".to_owned()), "{change}: {findings:?}");
    }
}

#[tokio::test]
async fn a_flaw_list_that_cannot_be_read_is_a_changed_checkpoint() {
    let (service, deployment) = service_with_events(2).await;
    verify(&service).await;
    let service = service.restart_with_roots(&format!("{},{}", root(9, "22"), root(10, "33")));
    service.decrypt(&deployment).await;
    verify(&service).await;
    let service = service.restart_with_roots(&root(10, "33"));
    tamper(&service, "UPDATE audit_checkpoints SET flaws = '[{' WHERE id = 1");
    let answer = service.call("GET", "/admin/audit/verify?from=1", Value::Null).await;
    assert_eq!(answer.json["findings"], json!([{ "flaw": "checkpoint-changed", "first": 1, "last": 1 }]));
}

/// Rows: the roots of a start by mistake, and what is found under them.
#[tokio::test]
async fn a_start_with_other_roots_seals_no_verdict() {
    for (mistaken, found) in [
        (root(12, "44"), ["checkpoint-unverifiable 1-1", "unverifiable 5-5"]),
        (root(9, "44"), ["checkpoint-changed 1-1", "changed 5-5"]),
    ] {
        let (service, deployment) = service_with_events(3).await;
        verify(&service).await;
        assert_eq!(service.decrypt(&deployment).await.status, 200);
        let mistaken = service.restart_with_roots(&mistaken);
        capy_worker::checkpoint(mistaken.app()).await;
        assert!(mistaken.log().contains("the audit trail is not sealed any further"), "{}", mistaken.log());
        assert_eq!(verify(&mistaken).await.0, found);
        let mended = mistaken.restart_with_roots(&root(9, "22"));
        assert_eq!(verify(&mended).await, (vec![], vec![1, 2]), "nothing of it stays");
    }
}

#[tokio::test]
async fn rows_that_no_root_at_hand_can_judge_are_not_sealed_before_there_was_any_checkpoint_either() {
    let (service, _) = service_with_events(3).await;
    let mistaken = service.restart_with_roots(&root(9, "44"));
    assert_eq!(verify(&mistaken).await, (vec!["changed 1-4".to_owned()], vec![]));
    let answer = mistaken.call("GET", "/admin/audit/verify", Value::Null).await;
    assert_eq!((&answer.json["pending"], &answer.json["checkpoint"]), (&json!(4), &Value::Null));
    let mended = mistaken.restart_with_roots(&root(9, "22"));
    assert_eq!(verify(&mended).await, (vec![], vec![1]));
}

#[tokio::test]
async fn a_root_that_unsealed_rows_need_does_not_look_removable() {
    let (service, deployment) = service_with_events(2).await;
    service.revoke(&deployment).await;
    let both = service.restart_with_roots(&format!("{},{}", root(9, "22"), root(10, "33")));
    both.inject(Faults { database_writes: true, ..Faults::default() });
    let roots = both.call("GET", "/admin/wrap-roots", Value::Null).await;
    assert_eq!((&roots.json["roots"][0]["live"], &roots.json["roots"][0]["trail"]), (&json!(0), &json!(4)));
    both.inject(Faults::default());
    let roots = both.call("GET", "/admin/wrap-roots", Value::Null).await;
    assert_eq!((&roots.json["roots"][0]["trail"], &roots.json["roots"][1]["trail"]), (&json!(0), &json!(1)));
    let early = both.restart_with_roots(&root(12, "44"));
    let roots = early.call("GET", "/admin/wrap-roots", Value::Null).await;
    let gone = json!({ "key_id": 10, "held": false, "newest": false, "live": 0, "trail": 1, "rows": 0 });
    assert_eq!(roots.json["roots"][1], gone, "the trail's own root is gone");
}

#[tokio::test]
async fn a_host_with_time_seals_everything_in_one_run() {
    let (service, _) = service_with_events(0).await;
    let copies = format!(
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {}) \
        INSERT INTO audit (project_id, subject, action, result, at) SELECT 'p', 'd', 'x', 'ok', x FROM n",
        12 * SEGMENT_ROWS_MAX
    );
    tamper(&service, &copies);
    capy_worker::checkpoint(service.app()).await;
    let roots = service.call("GET", "/admin/wrap-roots", Value::Null).await;
    assert_eq!(roots.json["roots"][1]["trail"], 1, "only the last checkpoint needs it: {}", roots.text);
    assert_eq!(verify(&service).await.1.len(), 13);
}

#[tokio::test]
async fn tokens_and_trusts_leave_events_that_admins_read() {
    let service = Service::new();
    let made = service.call("POST", "/tokens", json!({ "scopes": ["deploy:prj_a", "read:prj_b"] })).await;
    let token_id = made.json["token_id"].as_str().unwrap();
    let trust = json!({
        "issuer": "https://i.example", "audience": "a", "claims": { "repository": "o/r" }, "scope": "read:prj_a",
    });
    let added = service.call("POST", "/oidc/trusts", trust).await;
    let trust_id = added.json["trust_id"].as_str().unwrap();
    for _ in 0..2 {
        service.call("DELETE", &format!("/tokens/{token_id}"), Value::Null).await;
        service.call("DELETE", &format!("/oidc/trusts/{trust_id}"), Value::Null).await;
    }
    let list = service.call("GET", "/admin/audit", Value::Null).await;
    let events: Vec<_> = list.json["events"].as_array().unwrap().iter().rev().collect();
    let short = |event: &Value| {
        let of = |name: &str| event[name].as_str().unwrap_or("-").to_owned();
        [of("action"), of("subject"), of("actor"), of("detail")].join(" ")
    };
    assert_eq!(
        events.into_iter().map(short).collect::<Vec<_>>(),
        [
            format!("create-token {token_id} bootstrap deploy:prj_a read:prj_b"),
            format!("add-trust {trust_id} bootstrap https://i.example: read:prj_a"),
            format!("revoke-token {token_id} bootstrap -"),
            format!("remove-trust {trust_id} bootstrap -"),
        ],
        "once each, however often it was asked for"
    );
    assert_eq!(verify(&service).await, (vec![], vec![1]));
    tamper(&service, "UPDATE audit SET detail = 'admin' WHERE id = 1");
    assert_eq!(verify(&service).await.0, ["changed 1-1"]);
    let text = made.json["token"].as_str().unwrap();
    assert_eq!(service.send(request("GET", "/admin/audit", Some(text), Value::Null)).await.status, 401);
    let reader = service.call("POST", "/tokens", json!({ "scopes": ["read:prj_a"] })).await;
    let reader = reader.json["token"].as_str().unwrap();
    let answer = service.send(request("GET", "/admin/audit", Some(reader), Value::Null)).await;
    assert_eq!(answer.refusal(), (403, "FORBIDDEN"));
}

#[tokio::test]
async fn without_its_event_no_token_and_no_trust_is_made_or_ended() {
    let service = Service::new();
    let made = service.call("POST", "/tokens", json!({ "scopes": ["admin"] })).await;
    let (token, id) = (made.json["token"].as_str().unwrap(), made.json["token_id"].as_str().unwrap());
    tamper(&service, "DROP TABLE audit");
    let answer = service.call("POST", "/tokens", json!({ "scopes": ["admin"] })).await;
    assert_eq!(answer.refusal(), (503, "UNAVAILABLE"));
    let answer = service.call("DELETE", &format!("/tokens/{id}"), Value::Null).await;
    assert_eq!(answer.refusal(), (503, "UNAVAILABLE"));
    let listed = service.send(request("GET", "/tokens", Some(token), Value::Null)).await;
    assert_eq!(listed.json["tokens"].as_array().unwrap().len(), 1, "{}", listed.text);
}
