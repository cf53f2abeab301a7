//! Who is not let in, what is not a request, and a service that lacks its secrets.

use capy_test_support::build_worker::{Build, build_worker};
use capy_test_support::key_service::KeyService;
use capy_test_support::node::require_node;
use capy_test_support::workerd::{Options, Workerd};
use serde_json::{Value, json};

use crate::service::support::{call, on_each_host, owner};

on_each_host!(only_the_owner_is_let_in_and_no_request_gets_a_500);

fn only_the_owner_is_let_in_and_no_request_gets_a_500(service: &KeyService) {
    let health = call(service.url(), "GET", "/health", None, &Value::Null);
    assert_eq!(health.status, 200, "{}\n{}", health.text, service.log());
    let all_ok =
        json!({ "database": "ok", "revocations": "ok", "limits": "ok", "secrets": "ok", "store": "ok" });
    assert_eq!(health.json["bindings"], all_ok);

    let wrong = "0".repeat(64);
    for token in [None, Some(""), Some("wrong"), Some(wrong.as_str()), Some(&service.admin_token()[1..])] {
        for (method, path) in [("POST", "/deploy"), ("GET", "/projects/prj_a/deploys")] {
            let answer = call(service.url(), method, path, token, &Value::Null);
            assert_eq!(answer.refusal(), (401, "UNAUTHORIZED"), "{method} {path} {token:?}");
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
        }
    }
    let decrypt = format!("/deploy/{}/decrypt", "cd".repeat(32));
    for (method, path, body, expected) in [
        ("POST", decrypt.as_str(), json!({}), (400, "BAD_REQUEST")),
        ("POST", &decrypt, json!({ "ciphertext": "*" }), (400, "BAD_REQUEST")),
        ("POST", &decrypt, json!({ "ciphertext": "" }), (422, "BLOB_REJECTED")),
        ("POST", &decrypt, json!({ "ciphertext": "A".repeat(100_000) }), (413, "PAYLOAD_TOO_LARGE")),
        ("POST", &decrypt, Value::Null, (415, "UNSUPPORTED_MEDIA_TYPE")),
        ("GET", &decrypt, Value::Null, (405, "METHOD_NOT_ALLOWED")),
        ("OPTIONS", "/deploy", Value::Null, (405, "METHOD_NOT_ALLOWED")),
        ("DELETE", "/deploy/xyz", Value::Null, (400, "BAD_REQUEST")),
        ("GET", "/projects/a%00b/deploys", Value::Null, (400, "BAD_REQUEST")),
        ("GET", "/nowhere?a=%FF", Value::Null, (404, "NOT_FOUND")),
        ("GET", "/a|b^c", Value::Null, (404, "NOT_FOUND")),
    ] {
        let answer = owner(service, method, path, &body);
        assert_eq!(answer.refusal(), expected, "{method} {path}: {}", answer.text);
        assert_eq!(answer.headers["content-type"], "application/json");
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
    let head = call(service.url(), "HEAD", "/health", None, &Value::Null);
    assert_eq!((head.status, head.text.as_str()), (200, ""));
}

#[test]
fn a_service_without_its_secrets_says_so_and_gives_no_key() {
    let Some(node) = require_node() else { return };
    let entry = build_worker(&Build::service()).unwrap();
    let persist = tempfile::tempdir().unwrap();
    let secrets = [("ADMIN_TOKEN", "canary-short-x9")];
    let options = Options { entry: &entry, persist: persist.path(), secrets: &secrets };
    let worker = Workerd::start(&node, &options).unwrap();
    let health = call(worker.url(), "GET", "/health", None, &Value::Null);
    assert_eq!(health.status, 503);
    let expected =
        json!({ "database": "ok", "revocations": "ok", "limits": "ok", "secrets": "error", "store": "off" });
    assert_eq!(health.json["bindings"], expected);
    let decrypt = format!("/deploy/{}/decrypt", "cd".repeat(32));
    let answer = call(worker.url(), "POST", &decrypt, None, &json!({ "ciphertext": "" }));
    assert_eq!(answer.refusal(), (503, "UNAVAILABLE"));
    let answer = call(worker.url(), "GET", "/projects/p/deploys", Some("canary-short-x9"), &Value::Null);
    assert_eq!(answer.refusal(), (503, "UNAVAILABLE"));
    let log = worker.log();
    assert!(
        log.contains("secret WRAP_ROOTS is not set") && log.contains("secret ADMIN_TOKEN is malformed"),
        "{log}"
    );
    assert!(!log.contains("canary"), "{log}");
}
