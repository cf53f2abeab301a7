//! Expiry, number of uses, addresses; pages; revoking all of a project.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use capy_protocol::blob::Format;
use capy_worker_testing::Faults;
use serde_json::{Value, json};

use crate::service::support::{NOW, Service};

const EXPIRED: (u16, &str) = (410, "DEPLOY_EXPIRED");
const USED_UP: (u16, &str) = (410, "DEPLOY_USED_UP");
const ELSEWHERE: (u16, &str) = (403, "ADDRESS_NOT_ALLOWED");
const REVOKED: (u16, &str) = (410, "DEPLOY_REVOKED");

#[tokio::test]
async fn an_expired_deployment_gets_no_key_from_that_millisecond_on() {
    let service = Service::new();
    let deployment = service.register_with(Format::V1, "project-key", json!({ "expires_in": 60 })).await;
    service.set_time(NOW + 59_999);
    assert_eq!(service.decrypt(&deployment).await.status, 200);
    service.set_time(NOW + 60_000);
    let refused = service.decrypt(&deployment).await;
    assert_eq!(refused.refusal(), EXPIRED);
    assert!(!refused.text.contains(&deployment.service_key()));
    let listed = service.call("GET", "/projects/prj_a/deploys", Value::Null).await;
    assert_eq!(listed.json["deploys"][0]["expires_at"], NOW + 60_000);
    assert_eq!(listed.json["deploys"][0]["uses"], 1);
}

#[tokio::test]
async fn an_expiry_between_lookup_and_release_is_seen_by_the_database() {
    use capy_worker::store::deploys;
    let service = Service::new();
    let deployment = service.register_with(Format::V1, "project-key", json!({ "expires_in": 60 })).await;
    let connection = service.host().database().connection();
    let mut release = connection.prepare(deploys::RELEASE).unwrap();
    let (id, at) = (deployment.id.to_string(), |later: u64| i64::try_from(NOW + later).unwrap());
    let none = Option::<String>::None;
    assert!(!release.exists(rusqlite::params![id, at(60_000), 0, 9, "[]", none, none, ""]).unwrap());
    assert!(release.exists(rusqlite::params![id, at(59_999), 0, 9, "[]", none, none, ""]).unwrap());
}

/// More callers than uses, all at once, each with a lookup and a release of its own.
#[test]
fn uses_are_counted_exactly_however_many_ask_at_once() {
    const USES: usize = 13;
    let one = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    let service = Arc::new(Service::new());
    let terms = json!({ "max_uses": USES });
    let deployment = one().block_on(service.register_with(Format::V1, "project-key", terms));
    let (released, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let answer = one().block_on(service.decrypt(&deployment));
                    match answer.status.as_u16() {
                        200 => released.fetch_add(1, Ordering::SeqCst),
                        _ => {
                            assert_eq!(answer.refusal(), USED_UP);
                            assert!(!answer.text.contains(&deployment.service_key()));
                            refused.fetch_add(1, Ordering::SeqCst)
                        }
                    };
                }
            });
        }
    });
    assert_eq!((released.into_inner(), refused.into_inner()), (USES, 40 - USES));
    let decrypts = service.events().iter().filter(|event| event.starts_with("decrypt ok")).count();
    assert_eq!(decrypts, USES, "one event for each key");
}

#[tokio::test]
async fn only_the_named_addresses_get_a_key() {
    let service = Service::new();
    let cidrs = json!({ "cidrs": ["192.0.2.0/24", "2001:db8::7"] });
    let deployment = service.register_with(Format::V1, "project-key", cidrs).await;
    for (address, allowed) in [
        (Some("192.0.2.200"), true),
        (Some("::ffff:192.0.2.1"), true),
        (Some("2001:db8::7"), true),
        (Some("192.0.3.1"), false),
        (Some("2001:db8::8"), false),
        (Some("192.0.2.1, 10.0.0.1"), false),
        (None, false),
    ] {
        let answer = service.decrypt_from(&deployment, address).await;
        let expected = if allowed { (200, "") } else { ELSEWHERE };
        assert_eq!(answer.refusal(), expected, "{address:?}");
    }
    let listed = service.call("GET", "/projects/prj_a/deploys", Value::Null).await;
    assert_eq!(listed.json["deploys"][0]["cidrs"], json!(["192.0.2.0/24", "2001:db8::7"]));
}

