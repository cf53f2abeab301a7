//! API tokens: what each scope reaches, when one ends, and that its text is told once and kept nowhere.

use crate::service::support::{NOW, Service, TOKEN, make_token, request, who};
use capy_protocol::blob::Format;
use capy_worker_testing::Faults;
use serde_json::{Value, json};

const FORBIDDEN: (u16, &str) = (403, "FORBIDDEN");

#[tokio::test]
async fn a_token_reaches_its_scopes_and_nothing_else() {
    let service = Service::new();
    let ours = service.register(Format::V1, "project-key").await;
    let registration = |project: &str| {
        let id = capy_protocol::id::DeployId::generate().unwrap();
        let inner = capy_protocol::text::serialize_base64(&[7; 60]);
        json!({ "deploy_id": id, "project_id": project, "inner_blob": inner })
    };
    let tok = "/tokens/tok_0123456789abcdef";
    for (scopes, expected) in [
        // register a, register b, list a, list b, make a token, list tokens, revoke a token, revoke ours
        (json!(["admin"]), [201, 201, 200, 200, 201, 200, 404, 200]),
        (json!(["deploy:prj_a"]), [201, 403, 200, 403, 403, 403, 403, 200]),
        (json!(["read:prj_a"]), [403, 403, 200, 403, 403, 403, 403, 403]),
        (json!(["deploy:prj_b"]), [403, 201, 403, 200, 403, 403, 403, 403]),
        (json!(["read:prj_a", "deploy:prj_b"]), [403, 201, 200, 200, 403, 403, 403, 403]),
    ] {
        let (token, _) = make_token(&service, json!({ "scopes": scopes })).await;
        let revoke = format!("/deploy/{}", ours.id);
        let calls = [
            ("POST", "/deploy", registration("prj_a")),
            ("POST", "/deploy", registration("prj_b")),
            ("GET", "/projects/prj_a/deploys", Value::Null),
            ("GET", "/projects/prj_b/deploys", Value::Null),
            ("POST", "/tokens", json!({ "scopes": ["read:prj_a"] })),
            ("GET", "/tokens", Value::Null),
            ("DELETE", tok, Value::Null),
            ("DELETE", &revoke, Value::Null),
        ];
        for ((method, path, body), status) in calls.into_iter().zip(expected) {
            let answer = service.send(request(method, path, Some(&token), body)).await;
            assert_eq!(answer.status, status, "{scopes}: {method} {path}: {}", answer.text);
            assert_eq!(answer.refusal() == FORBIDDEN, status == 403, "{}", answer.text);
        }
    }
}

#[tokio::test]
async fn an_unknown_deployment_is_told_apart_from_another_projects() {
    let service = Service::new();
    let (token, _) = make_token(&service, json!({ "scopes": ["deploy:prj_b"] })).await;
    let unknown = format!("/deploy/{}", "cd".repeat(32));
    let answer = service.send(request("DELETE", &unknown, Some(&token), Value::Null)).await;
    assert_eq!(answer.refusal(), (404, "DEPLOY_UNKNOWN"));
}

#[tokio::test]
async fn a_token_is_told_once_and_kept_as_a_digest() {
    let service = Service::new();
    let body = json!({ "scopes": ["deploy:prj_a", "read:prj_b"], "label": "ci", "expires_in": 60 });
    let answer = service.call("POST", "/tokens", body).await;
    let id = answer.json["token_id"].clone();
    let token = answer.json["token"].as_str().unwrap().to_owned();
    let info = json!({
        "token_id": id, "label": "ci", "scopes": ["deploy:prj_a", "read:prj_b"], "created_at": NOW,
        "created_by": "bootstrap", "expires_at": NOW + 60_000, "last_used_at": null, "revoked_at": null,
    });
    let mut expected = info.clone();
    expected["token"] = json!(token);
    assert_eq!(answer.json, expected);
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(
        service.call("GET", "/tokens", Value::Null).await.json,
        json!({ "tokens": [info], "next": null })
    );
    let myself = service.send(request("GET", "/tokens/self", Some(&token), Value::Null)).await;
    assert_eq!(
        myself.json,
        json!({ "actor": id, "scopes": ["deploy:prj_a", "read:prj_b"], "expires_at": NOW + 60_000 })
    );
    let kept = format!("{}{}", service.dump(), service.log());
    assert!(kept.contains(id.as_str().unwrap()), "the search would find what is there");
    assert!(!kept.contains(&token) && !kept.contains(&token[5..]));
}

#[tokio::test]
async fn a_revoked_or_expired_token_is_nobody_and_is_told_why() {
    let service = Service::new();
    let (revoked, id) = make_token(&service, json!({ "scopes": ["admin"] })).await;
    let (expiring, _) = make_token(&service, json!({ "scopes": ["admin"], "expires_in": 1 })).await;
    assert_eq!(who(&service, &revoked).await.0, 200);
    for _ in 0..2 {
        let answer = service.call("DELETE", &format!("/tokens/{id}"), Value::Null).await;
        assert_eq!(answer.json, json!({ "token_id": id, "revoked_at": NOW }));
        service.advance(500);
    }
    assert_eq!(who(&service, &revoked).await, (401, "TOKEN_REVOKED".into()));
    assert_eq!(who(&service, &expiring).await, (401, "TOKEN_EXPIRED".into()));
    let unknown = capy_protocol::token::Token::generate().unwrap();
    assert_eq!(who(&service, unknown.expose_secret()).await, (401, "UNAUTHORIZED".into()));
    assert_eq!(who(&service, TOKEN).await.0, 200);
}

