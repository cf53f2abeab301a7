//! What every route has in common: no request gets a 500, no answer may be cached, health tells what is down.

use crate::service::support::{NOW, Service, TOKEN, request};
use axum::body::Body;
use axum::http::Request;
use capy_protocol::blob::Format;
use capy_worker::caller::Peer;
use capy_worker_testing::Faults;
use serde_json::{Value, json};

#[tokio::test]
async fn every_malformed_request_is_a_4xx_with_a_code() {
    let service = Service::new();
    let decrypt = format!("/deploy/{}/decrypt", "ab".repeat(32));
    let post = |path: &str, content_type: Option<&str>, body: Body| {
        let mut builder = Request::post(path).header("authorization", format!("Bearer {TOKEN}"));
        if let Some(content_type) = content_type {
            builder = builder.header("content-type", content_type);
        }
        builder.body(body).unwrap()
    };
    let json_type = Some("application/json");
    let huge = || Body::from(format!(r#"{{"ciphertext":"{}"}}"#, "A".repeat(9000)));
    for (request, expected) in [
        (post(&decrypt, None, Body::from("{}")), (415, "UNSUPPORTED_MEDIA_TYPE")),
        (post(&decrypt, Some("text/plain"), Body::from("{}")), (415, "UNSUPPORTED_MEDIA_TYPE")),
        (post(&decrypt, Some("application/jsonx"), Body::from("{}")), (415, "UNSUPPORTED_MEDIA_TYPE")),
        (post(&decrypt, Some("Application/JSON; charset=utf-8"), Body::from("{}")), (400, "BAD_REQUEST")),
        (post(&decrypt, json_type, huge()), (413, "PAYLOAD_TOO_LARGE")),
        (post("/deploy", json_type, huge()), (413, "PAYLOAD_TOO_LARGE")),
        (post(&decrypt, json_type, Body::empty()), (400, "BAD_REQUEST")),
        (post(&decrypt, json_type, Body::from("{")), (400, "BAD_REQUEST")),
        (post(&decrypt, json_type, Body::from("null")), (400, "BAD_REQUEST")),
        (post(&decrypt, json_type, Body::from(vec![0xff, 0xfe])), (400, "BAD_REQUEST")),
        (post(&decrypt, json_type, Body::from("[".repeat(5000))), (400, "BAD_REQUEST")),
        (post(&decrypt, json_type, Body::from(r#"{"ciphertext":""} {}"#)), (400, "BAD_REQUEST")),
        (post(&decrypt, json_type, Body::from(r#"{"ciphertext":1}"#)), (400, "BAD_REQUEST")),
        (post(&decrypt, json_type, Body::from(r#"{"ciphertext":"","x":1}"#)), (400, "BAD_REQUEST")),
        (post("/deploy/ab/decrypt", json_type, Body::from(r#"{"ciphertext":""}"#)), (400, "BAD_REQUEST")),
        (post("/deploy/%FF/decrypt", json_type, Body::from(r#"{"ciphertext":""}"#)), (400, "BAD_REQUEST")),
        (request("DELETE", "/deploy/AB", Some(TOKEN), Value::Null), (400, "BAD_REQUEST")),
        (request("GET", "/projects/a%2Fb/deploys", Some(TOKEN), Value::Null), (400, "BAD_REQUEST")),
        (request("GET", "/", None, Value::Null), (404, "NOT_FOUND")),
        (request("GET", "/deploy/", None, Value::Null), (404, "NOT_FOUND")),
        (request("POST", "/health/", None, Value::Null), (404, "NOT_FOUND")),
        (request("GET", "//health", None, Value::Null), (404, "NOT_FOUND")),
    ] {
        let name = format!("{request:?}");
        let answer = service.send(request).await;
        assert_eq!(answer.refusal(), expected, "{name}: {}", answer.text);
        assert!(answer.json["error"].as_str().is_some_and(|text| !text.is_empty()), "{name}");
        assert_eq!(answer.headers["content-type"], "application/json");
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
    assert_eq!(service.log(), "", "a client's fault is not the operator's");
}

#[tokio::test]
async fn another_method_is_405_and_names_the_right_one() {
    let service = Service::new();
    let id = "ab".repeat(32);
    for (path, allowed) in [
        ("/deploy".to_owned(), "POST"),
        (format!("/deploy/{id}"), "DELETE"),
        (format!("/deploy/{id}/decrypt"), "POST"),
        ("/projects/prj_a/deploys".to_owned(), "GET,HEAD,DELETE"),
        ("/api/project".to_owned(), "POST"),
        ("/api/project/projects".to_owned(), "GET,HEAD"),
        ("/admin/store/rotate".to_owned(), "POST"),
        ("/health".to_owned(), "GET,HEAD"),
        ("/tokens".to_owned(), "POST,GET,HEAD"),
        ("/tokens/self".to_owned(), "GET,HEAD"),
        ("/tokens/tok_0123456789abcdef".to_owned(), "DELETE"),
    ] {
        for method in ["OPTIONS", "PUT", "PATCH", "BREW"] {
            let answer = service.send(request(method, &path, Some(TOKEN), Value::Null)).await;
            assert_eq!(answer.refusal(), (405, "METHOD_NOT_ALLOWED"), "{method} {path}");
            assert_eq!(answer.headers["allow"], allowed, "{path}");
        }
    }
}

#[tokio::test]
async fn no_error_repeats_what_the_body_holds() {
    let service = Service::new();
    for body in [
        json!({ "deploy_id": "canary.A.x9", "project_id": "prj_a", "inner_blob": "canary.B.x9" }),
        json!({ "deploy_id": "ab".repeat(32), "project_id": "prj_a", "inner_blob": "canary.B.x9" }),
        json!({ "deploy_id": "ab".repeat(32), "project_id": "canary x9", "inner_blob": "" }),
        json!({ "format": "canary.C.x9" }),
        json!("canary.D.x9"),
    ] {
        let answer = service.call("POST", "/deploy", body).await;
        assert_eq!(answer.status, 400);
        assert!(!answer.text.contains("canary"), "{}", answer.text);
        assert!(!service.log().contains("canary"));
    }
}

#[tokio::test]
async fn head_has_the_status_and_no_body() {
    let service = Service::new();
    let answer = service.send(request("HEAD", "/health", None, Value::Null)).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, ""));
}

#[tokio::test]
async fn health_tells_what_is_down() {
    let works = Faults::default();
    for (faults, token, expected) in [
        (works, TOKEN, (200, "ok", ["ok", "ok", "ok", "ok"])),
        (Faults { database: true, ..works }, TOKEN, (503, "degraded", ["error", "ok", "ok", "ok"])),
        (Faults { database_writes: true, ..works }, TOKEN, (503, "degraded", ["error", "ok", "ok", "ok"])),
        (Faults { list_reads: true, ..works }, TOKEN, (503, "degraded", ["ok", "error", "ok", "ok"])),
        (Faults { limiter: true, ..works }, TOKEN, (503, "degraded", ["ok", "ok", "error", "ok"])),
        (works, "canary.short.x9", (503, "degraded", ["ok", "ok", "ok", "error"])),
    ] {
        let service = Service::with_secrets(Some(token), Some(crate::service::support::ROOTS));
        service.inject(faults);
        let answer = service.send(request("GET", "/health", None, Value::Null)).await;
        let (status, word, [database, revocations, limits, secrets]) = expected;
        assert_eq!(answer.status.as_u16(), status);
        let state = if database == "ok" { "ok" } else { "unknown" };
        assert_eq!(
            answer.json,
            json!({
                "sealing": { "state": state, "since": null, "reason": null },
                "status": word, "version": env!("CARGO_PKG_VERSION"), "commit": option_env!("CAPY_COMMIT"),
                "bindings": {
                    "database": database, "revocations": revocations, "limits": limits, "secrets": secrets, "store": "ok",
                },
            })
        );
        assert_eq!(service.log().is_empty(), status == 200);
        assert!(!service.log().contains("canary"));
    }
}

#[tokio::test]
async fn a_5xx_is_logged_under_the_id_that_the_client_sees_and_without_the_path() {
    let service = Service::new();
    let deployment = service.register(Format::V1, "project-key").await;
    service.inject(Faults { database: true, ..Faults::default() });
    let answer = service.decrypt(&deployment).await;
    let line: Value = serde_json::from_str(&service.log()).unwrap();
    assert_eq!(
        line,
        json!({
            "level": "error", "detail": "database: injected", "method": "POST", "status": 503,
            "route": "/deploy/{id}/decrypt", "request_id": answer.headers["x-request-id"].to_str().unwrap(),
        })
    );
}

#[tokio::test]
async fn a_request_has_the_hosts_id_and_never_the_one_that_a_client_gives_it() {
    let service = Service::new();
    let mut of_client = request("GET", "/health", None, Value::Null);
    for name in ["cf-ray", "x-request-id"] {
        of_client.headers_mut().insert(name, "8f0a-KEF".parse().unwrap());
    }
    let answer = service.send(of_client).await;
    let id = answer.headers["x-request-id"].to_str().unwrap();
    assert!(id.len() == 16 && id != "8f0a-KEF", "{id}");
    let mut of_host = request("GET", "/health", None, Value::Null);
    of_host.extensions_mut().get_mut::<Peer>().unwrap().request_id = Some("8f0a-KEF".into());
    assert_eq!(service.send(of_host).await.headers["x-request-id"], "8f0a-KEF");
}

#[tokio::test]
async fn health_writes_to_the_database_once_in_ten_seconds_at_most() {
    let service = Service::new();
    let now = i64::try_from(NOW).unwrap();
    let probed = async || {
        service.send(request("GET", "/health", None, Value::Null)).await;
        let connection = service.host().database().connection();
        connection
            .query_row("SELECT at, count(*) FROM probe", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
    };
    assert_eq!(probed().await, (now, 1));
    service.advance(9_999);
    assert_eq!(probed().await, (now, 1));
    service.advance(1);
    assert_eq!(probed().await, (now + 10_000, 1), "the same row");
}
