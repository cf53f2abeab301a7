//! A wrap root that is lost: what is given up with it, what is not, and who cannot make use of that.

use capy_protocol::blob::Format;
use capy_worker::audit::SEGMENT_ROWS_MAX;
use capy_worker_testing::Faults;
use serde_json::{Value, json};

use crate::service::audit::{service_with_events, tamper, verify};
use crate::service::support::{Answer, Service, request};

const SEVEN: &str = "7:1111111111111111111111111111111111111111111111111111111111111111";
const NINE: &str = "9:2222222222222222222222222222222222222222222222222222222222222222";
const TWELVE: &str = "12:4444444444444444444444444444444444444444444444444444444444444444";

async fn write_off(service: &Service, key_ids: &[u32]) -> Answer {
    service.call("POST", "/admin/audit/give-up", json!({ "key_ids": key_ids })).await
}

/// Rows 1 to 4 under root 9, which is lost, and 5 and 6 under root 12.
async fn service_without_its_root() -> Service {
    let (service, _) = service_with_events(3).await;
    let service = service.restart_with_roots(TWELVE);
    for _ in 0..2 {
        service.register(Format::V1, "project-key").await;
    }
    capy_worker::checkpoint(service.app()).await;
    assert!(service.log().contains("it needs wrap root 9, which is not held"), "{}", service.log());
    service
}

#[tokio::test]
async fn without_a_lost_root_sealing_goes_on_and_the_loss_is_told_for_ever() {
    let service = service_without_its_root().await;
    let dry = json!({ "key_ids": [9], "dry_run": true });
    let told = service.call("POST", "/admin/audit/give-up", dry).await;
    let finding = json!({ "flaw": "given-up", "first": 1, "last": 4, "key_id": 9 });
    assert_eq!(told.json, json!({ "events": 4, "findings": [finding], "checkpoint": null }));
    assert_eq!(verify(&service).await, (vec!["unverifiable 1-4".to_owned()], vec![]), "nothing is done yet");

    let done = write_off(&service, &[9]).await;
    assert_eq!(
        (&done.json["events"], &done.json["findings"]),
        (&json!(4), &json!([finding])),
        "{}",
        done.text
    );
    assert_eq!((&done.json["checkpoint"]["id"], &done.json["checkpoint"]["key_id"]), (&json!(1), &json!(12)));
    let events = service.call("GET", "/admin/audit", Value::Null).await;
    let event = &events.json["events"][0];
    let said = ["action", "subject", "actor", "detail"].map(|name| event[name].as_str().unwrap());
    assert_eq!(said, ["give-up-root", "9", "bootstrap", "4 events lose their proof"]);

    for count in 2..4 {
        service.register(Format::V1, "project-key").await;
        capy_worker::checkpoint(service.app()).await;
        let (findings, checkpoints) = verify(&service).await;
        assert!(checkpoints.len() > count, "{checkpoints:?}");
        assert_eq!(findings, vec!["given-up 1-4"; checkpoints.len()], "by every checkpoint");
    }
    let roots = service.call("GET", "/admin/wrap-roots", Value::Null).await;
    assert!(roots.json["roots"].as_array().unwrap().iter().all(|root| root["trail"] != 4), "{}", roots.text);
}

#[tokio::test]
async fn what_is_written_down_does_not_depend_on_the_order_that_was_asked_in() {
    let (service, _) = service_with_events(3).await;
    let service = service.restart_with_roots(SEVEN);
    service.register(Format::V1, "project-key").await;
    let service = service.restart_with_roots(TWELVE);
    let done = write_off(&service, &[9, 7]).await;
    let roots: Vec<_> =
        done.json["findings"].as_array().unwrap().iter().map(|found| &found["key_id"]).collect();
    assert_eq!(roots, [7, 9], "{}", done.text);
    let events = service.call("GET", "/admin/audit", Value::Null).await;
    assert_eq!(events.json["events"][0]["subject"], "7,9");
}

/// Rows: what is done by hand after the give-up, and what is found.
#[tokio::test]
async fn what_was_given_up_cannot_be_changed_any_more() {
    for (sql, expected) in [
        ("UPDATE audit SET address = '198.51.100.1' WHERE id = 2", "changed 1-6"),
        ("DELETE FROM audit WHERE id = 3", "removed 3-3"),
        ("UPDATE audit SET key_id = 9, address = NULL WHERE id = 5", "changed 1-6"),
        ("UPDATE audit_checkpoints SET flaws = '[]' WHERE id = 1", "checkpoint-changed 1-1"),
        (
            "UPDATE audit_checkpoints SET flaws = replace(flaws, '4', '6') WHERE id = 1",
            "checkpoint-changed 1-1",
        ),
        (
            "UPDATE audit_checkpoints SET flaws = '[]' WHERE id = (SELECT max(id) FROM audit_checkpoints)",
            "checkpoint-changed 2-2",
        ),
    ] {
        let service = service_without_its_root().await;
        assert_eq!(write_off(&service, &[9]).await.status, 200);
        assert_eq!(verify(&service).await, (vec!["given-up 1-4".to_owned(); 2], vec![1, 2]));
        tamper(&service, sql);
        let (findings, _) = verify(&service).await;
        assert!(findings.contains(&expected.to_owned()), "{sql}: {findings:?}");
    }
}