#[tokio::test]
async fn a_use_is_written_down_once_a_minute_and_a_database_that_takes_no_writes_refuses_nobody() {
    let service = Service::new();
    let (token, _) = make_token(&service, json!({ "scopes": ["read:prj_a"] })).await;
    for (pause, shown) in [(0, NOW), (59_999, NOW), (1, NOW + 60_000), (100_000, NOW + 60_000)] {
        service.advance(pause);
        if pause == 100_000 {
            service.inject(Faults { database_writes: true, ..Faults::default() });
        }
        assert_eq!(who(&service, &token).await.0, 200);
        service.inject(Faults::default());
        let listed = service.call("GET", "/tokens", Value::Null).await;
        assert_eq!(listed.json["tokens"][0]["last_used_at"], shown, "after {pause}");
    }
    assert!(service.log().contains("database: injected"));
}

#[tokio::test]
async fn an_invalid_token_is_refused_and_leaves_nothing() {
    let service = Service::new();
    for body in [
        json!({}),
        json!({ "scopes": [] }),
        json!({ "scopes": "admin" }),
        json!({ "scopes": ["root"] }),
        json!({ "scopes": ["admin", "admin"] }),
        json!({ "scopes": ["admin"], "expires_in": 0 }),
        json!({ "scopes": ["admin"], "expires_in": -1 }),
        json!({ "scopes": ["admin"], "label": "a\nb" }),
        json!({ "scopes": ["admin"], "token": "capy_mine" }),
    ] {
        let answer = service.call("POST", "/tokens", body.clone()).await;
        assert_eq!(answer.refusal(), (400, "BAD_REQUEST"), "{body}");
    }
    assert_eq!(service.call("GET", "/tokens", Value::Null).await.json, json!({ "tokens": [], "next": null }));
    assert_eq!(service.call("DELETE", "/tokens/tok_1", Value::Null).await.refusal(), (400, "BAD_REQUEST"));
    let unknown = service.call("DELETE", "/tokens/tok_0123456789abcdef", Value::Null).await;
    assert_eq!(unknown.refusal(), (404, "TOKEN_UNKNOWN"));
}

#[tokio::test]
async fn without_its_database_the_service_knows_the_bootstrap_token_alone() {
    let service = Service::new();
    let (token, _) = make_token(&service, json!({ "scopes": ["admin"] })).await;
    service.inject(Faults { database: true, ..Faults::default() });
    assert_eq!(who(&service, &token).await, (503, "UNAVAILABLE".into()));
    assert_eq!(who(&service, TOKEN).await.0, 200);
    assert_eq!(service.call("POST", "/tokens", json!({ "scopes": ["admin"] })).await.status, 503);
}

#[tokio::test]
async fn the_bootstrap_token_is_rotated_without_a_gap() {
    let (new, old) = ("n".repeat(40), "o".repeat(40));
    let both = format!("{new} {old}");
    for (secret, accepted) in [(old.as_str(), [false, true]), (&both, [true, true]), (&new, [true, false])] {
        let service = Service::with_secrets(Some(secret), Some(crate::service::support::ROOTS));
        for (token, accepted) in [&new, &old].into_iter().zip(accepted) {
            assert_eq!(who(&service, token).await.0 == 200, accepted, "{secret}");
        }
        assert_eq!(who(&service, &both).await.0, 401);
    }
}

#[tokio::test]
async fn an_api_token_works_while_the_bootstrap_secret_is_missing() {
    let service = Service::with_secrets(None, Some(crate::service::support::ROOTS));
    let unknown = capy_protocol::token::Token::generate().unwrap();
    assert_eq!(who(&service, unknown.expose_secret()).await, (401, "UNAUTHORIZED".into()));
    assert_eq!(who(&service, "something else").await, (503, "UNAVAILABLE".into()));
}

#[tokio::test]
async fn lists_of_tokens_and_trusts_are_paged_and_hold_each_once() {
    let service = Service::new();
    let trust = json!({
        "issuer": "https://i.example", "audience": "a", "claims": { "repository": "o/r" }, "scope": "read:prj_a",
    });
    for number in 0..205 {
        service.advance(number % 2);
        service.call("POST", "/tokens", json!({ "scopes": ["admin"] })).await;
        service.call("POST", "/oidc/trusts", trust.clone()).await;
    }
    for (path, name, id) in [("/tokens", "tokens", "token_id"), ("/oidc/trusts", "trusts", "trust_id")] {
        let first = service.call("GET", path, Value::Null).await;
        let next = format!("{path}?cursor={}", first.json["next"].as_str().unwrap());
        let second = service.call("GET", &next, Value::Null).await;
        assert_eq!(second.json["next"], Value::Null, "{path}");
        let pages = [&first, &second].map(|page| page.json[name].as_array().unwrap().clone());
        assert_eq!(pages.each_ref().map(Vec::len), [200, 5], "{path}");
        let all = pages.concat();
        let of = |entry: &Value| (u64::MAX - entry["created_at"].as_u64().unwrap(), entry[id].to_string());
        assert!(all.windows(2).all(|two| of(&two[0]) < of(&two[1])), "newest first, each once: {path}");
        for bad in
            ["?cursor=x", "?cursor=1-x", "?cursor=99999999999999999999-tok_0123456789abcdef", "?page=2"]
        {
            let answer = service.call("GET", &format!("{path}{bad}"), Value::Null).await;
            assert_eq!(answer.refusal(), (400, "BAD_REQUEST"), "{path}{bad}");
        }
    }
}
