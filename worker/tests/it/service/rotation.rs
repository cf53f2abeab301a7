//! Rotating `ENCRYPTION_KEY`: every row comes under the newest key, rows of the existing store among them, and one that was
//! moved or altered is told and left alone.

use serde_json::{Value, json};

use crate::service::projects::{create, values};
use crate::service::support::{KEYS, Service};

/// Rows that another implementation of the same store made.
const EXISTING: &str = include_str!("../../../../protocol/tests/vectors/store_rows.json");

async fn keys(service: &Service) -> Value {
    service.call("GET", "/admin/store/keys", Value::Null).await.json["keys"].take()
}

/// Calls until every row was looked at; how many were sealed again, and what did not open.
async fn rotate(service: &Service) -> (u64, Vec<Value>) {
    let (mut resealed, mut unopened, mut after) = (0, Vec::new(), Value::Null);
    for _ in 0..100 {
        let body = if after.is_null() { json!({}) } else { json!({ "after": after }) };
        let answer = service.call("POST", "/admin/store/rotate", body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        resealed += answer.json["resealed"].as_u64().unwrap();
        unopened.extend(answer.json["unopened"].as_array().unwrap().clone());
        match answer.json.get("next") {
            Some(next) => after = next.clone(),
            None => return (resealed, unopened),
        }
    }
    panic!("it does not end");
}

fn execute(service: &Service, sql: &str) {
    assert!(service.host().database().connection().execute(sql, []).unwrap() > 0, "{sql}");
}

#[tokio::test]
async fn every_row_comes_under_the_newest_key_and_then_the_old_one_may_go() {
    let service = Service::new();
    let secrets: Vec<_> = (0..60)
        .map(|number| json!({ "key": format!("K{number:02}"), "value": format!("v{number}") }))
        .collect();
    create(&service, json!(secrets)).await;
    let before = values(&service, KEYS).await;
    let new = "04".repeat(32);
    let service = service.restart_with_keys(Some(&format!("{new} {KEYS}")));
    let listed = keys(&service).await;
    assert_eq!((&listed[0]["newest"], &listed[0]["rows"]), (&json!(true), &json!(0)));
    assert_eq!(
        (&listed[1]["newest"], &listed[1]["held"], &listed[1]["rows"]),
        (&json!(false), &json!(true), &json!(60))
    );

    let first = service.call("POST", "/admin/store/rotate", json!({})).await.json;
    assert_eq!(first["resealed"], 25);
    let put = json!({ "secrets": [{ "key": "K59", "value": "changed meanwhile" }] });
    assert_eq!(service.call("PUT", crate::service::projects::PROJECT, put).await.status, 200);
    assert_eq!(
        keys(&service).await[0]["rows"].as_u64().unwrap() + keys(&service).await[1]["rows"].as_u64().unwrap(),
        60
    );
    let (_, unopened) = rotate(&service).await;
    assert_eq!(unopened, Vec::<Value>::new());
    assert_eq!(keys(&service).await[0]["rows"], 60);
    assert_eq!(rotate(&service).await, (0, Vec::new()), "done is done");

    let service = service.restart_with_keys(Some(&new));
    assert_eq!(keys(&service).await.as_array().unwrap().len(), 1);
    let mut expected = before;
    expected[59].1 = "changed meanwhile".into();
    assert_eq!(values(&service, &new).await, expected);
    let updated = service.rows("SELECT DISTINCT updated_at || '' FROM secrets");
    assert_eq!(updated.len(), 1, "a rotation is no change of a value");
}

#[tokio::test]
async fn rows_of_the_existing_store_are_read_as_they_are_and_get_their_binding_with_the_next_rotation() {
    let existing: Value = serde_json::from_str(EXISTING).unwrap();
    let key = existing["ENCRYPTION_KEY"].as_str().unwrap();
    let service = Service::new().restart_with_keys(Some(&format!("{KEYS} {key}")));
    create(&service, json!([{ "key": "NEW", "value": "under the first key" }])).await;
    let mut expected = vec![("NEW".to_owned(), "under the first key".to_owned())];
    for (number, row) in existing["rows"].as_array().unwrap().iter().enumerate() {
        let name = format!("OLD{number}");
        let columns = "INSERT INTO secrets (project_id, key, value, created_at, updated_at) VALUES";
        execute(
            &service,
            &format!("{columns} ('prj_a', '{name}', '{}', 1, 1)", row["stored"].as_str().unwrap()),
        );
        expected.push((name, row["value"].as_str().unwrap().to_owned()));
    }
    assert!(expected.len() > 4);
    let both = format!("{KEYS} {key}");
    assert_eq!(values(&service, &both).await, expected);
    let of_existing = expected.len() - 1;
    let none = json!({ "key_id": null, "held": true, "newest": false, "rows": of_existing });
    assert_eq!(keys(&service).await[2], none);
    assert_eq!(rotate(&service).await, (of_existing as u64, Vec::new()));
    let service = service.restart_with_keys(Some(KEYS));
    assert_eq!(values(&service, KEYS).await, expected, "their key is not needed any more");
    execute(&service, "UPDATE secrets SET key_id = NULL WHERE key = 'OLD0'");
    let (resealed, unopened) = rotate(&service).await;
    assert_eq!((resealed, unopened.len()), (0, 1), "a bound row is not read as one that is not");
}

/// What somebody can do who writes to the database and has no key.
#[tokio::test]
async fn a_row_that_was_moved_or_altered_is_told_and_left_alone() {
    let service = Service::new();
    let names = ["ALTERED", "CUT", "FINE", "MOVED", "OTHER", "RELABELLED"];
    let secrets: Vec<_> =
        names.iter().map(|name| json!({ "key": name, "value": format!("canary.{name}.x9") })).collect();
    create(&service, json!(secrets)).await;
    let body =
        json!({ "project_id": "prj_b", "name": "b", "secrets": [{ "key": "FINE", "value": "canary.b.x9" }] });
    assert_eq!(service.call("POST", "/api/project", body).await.status, 201);
    for sql in [
        "UPDATE secrets SET value = substr(value, 1, 70) || CASE substr(value, 71, 1) WHEN '0' THEN '1' ELSE '0' END || substr(value, 72) WHERE key = 'ALTERED'",
        "UPDATE secrets SET value = substr(value, 1, length(value) - 2) WHERE key = 'CUT'",
        "UPDATE secrets SET value = (SELECT value FROM secrets WHERE key = 'OTHER') WHERE key = 'MOVED'",
        "UPDATE secrets SET value = (SELECT value FROM secrets WHERE key = 'FINE' AND project_id = 'prj_a') WHERE project_id = 'prj_b'",
        "UPDATE secrets SET key_id = 7 WHERE key = 'RELABELLED'",
    ] {
        execute(&service, sql);
    }
    let before = service.rows("SELECT value FROM secrets WHERE key NOT IN ('FINE', 'OTHER') OR project_id = 'prj_b' ORDER BY project_id, key");
    let new = "04".repeat(32);
    let service = service.restart_with_keys(Some(&format!("{new} {KEYS}")));
    let (resealed, mut unopened) = rotate(&service).await;
    assert_eq!(resealed, 2);
    unopened.sort_by_key(|row| format!("{}{}", row["project_id"], row["key"]));
    let told: Vec<_> =
        unopened.iter().map(|row| (row["key"].as_str().unwrap(), row["key_missing"] == true)).collect();
    assert_eq!(
        told,
        [("ALTERED", false), ("CUT", false), ("MOVED", false), ("RELABELLED", true), ("FINE", false)]
    );
    let after = service.rows("SELECT value FROM secrets WHERE key NOT IN ('FINE', 'OTHER') OR project_id = 'prj_b' ORDER BY project_id, key");
    assert_eq!(after, before);
    let answer = service.call("POST", "/admin/store/rotate", json!({})).await.text;
    assert!(!answer.contains("canary") && before.iter().all(|row| !answer.contains(row)), "{answer}");
}

#[tokio::test]
async fn only_an_admin_rotates() {
    let service = Service::new();
    let token = crate::service::projects::token(&service, json!(["deploy:prj_a", "build:prj_a"])).await;
    for (method, path, body) in
        [("GET", "/admin/store/keys", Value::Null), ("POST", "/admin/store/rotate", json!({}))]
    {
        for (token, refusal) in [(Some(token.as_str()), (403, "FORBIDDEN")), (None, (401, "UNAUTHORIZED"))] {
            let answer =
                service.send(crate::service::support::request(method, path, token, body.clone())).await;
            assert_eq!(answer.refusal(), refusal, "{path}");
        }
    }
    for body in [json!({ "after": "x" }), json!({ "limit": 5 })] {
        assert_eq!(service.call("POST", "/admin/store/rotate", body).await.refusal(), (400, "BAD_REQUEST"));
    }
}
