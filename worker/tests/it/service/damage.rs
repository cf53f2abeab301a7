//! Rows of the audit trail that cannot be read: each is a finding, and the sealing goes on.

use capy_protocol::blob::Format;
use capy_worker_testing::Faults;
use serde_json::{Value, json};

use crate::service::audit::{service_with_events, tamper, verify};
use crate::service::support::{NOW, Service};

/// Lets every column hold anything, as somebody can who writes to the database.
const ANYTHING: &str = "PRAGMA writable_schema = ON; \
    UPDATE sqlite_schema SET sql = replace(replace(sql, ') STRICT', ')'), 'NOT NULL', '') \
    WHERE name IN ('audit', 'audit_checkpoints', 'sealing'); PRAGMA writable_schema = RESET;";

async fn health(service: &Service) -> Value {
    let answer = service.call("GET", "/health", Value::Null).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json
}

/// Whether the last event is under a checkpoint, once one more came and the sealing ran.
async fn goes_on(service: &Service) -> bool {
    service.register(Format::V1, "project-key").await;
    capy_worker::checkpoint(service.app()).await;
    let last = "SELECT CAST((SELECT max(id) FROM audit WHERE id < 1000) <= (SELECT upto FROM audit_checkpoints \
        ORDER BY id DESC LIMIT 1) AS TEXT)";
    service.rows(last) == ["1"]
}

