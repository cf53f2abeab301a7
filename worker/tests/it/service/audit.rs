//! The audit trail: what it says, and that tampering by hand in the database is found and named.

use capy_protocol::blob::Format;
use capy_worker_testing::Faults;
use serde_json::{Value, json};

use crate::service::support::{Deployment, NOW, Service};

const NO_TRIGGERS: &str = "DROP TRIGGER IF EXISTS audit_is_never_changed; DROP TRIGGER IF EXISTS audit_is_never_shortened; \
    DROP TRIGGER IF EXISTS audit_is_never_replaced; DROP TRIGGER IF EXISTS checkpoint_is_never_changed; \
    DROP TRIGGER IF EXISTS checkpoint_is_never_removed;";

/// Everything that a verification finds: each as `flaw first-last`, and the numbers of the checkpoints.
pub(crate) async fn verify(service: &Service) -> (Vec<String>, Vec<u64>) {
    let (mut findings, mut checkpoints, mut from) = (Vec::new(), Vec::new(), 1);
    loop {
        let answer = service.call("GET", &format!("/admin/audit/verify?from={from}"), Value::Null).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        findings.extend(answer.json["findings"].as_array().unwrap().iter().map(|finding| {
            format!("{} {}-{}", finding["flaw"].as_str().unwrap(), finding["first"], finding["last"])
        }));
        checkpoints.extend(answer.json["checkpoint"]["id"].as_u64());
        match answer.json["next"].as_u64() {
            Some(next) => from = next,
            None => return (findings, checkpoints),
        }
    }
}

/// Rows 1 to `decrypts + 1`.
pub(crate) async fn service_with_events(decrypts: usize) -> (Service, Deployment) {
    let service = Service::new();
    let deployment = service.register(Format::V1, "project-key").await;
    for _ in 0..decrypts {
        assert_eq!(service.decrypt(&deployment).await.status, 200);
    }
    (service, deployment)
}

/// The same, with more events than keys may be asked for in a while.
async fn service_with_registrations(count: usize) -> (Service, Deployment) {
    let (service, deployment) = service_with_events(0).await;
    for _ in 0..count {
        service.register(Format::V1, "project-key").await;
    }
    (service, deployment)
}

pub(crate) fn tamper(service: &Service, sql: &str) {
    let connection = service.host().database().connection();
    connection.execute_batch(&format!("{NO_TRIGGERS} {sql}")).unwrap();
}

const COLUMNS: &str = "project_id, subject, action, result, at, address, country, user_agent, actor, key_id";

/// Rows: what somebody does by hand to rows 1 to 6 before a checkpoint, and what is found.
#[tokio::test]
async fn each_way_to_tamper_with_fresh_rows_is_named_with_its_row() {
    let copied = format!("INSERT INTO audit ({COLUMNS}, event_id, mac) SELECT {COLUMNS}");
    for (sql, expected) in [
        ("", vec![]),
        ("DELETE FROM audit WHERE id = 3", vec!["removed 3-3"]),
        ("DELETE FROM audit WHERE id IN (2, 3, 5)", vec!["removed 2-3", "removed 5-5"]),
        ("DELETE FROM audit WHERE id = 6", vec!["removed 6-6"]),
        ("DELETE FROM audit", vec!["removed 1-6"]),
        ("UPDATE audit SET address = '198.51.100.1' WHERE id = 4", vec!["changed 4-4"]),
        ("UPDATE audit SET address = NULL WHERE id = 4", vec!["changed 4-4"]),
        ("UPDATE audit SET result = 'DEPLOY_REVOKED' WHERE id > 4", vec!["changed 5-6"]),
        ("UPDATE audit SET actor = 'somebody' WHERE id = 1", vec!["changed 1-1"]),
        ("UPDATE audit SET project_id = 'prj_b' WHERE id = 1", vec!["changed 1-1"]),
        ("UPDATE audit SET at = at + 1 WHERE id = 2", vec!["changed 2-2"]),
        ("UPDATE audit SET event_id = 'x' WHERE id = 2", vec!["changed 2-2"]),
        ("UPDATE audit SET key_id = 7 WHERE id = 2", vec!["changed 2-2"]),
        ("UPDATE audit SET mac = NULL WHERE id = 2", vec!["added 2-2"]),
        (
            "INSERT INTO audit (project_id, subject, action, result, at) \
             SELECT project_id, subject, 'decrypt', 'ok', at FROM audit WHERE id = 1",
            vec!["added 7-7"],
        ),
        (&format!("{copied}, 'x', mac FROM audit WHERE id = 2"), vec!["changed 7-7"]),
        (
            &format!("DROP INDEX audit_event; {copied}, event_id, mac FROM audit WHERE id = 2"),
            vec!["added 7-7"],
        ),
    ] {
        let (service, _) = service_with_events(5).await;
        tamper(&service, sql);
        let (findings, _) = verify(&service).await;
        assert_eq!(findings, expected, "{sql}");
        assert_eq!(verify(&service).await.0, expected, "found again: {sql}");
    }
}

