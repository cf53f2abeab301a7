//! Registering, revoking and listing; and that the store holds no key material after all of it.

use crate::service::support::{NOW, Service, TOKEN, request};
use capy_protocol::blob::Format;
use capy_worker_testing::Faults;
use serde_json::{Value, json};

fn registration(inner: &str) -> Value {
    json!({ "deploy_id": "ab".repeat(32), "project_id": "prj_a", "inner_blob": inner })
}

fn inner() -> String {
    capy_protocol::text::serialize_base64(&[7; 60])
}

#[tokio::test]
async fn an_id_is_registered_once() {
    let service = Service::new();
    assert_eq!(service.call("POST", "/deploy", registration(&inner())).await.status, 201);
    let again = service.call("POST", "/deploy", registration(&inner())).await;
    assert_eq!(again.refusal(), (409, "DEPLOY_EXISTS"));
    assert!(again.json.get("outer_blob").is_none());
    assert_eq!(service.events().len(), 1);
}

#[tokio::test]
async fn a_wrap_is_made_under_the_newest_root() {
    let service = Service::new();
    let deployment = service.register(Format::V1, "project-key").await;
    let outer = capy_protocol::text::parse_base64(&deployment.outer).unwrap();
    assert_eq!(outer[..5], [1, 0, 0, 0, 9]);
}

#[tokio::test]
async fn an_invalid_registration_is_refused_and_leaves_nothing() {
    let service = Service::new();
    let with = |name: &str, value: Value| {
        let mut body = registration(&inner());
        body[name] = value;
        body
    };
    for body in [
        with("format", json!(2)),
        with("format", json!(-1)),
        with("format", json!("1")),
        with("credential", json!("both")),
        with("label", json!("x".repeat(201))),
        with("platform", json!("Not An Id")),
        with("inner_blob", json!("AA==")),
        with("inner_blob", json!("not base64")),
        with("deploy_id", json!("ab")),
        with("deploy_id", json!("AB".repeat(32))),
        with("project_id", json!("a/b")),
        with("max_uses", json!(0)),
        with("max_uses", json!(1.5)),
        with("expires_in", json!(0)),
        with("expires_at", json!(1)),
        with("cidrs", json!(["10.0.0.1/8"])),
        with("cidrs", json!("10.0.0.0/8")),
        with("cidrs", json!(vec!["10.0.0.0/8"; 33])),
        with("created_by", json!("me")),
        json!({ "deploy_id": "ab".repeat(32) }),
        json!([]),
        json!("text"),
    ] {
        let answer = service.call("POST", "/deploy", body.clone()).await;
        assert_eq!(answer.refusal(), (400, "BAD_REQUEST"), "{body}");
    }
    assert!(service.events().is_empty());
}

#[tokio::test]
async fn a_database_that_is_down_registers_and_revokes_nothing() {
    let service = Service::new();
    let deployment = service.register(Format::V1, "project-key").await;
    for faults in [
        Faults { database: true, ..Faults::default() },
        Faults { database_writes: true, ..Faults::default() },
    ] {
        service.inject(faults);
        let unavailable = (503, "UNAVAILABLE");
        assert_eq!(service.call("POST", "/deploy", registration(&inner())).await.refusal(), unavailable);
        assert_eq!(service.revoke(&deployment).await.refusal(), unavailable);
        assert!(service.host().listed().is_empty(), "the list may not claim what the database does not know");
        assert!(service.log().contains("database: injected"));
    }
    service.inject(Faults::default());
    assert_eq!(service.decrypt(&deployment).await.status, 200);
}

#[tokio::test]
async fn revoking_twice_tells_the_first_time_and_is_one_event() {
    let service = Service::new();
    let deployment = service.register(Format::V1, "project-key").await;
    for _ in 0..2 {
        let answer = service.revoke(&deployment).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json, json!({ "deploy_id": deployment.id, "revoked_at": NOW }));
    }
    assert_eq!(service.actions(), ["register", "revoke"]);
    let unknown = format!("/deploy/{}", "cd".repeat(32));
    assert_eq!(service.call("DELETE", &unknown, Value::Null).await.refusal(), (404, "DEPLOY_UNKNOWN"));
}

