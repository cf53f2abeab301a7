//! CI identities in place of API tokens: which ones count, what they reach, and how often their issuer is asked.

use crate::service::issuer::{AUDIENCE, Issuer};
use crate::service::support::{Answer, NOW, Service, request};
use capy_worker_testing::Faults;
use serde_json::{Value, json};

const ISSUER: &str = "https://issuer.example";
const SECONDS: u64 = NOW / 1000;

/// A service and an issuer that it can ask, whose key is `one`.
fn service() -> (Service, Issuer) {
    let (service, issuer) = (Service::new(), Issuer::at(ISSUER));
    service.host().publish(issuer.documents("one"));
    (service, issuer)
}

async fn trust(service: &Service, claims: Value, scope: &str) -> String {
    let body = json!({ "issuer": ISSUER, "audience": AUDIENCE, "claims": claims, "scope": scope });
    let answer = service.call("POST", "/oidc/trusts", body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json["trust_id"].as_str().unwrap().to_owned()
}

async fn who(service: &Service, token: &str) -> Answer {
    service.send(request("GET", "/tokens/self", Some(token), Value::Null)).await
}

#[tokio::test]
async fn a_job_of_a_trusted_repository_has_the_scopes_of_all_trusts_that_fit() {
    let (service, issuer) = service();
    trust(&service, json!({ "repository": "o/r" }), "read:prj_b").await;
    trust(&service, json!({ "repository": "o/r", "ref": "refs/heads/*" }), "deploy:prj_a").await;
    trust(&service, json!({ "repository": "o/r", "environment": "production" }), "deploy:prj_c").await;
    let file = json!({ "repository": "o/r", "workflow_ref": "o/r/.github/workflows/ci.yml@*", "repository_id": "42" });
    trust(&service, file, "read:prj_d").await;
    let named = json!({ "repository": "o/r", "workflow_ref": "o/r/.github/workflows/deploy.yml@*" });
    trust(&service, named, "read:prj_e").await;
    let answer = who(&service, &issuer.token(SECONDS, |_| {})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json["actor"], "issuer.example:o/r@refs/heads/main");
    assert_eq!(answer.json["expires_at"], NOW + 300_000);
    let mut scopes: Vec<_> =
        answer.json["scopes"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    scopes.sort_unstable();
    assert_eq!(scopes, ["deploy:prj_a", "read:prj_b", "read:prj_d"]);
    for (project, status) in [("prj_a", 200), ("prj_b", 200), ("prj_c", 403)] {
        let path = format!("/projects/{project}/deploys");
        let token = issuer.token(SECONDS, |_| {});
        assert_eq!(service.send(request("GET", &path, Some(&token), Value::Null)).await.status, status);
    }
    let admin =
        service.send(request("GET", "/tokens", Some(&issuer.token(SECONDS, |_| {})), Value::Null)).await;
    assert_eq!(admin.refusal(), (403, "FORBIDDEN"));
}

#[tokio::test]
async fn a_token_that_is_not_exactly_right_is_nobody() {
    let (service, issuer) = service();
    trust(&service, json!({ "repository": "o/r", "ref": "refs/heads/main" }), "deploy:prj_a").await;
    let changed = |name: &'static str, value: Value| issuer.token(SECONDS, |claims| claims[name] = value);
    let good = issuer.token(SECONDS, |_| {});
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let other = issuer.token(SECONDS, |claims| claims["repository"] = json!("o/other"));
    let others_claims = other.split('.').nth(1).unwrap();
    let claims_of = |token: &str| -> Value {
        use base64ct::{Base64UrlUnpadded, Encoding};
        let part = token.split('.').nth(1).unwrap();
        let bytes = Base64UrlUnpadded::decode_vec(part).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    };
    let headed = |header: Value| issuer.sign(&header, &claims_of(&good));
    for token in [
        changed("iss", json!("https://issuer.example/")),
        changed("aud", json!("https://other.example")),
        changed("repository", json!("o/r2")),
        changed("repository", Value::Null),
        changed("ref", json!("refs/heads/other")),
        changed("exp", json!(SECONDS - 60)),
        changed("nbf", json!(SECONDS + 61)),
        changed("iat", json!(SECONDS + 61)),
        headed(json!({ "alg": "none", "kid": "one" })),
        headed(json!({ "alg": "HS256", "kid": "one" })),
        headed(json!({ "alg": "RS256", "kid": "two" })),
        format!("{header}.{others_claims}.{signature}"),
        format!("{header}.{claims}."),
        format!("{header}.{claims}.{}", other.rsplit_once('.').unwrap().1),
        "a.b.c".to_owned(),
    ] {
        let answer = who(&service, &token).await;
        assert_eq!(answer.refusal(), (401, "IDENTITY_REFUSED"), "{token}: {}", answer.text);
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
    }
    assert_eq!(who(&service, &changed("aud", json!(["x", AUDIENCE]))).await.status, 200);
    assert_eq!(who(&service, &changed("exp", json!(SECONDS - 59))).await.status, 200, "a minute to spare");
    assert_eq!(service.log(), "");
}

#[tokio::test]
async fn an_issuer_is_asked_only_when_it_is_trusted_and_then_rarely() {
    let (service, issuer) = service();
    assert_eq!(who(&service, &issuer.token(SECONDS, |_| {})).await.refusal(), (401, "IDENTITY_REFUSED"));
    assert_eq!(service.host().fetched(), 0, "nobody trusts it");
    trust(&service, json!({ "repository": "o/r" }), "read:prj_a").await;
    for _ in 0..5 {
        assert_eq!(who(&service, &issuer.token(SECONDS, |_| {})).await.status, 200);
    }
    assert_eq!(service.host().fetched(), 2, "one discovery document and one set of keys");
    service.host().publish(issuer.documents("two"));
    let rotated = issuer.sign(
        &json!({ "alg": "RS256", "kid": "two" }),
        &json!({ "iss": ISSUER, "aud": AUDIENCE, "exp": SECONDS + 900, "repository": "o/r" }),
    );
    for _ in 0..5 {
        assert_eq!(who(&service, &rotated).await.status, 401, "the keys were read a moment ago");
    }
    assert_eq!(service.host().fetched(), 2);
    service.advance(60_000);
    assert_eq!(who(&service, &rotated).await.status, 200, "a minute later they are read again");
    assert_eq!(service.host().fetched(), 4);
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_is_the_services_fault_and_not_the_jobs() {
    let (service, issuer) = service();
    trust(&service, json!({ "repository": "o/r" }), "read:prj_a").await;
    service.inject(Faults { issuer: true, ..Faults::default() });
    let token = issuer.token(SECONDS, |_| {});
    assert_eq!(who(&service, &token).await.refusal(), (503, "UNAVAILABLE"));
    assert!(service.log().contains("issuer: injected"));
    service.inject(Faults::default());
    assert_eq!(who(&service, &token).await.status, 503, "it is left alone for a minute");
    assert_eq!(service.host().fetched(), 1);
    service.advance(60_000);
    assert_eq!(who(&service, &token).await.status, 200);
    service.inject(Faults { issuer: true, ..Faults::default() });
    assert_eq!(who(&service, &token).await.status, 200, "its keys are still fresh");
    for minutes in 11..60 {
        service.set_time(NOW + minutes * 60_000);
        let token = issuer.token(SECONDS + minutes * 60, |_| {});
        assert_eq!(who(&service, &token).await.status, 200, "they count for an hour without it: {minutes}");
    }
    service.advance(5 * 60_000);
    assert_eq!(who(&service, &issuer.token(SECONDS + 64 * 60, |_| {})).await.status, 503);
}

/// Lets everything that can go on do so.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn made_up_tokens_make_nobody_ask_an_issuer_twice_at_once() {
    let (service, issuer) = service();
    let service = std::sync::Arc::new(service);
    trust(&service, json!({ "repository": "o/r" }), "read:prj_a").await;
    service.inject(Faults { issuer_waits: true, ..Faults::default() });
    let unsigned = format!("{}.AAAA", issuer.token(SECONDS, |_| {}).rsplit_once('.').unwrap().0);
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let (service, token) = (std::sync::Arc::clone(&service), unsigned.clone());
            tokio::spawn(async move { who(&service, &token).await.status.as_u16() })
        })
        .collect();
    settle().await;
    assert_eq!(service.host().fetched(), 1);
    service.inject(Faults::default());
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap());
    }
    answers.sort_unstable();
    assert_eq!((answers[0], answers[1]), (401, 503), "who asked knows, the others are told to come again");
    assert_eq!(service.host().fetched(), 2, "one discovery document and one set of keys");
    service.advance(11 * 60_000);
    service.inject(Faults { issuer_waits: true, ..Faults::default() });
    let later = issuer.token(SECONDS + 11 * 60, |_| {});
    let asking = {
        let token = format!("{}.AAAA", later.rsplit_once('.').unwrap().0);
        let service = std::sync::Arc::clone(&service);
        tokio::spawn(async move { who(&service, &token).await })
    };
    settle().await;
    assert_eq!(who(&service, &later).await.status, 200, "old keys count meanwhile");
    assert_eq!(service.host().fetched(), 3);
    service.inject(Faults::default());
    asking.await.unwrap();
}