/// The same under a checkpoint, where the digest is what stands.
#[tokio::test]
async fn each_way_to_tamper_with_rows_under_a_checkpoint_is_named_with_its_row() {
    for (sql, expected) in [
        ("", vec![]),
        ("DELETE FROM audit WHERE id = 3", vec!["removed 3-3"]),
        ("DELETE FROM audit WHERE id > 4", vec!["removed 5-6"]),
        ("UPDATE audit SET address = '198.51.100.1' WHERE id = 4", vec!["changed 4-4"]),
        ("UPDATE audit SET mac = NULL, event_id = NULL WHERE id = 2", vec!["added 2-2"]),
        (
            "UPDATE audit SET id = -id WHERE id IN (2, 3); UPDATE audit SET id = 5 + id WHERE id < 0",
            vec!["changed 1-6"],
        ),
        (
            "UPDATE audit_checkpoints SET digest = 'x' WHERE id = 1",
            vec!["checkpoint-changed 1-1", "changed 1-6"],
        ),
        ("UPDATE audit_checkpoints SET upto = 5 WHERE id = 1", vec!["checkpoint-changed 1-1", "changed 1-5"]),
        ("UPDATE audit_checkpoints SET flaws = '[{}]' WHERE id = 1", vec!["checkpoint-changed 1-1"]),
    ] {
        let (service, _) = service_with_events(5).await;
        assert_eq!(verify(&service).await, (vec![], vec![1]));
        tamper(&service, sql);
        let (mut findings, _) = verify(&service).await;
        // A checkpoint that is made on top of a changed one says so as well.
        findings.dedup();
        assert_eq!(findings[..expected.len().min(findings.len())], expected, "{sql}: {findings:?}");
        assert_eq!(findings.is_empty(), expected.is_empty(), "{sql}: {findings:?}");
    }
}

#[tokio::test]
async fn a_checkpoint_that_is_removed_between_others_is_named() {
    let (service, deployment) = service_with_events(2).await;
    for _ in 0..3 {
        service.decrypt(&deployment).await;
        capy_worker::checkpoint(service.app()).await;
    }
    assert_eq!(verify(&service).await, (vec![], vec![1, 2, 3]));
    tamper(&service, "DELETE FROM audit_checkpoints WHERE id = 2");
    assert_eq!(verify(&service).await.0, ["checkpoint-removed 2-2"]);
}

#[tokio::test]
async fn rows_given_a_number_that_is_taken_are_found_when_the_sequence_is_edited() {
    let (service, deployment) = service_with_events(5).await;
    verify(&service).await;
    tamper(
        &service,
        "DELETE FROM audit WHERE id > 4; UPDATE sqlite_sequence SET seq = 4 WHERE name = 'audit'",
    );
    service.decrypt(&deployment).await;
    service.decrypt(&deployment).await;
    assert_eq!(verify(&service).await.0, ["changed 1-6"], "other rows stand where the checkpoint saw some");
}

#[tokio::test]
async fn thousands_of_events_are_vouched_for_in_stretches_and_a_quiet_service_needs_no_more() {
    let (service, deployment) = service_with_registrations(1200).await;
    assert_eq!(verify(&service).await, (vec![], vec![1, 2, 3]));
    assert_eq!(verify(&service).await, (vec![], vec![1, 2, 3]), "nothing came");
    service.decrypt(&deployment).await;
    tamper(&service, "UPDATE audit SET at = 0 WHERE id = 700");
    assert_eq!(verify(&service).await, (vec!["changed 700-700".to_owned()], vec![1, 2, 3, 4]));
}

