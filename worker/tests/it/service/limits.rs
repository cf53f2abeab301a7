//! How often a key may be asked for, and that a broken limiter keeps nobody from its keys.

use crate::service::support::{Service, request};
use axum::body::Body;
use axum::http::Request;
use capy_protocol::blob::Format;
use capy_protocol::text::{parse_base64, serialize_base64};
use capy_worker::caller::Peer;
use capy_worker_testing::Faults;
use serde_json::{Value, json};

const LIMITED: (u16, &str) = (429, "RATE_LIMITED");

fn from(address: Option<&str>, mut request: Request<Body>) -> Request<Body> {
    request.extensions_mut().insert(Peer { address: address.map(str::to_owned), ..Peer::default() });
    request
}

fn ask(id: impl std::fmt::Display) -> Request<Body> {
    request("POST", &format!("/deploy/{id}/decrypt"), None, json!({ "ciphertext": "" }))
}

#[tokio::test]
async fn a_deployment_is_asked_for_a_hundred_times_in_ten_seconds_from_anywhere() {
    let service = Service::new();
    let busy = service.register(Format::V1, "project-key").await;
    let quiet = service.register(Format::V1, "project-key").await;
    for count in 0..100 {
        let address = format!("192.0.2.{count}");
        assert_eq!(service.decrypt_from(&busy, Some(&address)).await.status, 200, "{count}");
    }
    let refused = service.decrypt_from(&busy, Some("198.51.100.1")).await;
    assert_eq!(refused.refusal(), LIMITED);
    assert_eq!(refused.headers["retry-after"], "10");
    assert_eq!(service.decrypt_from(&busy, None).await.refusal(), LIMITED);
    assert_eq!(service.decrypt_from(&quiet, None).await.status, 200);
}

/// Every `read:` token lists the ids of a project.
#[tokio::test]
async fn an_id_without_its_blob_takes_nothing_of_the_deployments_limit_and_leaves_no_event() {
    let service = Service::new();
    let deployment = service.register(Format::V1, "project-key").await;
    let other = service.register(Format::V1, "project-key").await;
    let mut foreign = parse_base64(&deployment.outer).unwrap();
    foreign[1] ^= 1;
    let mut altered = parse_base64(&deployment.outer).unwrap();
    altered[40] ^= 1;
    let without =
        [String::new(), other.outer.clone(), serialize_base64(&foreign), serialize_base64(&altered)];
    for count in 0..200 {
        for outer in &without {
            let body = json!({ "ciphertext": outer });
            let request = request("POST", &format!("/deploy/{}/decrypt", deployment.id), None, body);
            let answer = service.send(from(Some(&format!("192.0.2.{count}")), request)).await;
            assert_eq!(answer.status, 422, "{}", answer.text);
        }
    }
    assert_eq!(service.actions(), ["register", "register"]);
    assert_eq!(service.decrypt(&deployment).await.status, 200);
}

#[tokio::test]
async fn an_address_asks_three_hundred_times_in_ten_seconds_for_whatever_it_is() {
    let service = Service::new();
    let id = |number: usize| format!("{number:064x}");
    for count in 0..300 {
        assert_eq!(service.send(from(Some("2001:db8::1"), ask(id(count)))).await.status, 422);
    }
    assert_eq!(service.send(from(Some("2001:db8::2"), ask(id(300)))).await.refusal(), LIMITED);
    assert_eq!(service.send(from(Some("2001:db8:0:1::2"), ask(id(300)))).await.status, 422);
}

#[tokio::test]
async fn a_refused_address_reaches_neither_body_nor_list_nor_database() {
    let service = Service::new();
    let deployment = service.register(Format::V1, "project-key").await;
    for _ in 0..300 {
        service.send(ask(deployment.id)).await;
    }
    service.inject(Faults { database: true, list_reads: true, ..Faults::default() });
    assert_eq!(service.decrypt(&deployment).await.refusal(), LIMITED);
    let unreadable = request("POST", &format!("/deploy/{}/decrypt", deployment.id), None, Value::Null);
    assert_eq!(service.send(unreadable).await.refusal(), LIMITED);
    assert_eq!(service.log(), "");
    let no_id = request("POST", "/deploy/AB/decrypt", None, Value::Null);
    assert_eq!(service.send(no_id).await.refusal(), (400, "BAD_REQUEST"));
}

#[tokio::test]
async fn a_refused_deployment_writes_nothing() {
    let service = Service::new();
    let deployment = service.register(Format::V1, "project-key").await;
    for _ in 0..100 {
        service.decrypt(&deployment).await;
    }
    service.inject(Faults { database_writes: true, ..Faults::default() });
    assert_eq!(service.decrypt(&deployment).await.refusal(), LIMITED);
    assert_eq!(service.log(), "");
}

#[tokio::test]
async fn a_limiter_that_fails_lets_through_and_is_logged() {
    let service = Service::new();
    let deployment = service.register(Format::V1, "project-key").await;
    service.inject(Faults { limiter: true, ..Faults::default() });
    for _ in 0..101 {
        assert_eq!(service.decrypt(&deployment).await.status, 200);
    }
    assert!(service.log().contains("rate limiter: injected"));
}