#[tokio::test]
async fn a_caller_who_gives_up_hides_no_key() {
    let (service, issuer) = service();
    trust(&service, json!({ "repository": "o/r" }), "read:prj_a").await;
    service.inject(Faults { issuer_waits: true, ..Faults::default() });
    let token = issuer.token(SECONDS, |_| {});
    tokio::select! {
        biased;
        answer = who(&service, &token) => panic!("{}", answer.text),
        () = settle() => {}
    }
    service.inject(Faults::default());
    settle().await;
    assert_eq!(who(&service, &token).await.status, 200, "it was read all the same");
    assert_eq!(service.host().fetched(), 2);
}

#[tokio::test]
async fn a_removed_trust_counts_no_longer() {
    let (service, issuer) = service();
    let id = trust(&service, json!({ "repository": "o/r" }), "deploy:prj_a").await;
    let token = issuer.token(SECONDS, |_| {});
    assert_eq!(who(&service, &token).await.status, 200);
    let listed = service.call("GET", "/oidc/trusts", Value::Null).await;
    assert_eq!(
        listed.json,
        json!({ "trusts": [{
            "trust_id": id, "issuer": ISSUER, "audience": AUDIENCE, "claims": { "repository": "o/r" },
            "scope": "deploy:prj_a", "created_at": NOW, "created_by": "bootstrap",
        }], "next": null })
    );
    let path = format!("/oidc/trusts/{id}");
    let by_job = service.send(request("DELETE", &path, Some(&token), Value::Null)).await;
    assert_eq!(by_job.refusal(), (403, "FORBIDDEN"), "a job trusts nobody, and distrusts nobody");
    assert_eq!(service.call("DELETE", &path, Value::Null).await.json, json!({ "trust_id": id }));
    assert_eq!(service.call("DELETE", &path, Value::Null).await.refusal(), (404, "TRUST_UNKNOWN"));
    assert_eq!(who(&service, &token).await.refusal(), (401, "IDENTITY_REFUSED"));
}

#[tokio::test]
async fn an_invalid_trust_is_refused_and_leaves_nothing() {
    let service = Service::new();
    let good = json!({ "issuer": ISSUER, "audience": AUDIENCE, "claims": { "repository": "o/r" }, "scope": "read:a" });
    for (name, value) in [
        ("issuer", json!("http://issuer.example")),
        ("audience", json!("")),
        ("claims", json!({})),
        ("claims", json!({ "repository": "o/*" })),
        ("claims", json!({ "repository": "o/r", "branch": "main" })),
        ("claims", json!({ "repository": "o/r", "workflow": "deploy" })),
        ("claims", json!({ "repository": "o/r", "workflow_ref": "deploy" })),
        ("scope", json!("admin")),
        ("scope", json!("deploy")),
        ("more", json!(1)),
    ] {
        let mut body = good.clone();
        body[name] = value;
        let answer = service.call("POST", "/oidc/trusts", body.clone()).await;
        assert_eq!(answer.refusal(), (400, "BAD_REQUEST"), "{body}");
    }
    assert_eq!(
        service.call("GET", "/oidc/trusts", Value::Null).await.json,
        json!({ "trusts": [], "next": null })
    );
}