/// Rows: what is done to row 3 of 6, before and after a checkpoint took it in.
#[tokio::test]
async fn a_row_that_cannot_be_read_is_found_and_the_sealing_goes_on() {
    for change in [
        "at = -5",
        "at = 'soon'",
        "at = NULL",
        "at = 1.5",
        "key_id = -1",
        "key_id = 4294967296",
        "key_id = 'nine'",
        "event_id = x'07'",
        "event_id = x'00ff'",
        "mac = x'01'",
        "project_id = NULL",
        "subject = x'ff'",
        "action = NULL",
        "result = x'00'",
        "detail = x'03'",
    ] {
        for under_a_checkpoint in [false, true] {
            let (service, _) = service_with_events(5).await;
            if under_a_checkpoint {
                assert_eq!(verify(&service).await, (vec![], vec![1]));
            }
            tamper(&service, &format!("{ANYTHING} UPDATE audit SET {change} WHERE id = 3"));
            assert_eq!(verify(&service).await.0, ["unreadable 3-3"], "{change} {under_a_checkpoint}");
            assert!(goes_on(&service).await, "{change}: {}", service.log());
            assert_eq!(health(&service).await["sealing"]["state"], "ok");
            assert_eq!(verify(&service).await, (vec!["unreadable 3-3".to_owned()], vec![1, 2]), "{change}");
            tamper(&service, "DELETE FROM audit WHERE id = 5");
            assert!(verify(&service).await.0.contains(&"removed 5-5".to_owned()), "{change}");
        }
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_shown_as_one() {
    let (service, _) = service_with_events(2).await;
    tamper(&service, &format!("{ANYTHING} UPDATE audit SET at = -5, detail = 1 WHERE id = 2"));
    let answer = service.call("GET", "/projects/prj_a/audit", Value::Null).await;
    let event = &answer.json["events"][1];
    assert_eq!(
        (&event["id"], &event["action"], &event["at"], &event["address"]),
        (&json!(2), &json!("unreadable"), &json!(0), &json!("192.0.2.7")),
        "{}",
        answer.text
    );
    assert_eq!(answer.json["events"].as_array().unwrap().len(), 3);
}

/// Rows: what is done to the last of two checkpoints.
#[tokio::test]
async fn a_last_checkpoint_that_was_changed_is_named_by_the_next_one_and_hides_no_row() {
    for change in [
        "at = -5",
        "at = 5",
        "upto = NULL",
        "upto = 1000000",
        "upto = 2",
        "digest = 7",
        "flaws = NULL",
        "previous = x'00'",
        "mac = 'x'",
        "count = -1",
        "key_id = -1",
    ] {
        let (service, deployment) = service_with_events(3).await;
        verify(&service).await;
        service.decrypt(&deployment).await;
        assert_eq!(verify(&service).await, (vec![], vec![1, 2]));
        service.decrypt(&deployment).await;
        tamper(&service, &format!("{ANYTHING} UPDATE audit_checkpoints SET {change} WHERE id = 2"));
        assert!(goes_on(&service).await, "{change}: {}", service.log());
        let (findings, checkpoints) = verify(&service).await;
        assert_eq!(checkpoints, [1, 2, 3], "{change}: {findings:?}");
        assert!(findings.contains(&"checkpoint-changed 2-2".to_owned()), "{change}: {findings:?}");
        let flaws = service.rows("SELECT flaws FROM audit_checkpoints WHERE id = 3").remove(0);
        assert_eq!(flaws, r#"[{"flaw":"checkpoint-changed","first":2,"last":2}]"#, "{change}");
        // Rows that the changed one had taken in are under the next one.
        tamper(&service, "UPDATE audit SET address = '198.51.100.1' WHERE id = 5");
        let later = service.call("GET", "/admin/audit/verify?from=3", Value::Null).await;
        assert!(later.text.contains(r#"{"flaw":"changed","first":5,"last":5}"#), "{change}: {}", later.text);
    }
}

#[tokio::test]
async fn a_checkpoint_that_is_put_back_after_the_next_one_named_it_is_found_as_well() {
    let (service, deployment) = service_with_events(3).await;
    verify(&service).await;
    tamper(&service, &format!("{ANYTHING} UPDATE audit_checkpoints SET at = at + 1 WHERE id = 1"));
    service.decrypt(&deployment).await;
    verify(&service).await;
    tamper(&service, "UPDATE audit_checkpoints SET at = at - 1 WHERE id = 1");
    assert!(verify(&service).await.0.contains(&"checkpoint-changed 1-1".to_owned()));
}

#[tokio::test]
async fn numbers_that_the_service_gives_to_nothing_are_found() {
    for (sql, expected) in [
        ("UPDATE audit SET id = -3 WHERE id = 3", vec!["removed 3-3", "added 0-0"]),
        ("UPDATE audit SET id = 0 WHERE id = 3", vec!["removed 3-3", "added 0-0"]),
        (
            "UPDATE audit SET id = 9007199254740992 WHERE id = 3",
            vec!["removed 3-3", "added 9007199254740991-9007199254740991"],
        ),
        (
            "INSERT INTO audit_checkpoints SELECT -1, upto, count, digest, flaws, key_id, mac, at, previous \
            FROM audit_checkpoints WHERE id = 0",
            vec!["checkpoint-changed 9007199254740991-9007199254740991"],
        ),
    ] {
        let (service, _) = service_with_events(5).await;
        tamper(&service, sql);
        let mut expected: Vec<_> = expected.into_iter().map(str::to_owned).collect();
        let mut findings = verify(&service).await.0;
        findings.sort();
        expected.sort();
        assert_eq!(findings, expected, "{sql}");
        let listed = service.call("GET", "/projects/prj_a/audit", Value::Null).await;
        assert_eq!(listed.status, 200, "{}", listed.text);
    }
}

/// SQLite's own counter would go on from there, where D1 gives no number exactly, and end at its last one.
#[tokio::test]
async fn events_go_on_from_the_last_number_that_the_service_gave() {
    for number in ["9007199254740993", "9223372036854775807"] {
        for sql in [
            format!("UPDATE audit SET id = {number} WHERE id = 3"),
            format!("UPDATE sqlite_sequence SET seq = {number} WHERE name = 'audit'"),
        ] {
            let (service, deployment) = service_with_events(5).await;
            tamper(&service, &sql);
            assert!(goes_on(&service).await, "{sql}: {}", service.log());
            assert_eq!(service.revoke(&deployment).await.status, 200);
            let all = service.call("DELETE", "/projects/prj_a/deploys", Value::Null).await;
            assert_eq!(all.json["revoked"], 1, "{}", all.text);
            let numbers = service.rows("SELECT group_concat(id) FROM audit WHERE id BETWEEN 6 AND 99");
            assert_eq!(numbers, ["6,7,8,9"], "{sql}");
            let (findings, _) = verify(&service).await;
            assert!(
                findings.contains(&"added 9007199254740991-9007199254740991".to_owned()),
                "{sql}: {findings:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_made_up_checkpoint_far_away_costs_no_call_for_each_number_in_between() {
    let (service, _) = service_with_events(3).await;
    verify(&service).await;
    let far = "INSERT INTO audit_checkpoints SELECT 1000000, upto, count, digest, flaws, key_id, mac, at, previous \
        FROM audit_checkpoints WHERE id = 1";
    tamper(&service, far);
    assert!(goes_on(&service).await, "{}", service.log());
    let (findings, checkpoints) = verify(&service).await;
    assert_eq!(checkpoints, [1, 1_000_000, 1_000_001]);
    assert!(findings.contains(&"checkpoint-removed 2-999999".to_owned()), "{findings:?}");
}

/// Whatever ends the sealing.
#[tokio::test]
async fn health_and_log_say_since_when_and_why_nothing_is_sealed() {
    let (service, _) = service_with_events(3).await;
    let sound = json!({ "state": "ok", "since": null, "reason": null });
    capy_worker::checkpoint(service.app()).await;
    assert_eq!(health(&service).await["sealing"], sound);
    assert_eq!(health(&service).await["status"], "ok");

    let service = service.restart_with_roots(&format!("12:{}", "44".repeat(32)));
    service.register(Format::V1, "project-key").await;
    for pause in [0, 300_000, 300_000] {
        service.advance(pause);
        capy_worker::checkpoint(service.app()).await;
        let told = health(&service).await;
        assert_eq!((&told["status"], &told["sealing"]["state"]), (&json!("degraded"), &json!("stopped")));
        assert_eq!(told["sealing"]["since"], NOW, "the first time stays");
        assert!(told["sealing"]["reason"].as_str().unwrap().contains("needs wrap root 9"), "{told}");
    }
    assert!(service.log().contains(&format!("has stopped since {NOW}: ")), "{}", service.log());
    let service = service.restart_with_roots(&format!("9:{},12:{}", "22".repeat(32), "44".repeat(32)));
    capy_worker::checkpoint(service.app()).await;
    assert_eq!(health(&service).await["sealing"], sound, "and it goes on");

    service.advance(20 * 60_000);
    assert_eq!(health(&service).await["sealing"], sound);
    service.advance(1);
    let late = health(&service).await["sealing"].take();
    assert_eq!((&late["state"], &late["since"]), (&json!("stopped"), &json!(NOW + 600_000)), "{late}");
    service.inject(Faults { database_writes: true, ..Faults::default() });
    capy_worker::checkpoint(service.app()).await;
    assert!(service.log().ends_with(r#"database: injected"}"#), "{}", service.log());
}

/// A generator that always gives the same numbers: xorshift64*, Vigna 2016.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33).unwrap() % end
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}

/// Any value in any column of every table that the trail uses: it is found, or what is read is what was there, no answer is
/// a 5xx, and the sealing goes on or says why it does not.
#[tokio::test]
async fn whatever_stands_in_any_column_is_found_and_ends_nothing() {
    const OF_AUDIT: [&str; 15] = [
        "id",
        "project_id",
        "subject",
        "action",
        "result",
        "at",
        "address",
        "country",
        "user_agent",
        "actor",
        "event_id",
        "key_id",
        "mac",
        "detail",
        "at",
    ];
    const OF_CHECKPOINTS: [&str; 9] =
        ["id", "upto", "count", "digest", "flaws", "key_id", "mac", "at", "previous"];
    const VALUES: [&str; 20] = [
        "NULL",
        "-5",
        "0",
        "1",
        "2",
        "7",
        "9",
        "4294967295",
        "4294967296",
        "9007199254740992",
        "9223372036854775807",
        "-9223372036854775808",
        "1.5",
        "''",
        "'x'",
        "'[]'",
        "'[{\"flaw\":1}]'",
        "CAST(x'ff80' AS TEXT)",
        "x'00ff'",
        "'é🦫'",
    ];
    let mut draw = Draw(13);
    let mut found = 0;
    for round in 0..300 {
        let (service, deployment) = service_with_events(4).await;
        let checkpoints = draw.below(3);
        for _ in 0..checkpoints {
            capy_worker::checkpoint(service.app()).await;
            service.decrypt(&deployment).await;
        }
        let of_rows = checkpoints == 0 || draw.below(3) > 0;
        let (table, column, row) = match of_rows {
            true => ("audit", draw.of(&OF_AUDIT), 1 + draw.below(5)),
            false => ("audit_checkpoints", draw.of(&OF_CHECKPOINTS), 1 + draw.below(checkpoints)),
        };
        let value = draw.of(&VALUES);
        let kept = format!("SELECT group_concat(typeof({column}) || hex({column})) FROM {table}");
        let before = service.rows(&kept);
        let what = format!("{round}: {table}.{column} = {value} in {row}, {checkpoints} checkpoints");
        tamper(&service, ANYTHING);
        // A row's number is always one: SQLite takes nothing else.
        let change = format!("UPDATE OR IGNORE {table} SET {column} = {value} WHERE id = {row}");
        let _ = service.host().database().connection().execute(&change, []);
        let is_changed = service.rows(&kept) != before;

        let sealed = goes_on(&service).await;
        let told = health(&service).await;
        if !sealed {
            // A root that nobody has may be one that is lost, and one that proves nothing may be another one.
            let reason = told["sealing"]["reason"].as_str().unwrap_or_default();
            let is_due = column == "key_id"
                && (reason.contains("is not held") || reason.contains("nothing verifies under"));
            assert!(is_due && told["sealing"]["state"] == "stopped", "{what}: {told} {}", service.log());
        }
        let (findings, _) = verify(&service).await;
        assert!(!is_changed || !findings.is_empty(), "{what}");
        assert!(is_changed || findings.is_empty(), "{what}: {findings:?}");
        found += usize::from(is_changed);
        for path in
            ["/projects/prj_a/audit", "/admin/audit", "/admin/wrap-roots", "/admin/audit/verify?from=2"]
        {
            let answer = service.call("GET", path, Value::Null).await;
            assert_eq!(answer.status, 200, "{what}: {path}: {}", answer.text);
        }
    }
    assert!(found > 200, "{found}");
}