/// Rows: what is done by hand before the give-up, and what the checkpoint says of it: a row of a root that is held, one
/// without a seal, or one that is gone is not excused.
#[tokio::test]
async fn giving_up_a_root_excuses_no_other_row() {
    for (sql, expected) in [
        ("UPDATE audit SET address = '198.51.100.1' WHERE id = 5", vec!["given-up 1-4", "changed 5-5"]),
        ("UPDATE audit SET mac = NULL WHERE id = 2", vec!["given-up 1-4", "added 2-2"]),
        ("DELETE FROM audit WHERE id = 3", vec!["given-up 1-4", "removed 3-3"]),
        // Never whole: that is all that who writes to the database gets.
        ("UPDATE audit SET key_id = 9, address = '198.51.100.1' WHERE id = 5", vec!["given-up 1-5"]),
    ] {
        let service = service_without_its_root().await;
        tamper(&service, sql);
        assert_eq!(write_off(&service, &[9]).await.status, 200, "{sql}");
        let answer = service.call("GET", "/admin/audit/verify?from=1", Value::Null).await;
        let short = |finding: &Value| {
            format!("{} {}-{}", finding["flaw"].as_str().unwrap(), finding["first"], finding["last"])
        };
        let found: Vec<_> = answer.json["findings"].as_array().unwrap().iter().map(short).collect();
        assert_eq!(found, expected, "{sql}");
    }
}

const FORGED: &str = "INSERT INTO audit (project_id, subject, action, result, at, event_id, key_id, mac) \
    VALUES ('prj_a', 'x', 'decrypt', 'ok', 1, 'forged', 9, 'x')";

#[tokio::test]
async fn giving_up_a_root_is_no_leave_for_rows_to_come() {
    let service = service_without_its_root().await;
    assert_eq!(write_off(&service, &[9]).await.status, 200);
    tamper(&service, FORGED);
    capy_worker::checkpoint(service.app()).await;
    assert!(service.log().ends_with("it needs wrap root 9, which is not held\"}"), "{}", service.log());
    let (findings, _) = verify(&service).await;
    assert!(findings.contains(&"unverifiable 8-8".to_owned()), "{findings:?}");
    let again = write_off(&service, &[9]).await;
    assert_eq!((again.status.as_u16(), &again.json["events"]), (200, &json!(1)), "{}", again.text);
    assert_eq!(again.json["findings"][0]["first"], 8);
    assert_eq!(service.actions().iter().filter(|action| *action == "give-up-root").count(), 2);
}

#[tokio::test]
async fn a_lost_last_checkpoint_costs_the_proof_of_what_came_after_the_last_one_that_is_proved() {
    let service = Service::new().restart_with_roots(SEVEN);
    service.register(Format::V1, "project-key").await;
    capy_worker::checkpoint(service.app()).await;
    let service = service.restart_with_roots(&format!("{SEVEN},{NINE}"));
    for _ in 0..2 {
        service.register(Format::V1, "project-key").await;
        capy_worker::checkpoint(service.app()).await;
    }
    let service = service.restart_with_roots(&format!("{SEVEN},{TWELVE}"));
    assert_eq!(verify(&service).await.0, ["checkpoint-unverifiable 3-3"]);
    let done = write_off(&service, &[9]).await;
    let expected = json!([
        { "flaw": "checkpoint-given-up", "first": 2, "last": 3, "key_id": 9 },
        { "flaw": "given-up", "first": 2, "last": 3, "key_id": 9 },
    ]);
    assert_eq!((&done.json["events"], &done.json["findings"]), (&json!(2), &expected), "{}", done.text);
    let (findings, checkpoints) = verify(&service).await;
    assert_eq!(findings, ["checkpoint-given-up 2-3", "given-up 2-3"].repeat(checkpoints.len() - 3));
    tamper(&service, "UPDATE audit SET address = NULL WHERE id = 3");
    assert!(verify(&service).await.0.contains(&"changed 3-3".to_owned()), "from here on it is proved");
}