#[tokio::test]
async fn a_wrap_root_may_go_when_a_checkpoint_under_the_newest_vouches_for_its_rows() {
    let (service, _) = service_with_events(3).await;
    let (nine, ten) = (format!("9:{}", "22".repeat(32)), format!("10:{}", "33".repeat(32)));
    let both = service.restart_with_roots(&format!("{nine},{ten}"));
    capy_worker::checkpoint(both.app()).await;
    let newest = both.restart_with_roots(&ten);
    assert_eq!(verify(&newest).await, (vec![], vec![1]));
    tamper(&newest, "UPDATE audit SET at = 0 WHERE id = 2");
    assert_eq!(verify(&newest).await.0, ["changed 1-4"], "the old seals cannot name the row any more");

    let (service, _) = service_with_events(3).await;
    let newest = service.restart_with_roots(&ten);
    assert_eq!(verify(&newest).await.0, ["unverifiable 1-4"], "its root went before a checkpoint came");
}

#[tokio::test]
async fn without_new_events_a_newer_root_takes_over_the_trail() {
    let (service, _) = service_with_events(3).await;
    assert_eq!(verify(&service).await, (vec![], vec![1]));
    let (nine, ten) = (format!("9:{}", "22".repeat(32)), format!("10:{}", "33".repeat(32)));
    let both = service.restart_with_roots(&format!("{nine},{ten}"));
    capy_worker::checkpoint(both.app()).await;
    capy_worker::checkpoint(both.app()).await;
    assert_eq!(verify(&both).await, (vec![], vec![1, 2]), "one is enough");
    let newest = both.restart_with_roots(&ten);
    assert_eq!(verify(&newest).await, (vec![], vec![1, 2]));
}

#[tokio::test]
async fn the_trail_is_paged_and_names_actor_result_and_caller() {
    let (service, deployment) = service_with_registrations(201).await;
    service.revoke(&deployment).await;
    service.decrypt(&deployment).await;
    let first = service.call("GET", "/projects/prj_a/audit", Value::Null).await;
    let events = first.json["events"].as_array().unwrap();
    assert_eq!(events.len(), 200);
    assert_eq!(
        events[0],
        json!({
            "id": 204, "at": NOW, "action": "decrypt", "result": "DEPLOY_REVOKED", "subject": deployment.id,
            "actor": null, "address": "192.0.2.7", "country": "IS", "user_agent": "test/1", "detail": null,
        })
    );
    assert_eq!((&events[1]["action"], &events[1]["actor"]), (&json!("revoke"), &json!("bootstrap")));
    let next = format!("/projects/prj_a/audit?cursor={}", first.json["next"].as_str().unwrap());
    let second = service.call("GET", &next, Value::Null).await;
    let ids: Vec<_> = second.json["events"].as_array().unwrap().iter().map(|event| &event["id"]).collect();
    assert_eq!(ids, [4, 3, 2, 1]);
    assert_eq!(second.json["next"], Value::Null);
    let other = service.call("GET", "/projects/prj_b/audit", Value::Null).await;
    assert_eq!(other.json, json!({ "events": [], "next": null }));
    for bad in ["?cursor=x", "?cursor=99999999999999999999", "?from=1", "?cursor=9007199254740992"] {
        let answer = service.call("GET", &format!("/projects/prj_a/audit{bad}"), Value::Null).await;
        assert_eq!(answer.refusal(), (400, "BAD_REQUEST"), "{bad}");
    }
}

#[tokio::test]
async fn no_key_is_released_without_its_event_and_a_refusal_needs_none() {
    let (service, deployment) = service_with_events(0).await;
    tamper(&service, "DROP TABLE audit");
    let answer = service.decrypt(&deployment).await;
    assert_eq!(answer.refusal(), (503, "UNAVAILABLE"));
    assert!(!answer.text.contains(&deployment.service_key()));
    let (service, deployment) = service_with_events(0).await;
    service.revoke(&deployment).await;
    service.inject(Faults { database_writes: true, ..Faults::default() });
    assert_eq!(service.decrypt(&deployment).await.refusal(), (410, "DEPLOY_REVOKED"));
    assert!(service.log().contains("database: injected"), "the operator is told");
}
