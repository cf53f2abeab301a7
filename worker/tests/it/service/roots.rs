//! Rotating the wrap root, end to end: new deployments use the newest, old ones keep opening, and the operator sees
//! when the old one may go.

use capy_protocol::blob::Format;
use serde_json::{Value, json};

use crate::service::support::{NOW, Service, request};

async fn roots(service: &Service) -> Value {
    service.call("GET", "/admin/wrap-roots", Value::Null).await.json["roots"].take()
}

#[tokio::test]
async fn a_wrap_root_is_rotated_without_a_gap_and_its_last_deployments_are_counted() {
    let (nine, ten) = (format!("9:{}", "22".repeat(32)), format!("10:{}", "33".repeat(32)));
    let service = Service::new().restart_with_roots(&nine);
    let old = service.register(Format::V1, "project-key").await;
    let expiring = service.register_with(Format::V1, "project-key", json!({ "expires_in": 60 })).await;
    let once = service.register_with(Format::V1, "project-key", json!({ "max_uses": 1 })).await;
    assert_eq!(
        roots(&service).await,
        json!([{ "key_id": 9, "held": true, "newest": true, "live": 3, "trail": 1, "rows": 0 }])
    );

    let service = service.restart_with_roots(&format!("{nine},{ten}"));
    let new = service.register(Format::V1, "project-key").await;
    for deployment in [&old, &expiring, &once, &new] {
        assert_eq!(service.decrypt(deployment).await.status, 200);
    }
    service.set_time(NOW + 60_000);
    let expected = |live: u64| {
        json!([
            { "key_id": 9, "held": true, "newest": false, "live": live, "trail": 0, "rows": 0 },
            { "key_id": 10, "held": true, "newest": true, "live": 1, "trail": 1, "rows": 0 },
        ])
    };
    assert_eq!(roots(&service).await, expected(1), "one expired, one is used up");

    let early = service.restart_with_roots(&ten);
    assert_eq!(early.decrypt(&old).await.refusal(), (422, "WRAP_ROOT_GONE"));
    assert_eq!(early.decrypt(&new).await.status, 200);
    assert_eq!(
        roots(&early).await,
        json!([
            { "key_id": 10, "held": true, "newest": true, "live": 1, "trail": 1, "rows": 0 },
            { "key_id": 9, "held": false, "newest": false, "live": 1, "trail": 0, "rows": 0 },
        ]),
        "the live one whose root is gone is told"
    );

    let back = early.restart_with_roots(&format!("{nine},{ten}"));
    assert_eq!(back.decrypt(&old).await.status, 200, "nothing is lost");
    back.revoke(&old).await;
    assert_eq!(roots(&back).await, expected(0));
    let newest = back.restart_with_roots(&ten);
    assert_eq!(
        roots(&newest).await,
        json!([{ "key_id": 10, "held": true, "newest": true, "live": 1, "trail": 1, "rows": 0 }])
    );
    let verified = newest.call("GET", "/admin/audit/verify", Value::Null).await;
    assert_eq!(verified.json["findings"], json!([]), "the trail stands without the old root");
}

#[tokio::test]
async fn only_an_admin_sees_the_roots_and_verifies_the_trail() {
    let service = Service::new();
    let body = json!({ "label": "ci", "scopes": ["deploy:prj_a"] });
    let made = service.call("POST", "/tokens", body).await;
    let token = made.json["token"].as_str().unwrap_or_else(|| panic!("{}", made.text)).to_owned();
    for path in ["/admin/wrap-roots", "/admin/audit/verify"] {
        let answer = service.send(request("GET", path, Some(&token), Value::Null)).await;
        assert_eq!(answer.refusal(), (403, "FORBIDDEN"), "{path}");
        let answer = service.send(request("GET", path, None, Value::Null)).await;
        assert_eq!(answer.refusal(), (401, "UNAUTHORIZED"), "{path}");
    }
    for (method, path, status) in [
        ("GET", "/projects/prj_a/audit", 200),
        ("GET", "/projects/prj_b/audit", 403),
        ("DELETE", "/projects/prj_a/deploys", 200),
        ("DELETE", "/projects/prj_b/deploys", 403),
    ] {
        let answer = service.send(request(method, path, Some(&token), Value::Null)).await;
        assert_eq!(answer.status, status, "{method} {path}");
    }
}