#[tokio::test]
async fn more_than_a_checkpoint_takes_in_is_given_up_with_one_event() {
    let (service, _) = service_with_events(0).await;
    let many = format!(
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {}) \
        INSERT INTO audit (project_id, subject, action, result, at, event_id, key_id, mac) \
        SELECT 'p', 'd', 'x', 'ok', x, x, 9, 'x' FROM n",
        3 * SEGMENT_ROWS_MAX
    );
    tamper(&service, &many);
    let service = service.restart_with_roots(TWELVE);
    let done = write_off(&service, &[9]).await;
    assert_eq!(done.json["events"], 3 * SEGMENT_ROWS_MAX + 1, "{}", done.text);
    let (findings, checkpoints) = verify(&service).await;
    assert_eq!((findings.len(), checkpoints), (4, vec![1, 2, 3, 4]));
    assert!(
        findings.iter().all(|found| *found == format!("given-up 1-{}", 3 * SEGMENT_ROWS_MAX + 1)),
        "{findings:?}"
    );
    assert_eq!(service.actions().iter().filter(|action| *action == "give-up-root").count(), 1);
}

#[tokio::test]
async fn a_root_that_is_held_or_not_needed_is_not_given_up() {
    let service = service_without_its_root().await;
    for (key_ids, why) in
        [(&[12][..], "holds"), (&[9, 12], "holds"), (&[5], "no event"), (&[5, 9], "no event")]
    {
        let refused = write_off(&service, key_ids).await;
        assert_eq!(refused.refusal(), (409, "NOT_GIVEN_UP"), "{key_ids:?}");
        assert!(refused.text.contains(why), "{key_ids:?}: {}", refused.text);
    }
    tamper(&service, &FORGED.replace("9, 'x'", "13, 'x'"));
    let refused = write_off(&service, &[9]).await;
    assert!(refused.text.contains("wrap root 13 is gone, too"), "{}", refused.text);
    assert_eq!(refused.refusal(), (409, "NOT_GIVEN_UP"));
    for body in [json!({ "key_ids": [] }), json!({ "key_ids": [9, 9] }), json!({ "key_ids": [9], "yes": 1 })]
    {
        let malformed = service.call("POST", "/admin/audit/give-up", body).await;
        assert_eq!(malformed.refusal(), (400, "BAD_REQUEST"));
    }
    let made = service.call("POST", "/tokens", json!({ "scopes": ["deploy:prj_a"] })).await;
    let token = made.json["token"].as_str().unwrap();
    let body = json!({ "key_ids": [9] });
    let refused = service.send(request("POST", "/admin/audit/give-up", Some(token), body)).await;
    assert_eq!(refused.refusal(), (403, "FORBIDDEN"));
    assert!(!service.actions().contains(&"give-up-root".to_owned()));
    let both = write_off(&service, &[9, 13]).await;
    assert_eq!((both.status.as_u16(), &both.json["events"]), (200, &json!(5)), "{}", both.text);
    assert_eq!(write_off(&service, &[9]).await.refusal(), (409, "NOT_GIVEN_UP"), "it is done");
}

#[tokio::test]
async fn a_row_of_another_lost_root_among_those_that_are_given_up_is_not_given_up_with_them() {
    let service = service_without_its_root().await;
    tamper(&service, "UPDATE audit SET key_id = 13 WHERE id = 2");
    let refused = write_off(&service, &[9]).await;
    assert!(refused.text.contains("wrap root 13 is gone, too"), "{}", refused.text);
    assert_eq!(verify(&service).await.1, Vec::<u64>::new());
}

#[tokio::test]
async fn a_changed_checkpoint_is_not_given_up_with_a_root() {
    let service = service_without_its_root().await;
    assert_eq!(write_off(&service, &[9]).await.status, 200);
    tamper(&service, &format!("UPDATE audit_checkpoints SET at = 0 WHERE id > 0; {FORGED}"));
    let refused = write_off(&service, &[9]).await;
    assert_eq!(refused.refusal(), (409, "NOT_GIVEN_UP"));
    assert!(refused.text.contains("was changed"), "{}", refused.text);
}

#[tokio::test]
async fn a_root_is_given_up_with_its_event_and_checkpoint_or_not_at_all() {
    let service = service_without_its_root().await;
    service.inject(Faults { database_writes: true, ..Faults::default() });
    assert_eq!(write_off(&service, &[9]).await.refusal(), (503, "UNAVAILABLE"));
    service.inject(Faults::default());
    assert!(!service.actions().contains(&"give-up-root".to_owned()));
    tamper(
        &service,
        "CREATE TRIGGER t BEFORE INSERT ON audit_checkpoints BEGIN SELECT RAISE(ABORT, 'no'); END",
    );
    assert_eq!(write_off(&service, &[9]).await.refusal(), (503, "UNAVAILABLE"));
    assert!(!service.actions().contains(&"give-up-root".to_owned()));
}