#[tokio::test]
async fn the_list_shows_one_project_and_no_key_material() {
    let service = Service::new();
    let deployment = service.register(Format::V1, "deploy-key").await;
    let answer = service.call("GET", "/projects/prj_a/deploys", Value::Null).await;
    assert_eq!(
        answer.json,
        json!({ "deploys": [{
            "deploy_id": deployment.id, "label": "main", "platform": "vercel", "credential": "deploy-key",
            "format": 1, "created_at": NOW, "last_used_at": null, "uses": 0, "revoked_at": null,
            "expires_at": null, "max_uses": null, "cidrs": [], "created_by": "bootstrap",
        }], "next": null })
    );
    let other = service.call("GET", "/projects/prj_b/deploys", Value::Null).await;
    assert_eq!(other.json, json!({ "deploys": [], "next": null }));
}

#[tokio::test]
async fn the_owners_routes_answer_nobody_else() {
    let service = Service::new();
    let deployment = service.register(Format::V1, "project-key").await;
    let id = format!("/deploy/{}", deployment.id);
    for (method, path, body) in [
        ("POST", "/deploy", registration(&inner())),
        ("DELETE", id.as_str(), Value::Null),
        ("GET", "/projects/prj_a/deploys", Value::Null),
    ] {
        for token in
            [None, Some(""), Some("wrong"), Some(&TOKEN[1..]), Some("0123456789abcdef0123456789abcdef012345")]
        {
            let answer = service.send(request(method, path, token, body.clone())).await;
            assert_eq!(answer.refusal(), (401, "UNAUTHORIZED"), "{method} {path} {token:?}");
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
        }
    }
    assert_eq!(service.events().len(), 1, "nothing was changed");
}

#[tokio::test]
async fn without_an_admin_token_the_owners_routes_are_shut_and_keys_still_flow() {
    for token in [None, Some("too-short")] {
        let service = Service::with_secrets(token, Some(crate::service::support::ROOTS));
        for presented in [None, Some(""), token] {
            let answer =
                service.send(request("GET", "/projects/prj_a/deploys", presented, Value::Null)).await;
            assert_eq!(answer.refusal(), (503, "UNAVAILABLE"));
        }
        assert!(service.log().contains("secret ADMIN_TOKEN is"));
        assert!(!service.log().contains("too-short"));
        let unknown = service.decrypt_outer(&capy_protocol::id::DeployId::new([1; 32]), &outer()).await;
        assert_eq!(unknown.refusal(), (404, "DEPLOY_UNKNOWN"));
    }
}

/// An outer blob under root 7, of the right shape.
fn outer() -> String {
    let mut bytes = [0; 93];
    (bytes[0], bytes[4]) = (1, 7);
    capy_protocol::text::serialize_base64(&bytes)
}

#[tokio::test]
async fn the_store_and_the_log_hold_no_key_material() {
    let service = Service::new();
    for format in [Format::V0, Format::V1] {
        let deployment = service.register(format, "deploy-key").await;
        service.decrypt(&deployment).await;
        service.inject(Faults { database: true, ..Faults::default() });
        service.decrypt(&deployment).await;
        service.inject(Faults::default());
        service.revoke(&deployment).await;
        let inner = deployment.minting.inner_blob();
        let kept = format!("{}{}", service.dump(), service.log());
        assert!(kept.contains(&deployment.id.to_string()), "the search would find what is there");
        for secret in [
            inner.serialize_base64().to_string(),
            hex::encode(inner.expose_secret()),
            format!("{:?}", inner.expose_secret()),
            deployment.outer.clone(),
            deployment.service_key(),
            TOKEN.to_owned(),
            "11".repeat(32),
        ] {
            assert!(!kept.contains(&secret), "{secret}");
        }
    }
}