#[tokio::test]
async fn a_deployment_whose_root_is_gone_is_told_apart_from_another_services() {
    let service = Service::new();
    let deployment = service.register(Format::V1, "project-key").await;
    let newer = format!("10:{}", "33".repeat(32));
    let service = service.restart_with_roots(&newer);
    let refused = service.decrypt(&deployment).await;
    assert_eq!(refused.refusal(), (422, "WRAP_ROOT_GONE"), "{}", refused.text);
    service.inject(Faults { database: true, ..Faults::default() });
    assert_eq!(service.decrypt(&deployment).await.refusal(), (503, "UNAVAILABLE"), "who knows");
    service.inject(Faults::default());
    service.revoke(&deployment).await;
    service.inject(Faults { list_lags: true, ..Faults::default() });
    assert_eq!(service.decrypt(&deployment).await.refusal(), REVOKED);
}

#[tokio::test]
async fn all_of_a_project_is_revoked_and_nothing_else() {
    let service = Service::new();
    let mut deployments = Vec::new();
    for _ in 0..43 {
        deployments.push(service.register(Format::V1, "project-key").await);
    }
    service.revoke(&deployments[0]).await;
    let answer = service.call("DELETE", "/projects/prj_b/deploys", Value::Null).await;
    assert_eq!(answer.json, json!({ "revoked": 0, "more": false }));
    let answer = service.call("DELETE", "/projects/prj_a/deploys", Value::Null).await;
    assert_eq!(answer.json, json!({ "revoked": 42, "more": false }));
    assert_eq!(service.host().listed().len(), 41, "as many as one call may write");
    for deployment in &deployments {
        assert_eq!(service.decrypt(deployment).await.refusal(), REVOKED);
    }
    assert_eq!(service.host().listed().len(), 43, "the record mended the rest");
    let revocations = service.actions().iter().filter(|action| *action == "revoke").count();
    assert_eq!(revocations, 43, "an event for each");
    let again = service.call("DELETE", "/projects/prj_a/deploys", Value::Null).await;
    assert_eq!(again.json, json!({ "revoked": 0, "more": false }));
}

#[tokio::test]
async fn more_deployments_than_one_call_revokes_are_revoked_by_the_next() {
    let service = Service::new();
    let deployment = service.register(Format::V1, "project-key").await;
    service
        .host()
        .database()
        .connection()
        .execute_batch(
            "INSERT INTO deploys (deploy_id, project_id, key_id, format, credential, created_at) \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600) \
         SELECT printf('%064x', i), 'prj_a', 9, 1, 'project-key', i / 3 FROM n",
        )
        .unwrap();
    for expected in [json!({ "revoked": 500, "more": true }), json!({ "revoked": 101, "more": false })] {
        let answer = service.call("DELETE", "/projects/prj_a/deploys", Value::Null).await;
        assert_eq!(answer.json, expected);
    }
    assert_eq!(service.decrypt(&deployment).await.refusal(), REVOKED);
}

#[tokio::test]
async fn pages_hold_every_deployment_once_and_newest_first() {
    let service = Service::new();
    service
        .host()
        .database()
        .connection()
        .execute_batch(
            "INSERT INTO deploys (deploy_id, project_id, key_id, format, credential, created_at) \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 450) \
         SELECT printf('%064x', i), 'prj_a', 9, 1, 'project-key', i / 3 FROM n",
        )
        .unwrap();
    let (mut found, mut sizes, mut cursor) = (Vec::new(), Vec::new(), None::<String>);
    loop {
        let query = cursor.map_or(String::new(), |cursor| format!("?cursor={cursor}"));
        let page = service.call("GET", &format!("/projects/prj_a/deploys{query}"), Value::Null).await;
        let deploys = page.json["deploys"].as_array().unwrap();
        sizes.push(deploys.len());
        found.extend(deploys.iter().map(|deploy| {
            (u64::MAX - deploy["created_at"].as_u64().unwrap(), deploy["deploy_id"].to_string())
        }));
        cursor = page.json["next"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [200, 200, 50]);
    assert!(found.is_sorted() && found.windows(2).all(|pair| pair[0] != pair[1]));
    for bad in ["?cursor=x", "?cursor=1-ab", "?limit=5", "?cursor=1&cursor=2"] {
        let answer = service.call("GET", &format!("/projects/prj_a/deploys{bad}"), Value::Null).await;
        assert_eq!(answer.refusal(), (400, "BAD_REQUEST"), "{bad}");
    }
}
