//! What somebody gains who writes to the database, and has no wrap root: nothing, or a finding.

use capy_protocol::blob::Format;
use capy_protocol::token::Token;
use serde_json::{Value, json};

use crate::service::support::{Deployment, NOW, Service, make_token, request, who};

const ALTERED: (u16, &str) = (422, "DEPLOY_ALTERED");
const TOKEN_ALTERED: (u16, &str) = (401, "TOKEN_ALTERED");

pub(crate) fn write(service: &Service, sql: &str) {
    service.host().database().connection().execute_batch(sql).unwrap();
}

/// What a verification of all rows finds: each as `kind flaw id`.
async fn verify(service: &Service) -> Vec<String> {
    let (mut found, mut query) = (Vec::new(), String::new());
    loop {
        let answer = service.call("GET", &format!("/admin/rows/verify{query}"), Value::Null).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let short = |finding: &Value| {
            ["kind", "flaw", "id"].map(|name| finding[name].as_str().unwrap().to_owned()).join(" ")
        };
        found.extend(answer.json["findings"].as_array().unwrap().iter().map(short));
        match answer.json["next"].as_str() {
            Some(next) => query = format!("?cursor={next}"),
            None => return found,
        }
    }
}

/// Makes a token; its text and its id.
async fn token(service: &Service, scopes: Value) -> (String, String) {
    make_token(service, json!({ "scopes": scopes, "expires_in": 3600 })).await
}

async fn limited(service: &Service) -> Deployment {
    let terms = json!({ "max_uses": 3, "expires_in": 60, "cidrs": ["192.0.2.0/24"] });
    service.register_with(Format::V1, "project-key", terms).await
}

/// Rows: what is written to the row of a deployment that was used twice of three times.
#[tokio::test]
async fn a_deployment_whose_row_was_changed_gets_no_key() {
    let whole = Service::new();
    let deployment = limited(&whole).await;
    assert_eq!(whole.decrypt(&deployment).await.status, 200);
    assert_eq!(verify(&whole).await, Vec::<String>::new());
    for change in [
        "uses = 0",
        "uses = 1",
        "uses = 3",
        "max_uses = 1000",
        "max_uses = NULL",
        "expires_at = NULL",
        "expires_at = expires_at + 1",
        "cidrs = NULL",
        "cidrs = '0.0.0.0/0'",
        "cidrs = cidrs || ' 198.51.100.0/24'",
        "credential = 'deploy-key'",
        "key_id = 7",
        "key_id = 12345",
        "seal = 'x'",
        "seal = ''",
        "seal = upper(seal)",
    ] {
        let service = Service::new();
        let deployment = limited(&service).await;
        for _ in 0..2 {
            assert_eq!(service.decrypt(&deployment).await.status, 200);
        }
        write(&service, &format!("UPDATE deploys SET {change}"));
        let refused = service.decrypt(&deployment).await;
        assert_eq!(refused.refusal(), ALTERED, "{change}: {}", refused.text);
        assert!(!refused.text.contains(&deployment.service_key()));
        let flaw = if change.ends_with("12345") { "unverifiable" } else { "altered" };
        assert_eq!(verify(&service).await[0], format!("deploy {flaw} {}", deployment.id), "{change}");
        let last = service.events().pop().unwrap();
        assert!(last.starts_with("decrypt DEPLOY_ALTERED"), "it is an event: {last}");
    }
}

#[tokio::test]
async fn another_projects_or_deployments_row_is_of_no_use() {
    let service = Service::new();
    let (ours, other) = (limited(&service).await, service.register(Format::V1, "project-key").await);
    write(
        &service,
        &format!(
            "UPDATE deploys SET (seal, max_uses, expires_at, cidrs) = (SELECT seal, max_uses, expires_at, cidrs \
            FROM deploys WHERE deploy_id = '{}') WHERE deploy_id = '{}'",
            other.id, ours.id
        ),
    );
    assert_eq!(service.decrypt(&ours).await.refusal(), ALTERED);
    assert_eq!(service.decrypt(&other).await.status, 200);
}

#[tokio::test]
async fn a_revocation_that_is_taken_back_gives_no_key_and_is_found() {
    let service = Service::new();
    let deployment = service.register(Format::V1, "project-key").await;
    let row = "SELECT json_object('seal', seal) FROM deploys";
    let before = service.rows(row).remove(0);
    assert_eq!(service.revoke(&deployment).await.status, 200);
    // The list that KV holds knows of it as well; somebody takes that away, too.
    service.inject(capy_worker_testing::Faults { list_lags: true, ..Default::default() });
    write(&service, "UPDATE deploys SET revoked_at = NULL");
    assert_eq!(service.decrypt(&deployment).await.refusal(), ALTERED);
    let found = verify(&service).await;
    assert_eq!(found, ["put-back", "altered"].map(|flaw| format!("deploy {flaw} {}", deployment.id)));
    let sealed = service.call("POST", "/admin/rows/seal", json!({})).await;
    assert_eq!(sealed.json["sealed"], json!([]), "{}", sealed.text);
    write(&service, "UPDATE deploys SET seal = NULL");
    let sealed = service.call("POST", "/admin/rows/seal", json!({})).await;
    assert_eq!(sealed.json["sealed"], json!([]), "the trail says that it is revoked: {}", sealed.text);
    assert_eq!(service.decrypt(&deployment).await.refusal(), (503, "DEPLOY_UNSEALED"));

    // The whole older row: no seal stands against that, and the audit trail tells.
    let seal = serde_json::from_str::<Value>(&before).unwrap()["seal"].as_str().unwrap().to_owned();
    write(&service, &format!("UPDATE deploys SET seal = '{seal}'"));
    assert_eq!(verify(&service).await, [format!("deploy put-back {}", deployment.id)]);
}

#[tokio::test]
async fn a_count_that_was_set_back_together_with_its_seal_is_found() {
    let service = Service::new();
    let deployment = limited(&service).await;
    let seal = service.rows("SELECT seal FROM deploys").remove(0);
    for _ in 0..3 {
        assert_eq!(service.decrypt(&deployment).await.status, 200);
    }
    assert_eq!(service.decrypt(&deployment).await.refusal(), (410, "DEPLOY_USED_UP"));
    assert_eq!(verify(&service).await, Vec::<String>::new());
    write(&service, &format!("UPDATE deploys SET uses = 0, seal = '{seal}'"));
    assert_eq!(verify(&service).await, [format!("deploy set-back {}", deployment.id)]);
}

#[tokio::test]
async fn uses_are_counted_and_sealed_however_many_ask_at_once() {
    let service = std::sync::Arc::new(Service::new());
    let one = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    let deployment = service.register_with(Format::V1, "project-key", json!({ "max_uses": 60 })).await;
    let released = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..8 {
                    let answer = one().block_on(service.decrypt(&deployment));
                    assert!([200, 410].contains(&answer.status.as_u16()), "{}", answer.text);
                    let released_one = usize::from(answer.status == 200);
                    released.fetch_add(released_one, std::sync::atomic::Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!(released.into_inner(), 60);
    assert_eq!(verify(&service).await, Vec::<String>::new());
}

/// Rows: what is written to the row of a token with one scope, and whose it is then.
#[tokio::test]
async fn a_token_whose_row_was_changed_is_nobody() {
    for (change, expected) in [
        ("scopes = 'admin'", TOKEN_ALTERED),
        ("scopes = scopes || ' deploy:prj_b'", TOKEN_ALTERED),
        ("expires_at = NULL", TOKEN_ALTERED),
        ("expires_at = expires_at + 1", TOKEN_ALTERED),
        ("seal = NULL", (401, "TOKEN_UNSEALED")),
        ("seal = ''", TOKEN_ALTERED),
        ("seal = replace(seal, '9:', '7:')", TOKEN_ALTERED),
        ("seal = replace(seal, '9:', '12:')", (401, "TOKEN_ROOT_GONE")),
        ("label = 'another note', created_at = 5", (200, "")),
    ] {
        let service = Service::new();
        let (text, id) = token(&service, json!(["deploy:prj_a"])).await;
        assert_eq!(who(&service, &text).await.0, 200);
        write(&service, &format!("UPDATE tokens SET {change}"));
        assert_eq!(who(&service, &text).await, (expected.0, expected.1.to_owned()), "{change}");
        let found = verify(&service).await;
        assert_eq!(found.is_empty(), expected.0 == 200, "{change}: {found:?}");
        assert!(found.iter().all(|found| found.ends_with(&id)), "{found:?}");
    }
}

#[tokio::test]
async fn an_admins_token_that_somebody_wrote_by_hand_is_nobody() {
    let service = Service::new();
    let (text, id) = token(&service, json!(["admin"])).await;
    let forged = Token::generate().unwrap();
    let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(forged.expose_secret()));
    write(
        &service,
        &format!(
            "INSERT INTO tokens (token_id, digest, scopes, created_at, created_by) \
            VALUES ('tok_0123456789abcdef', '{digest}', 'admin', {NOW}, 'bootstrap')"
        ),
    );
    assert_eq!(who(&service, forged.expose_secret()).await, (401, "TOKEN_UNSEALED".into()));
    write(&service, "UPDATE tokens SET seal = (SELECT seal FROM tokens WHERE seal IS NOT NULL)");
    assert_eq!(who(&service, forged.expose_secret()).await, (401, "TOKEN_ALTERED".into()));
    // The digest of another token in the row of a whole one.
    write(
        &service,
        &format!("DELETE FROM tokens WHERE digest = '{digest}'; UPDATE tokens SET digest = '{digest}'"),
    );
    assert_eq!(who(&service, forged.expose_secret()).await, (401, "TOKEN_ALTERED".into()));
    assert_eq!(who(&service, &text).await, (401, "UNAUTHORIZED".into()));
    assert_eq!(verify(&service).await, [format!("token altered {id}")]);
}

#[tokio::test]
async fn a_tokens_revocation_that_is_taken_back_is_refused_and_an_older_row_is_found() {
    let service = Service::new();
    let (text, id) = token(&service, json!(["admin"])).await;
    let seal = service.rows("SELECT seal FROM tokens").remove(0);
    service.call("DELETE", &format!("/tokens/{id}"), Value::Null).await;
    write(&service, "UPDATE tokens SET revoked_at = NULL");
    assert_eq!(who(&service, &text).await, (401, "TOKEN_ALTERED".into()));
    write(&service, &format!("UPDATE tokens SET seal = '{seal}'"));
    assert_eq!(verify(&service).await, [format!("token put-back {id}")]);
}

#[tokio::test]
async fn rows_from_before_seals_are_refused_until_an_admin_has_them_sealed() {
    let service = Service::new();
    let deployment = limited(&service).await;
    let revoked = service.register(Format::V1, "project-key").await;
    service.revoke(&revoked).await;
    let (text, id) = token(&service, json!(["read:prj_a"])).await;
    let trust = json!({
        "issuer": "https://i.example", "audience": "a", "claims": { "repository": "o/r" }, "scope": "read:prj_a",
    });
    let trust = service.call("POST", "/oidc/trusts", trust).await;
    write(
        &service,
        "UPDATE deploys SET seal = NULL; UPDATE tokens SET seal = NULL; UPDATE oidc_trusts SET seal = NULL",
    );
    let refused = service.decrypt(&deployment).await;
    assert_eq!(refused.refusal(), (503, "DEPLOY_UNSEALED"), "{}", refused.text);
    assert!(service.log().contains("capy service seal-rows"), "{}", service.log());
    assert_eq!(who(&service, &text).await, (401, "TOKEN_UNSEALED".into()));
    assert_eq!(verify(&service).await.len(), 3, "a revoked row needs none");

    let refused = service.send(request("POST", "/admin/rows/seal", Some(&text), json!({}))).await;
    assert_eq!(refused.refusal(), (401, "TOKEN_UNSEALED"), "nobody seals themselves");
    let mut sealed = Vec::new();
    for dry_run in [true, false] {
        sealed.clear();
        let mut body = json!({ "dry_run": dry_run });
        loop {
            let answer = service.call("POST", "/admin/rows/seal", body.clone()).await;
            assert_eq!(
                (answer.status.as_u16(), &answer.json["refused"]),
                (200, &json!([])),
                "{}",
                answer.text
            );
            sealed.extend(answer.json["sealed"].as_array().unwrap().clone());
            match answer.json["next"].as_str() {
                Some(next) => body["cursor"] = json!(next),
                None => break,
            }
        }
        let expected = [
            json!({ "kind": "deploy", "id": deployment.id }),
            json!({ "kind": "token", "id": id }),
            json!({ "kind": "trust", "id": trust.json["trust_id"] }),
        ];
        assert_eq!(sealed, expected);
        assert_eq!(verify(&service).await.len(), if dry_run { 3 } else { 0 });
    }
    assert_eq!(service.decrypt(&deployment).await.status, 200);
    assert_eq!(who(&service, &text).await.0, 200);
    assert_eq!(service.decrypt(&revoked).await.refusal(), (410, "DEPLOY_REVOKED"));
    let events = service.actions().iter().filter(|action| *action == "seal-rows").count();
    assert_eq!(events, 3);
}

#[tokio::test]
async fn tokens_and_trusts_come_under_the_newest_root_before_the_old_one_may_go() {
    let service = Service::new();
    let (text, _) = token(&service, json!(["read:prj_a"])).await;
    let (altered, _) = token(&service, json!(["read:prj_b"])).await;
    let trust = json!({
        "issuer": "https://i.example", "audience": "a", "claims": { "repository": "o/r" }, "scope": "read:prj_a",
    });
    service.call("POST", "/oidc/trusts", trust).await;
    write(&service, "UPDATE tokens SET scopes = 'admin' WHERE scopes = 'read:prj_b'");
    let (nine, ten) = (format!("9:{}", "22".repeat(32)), format!("10:{}", "33".repeat(32)));
    let both = service.restart_with_roots(&format!("{nine},{ten}"));
    let roots = both.call("GET", "/admin/wrap-roots", Value::Null).await;
    let needed = |roots: &Value| {
        roots["roots"].as_array().unwrap().iter().map(|root| root["rows"].as_u64()).collect::<Vec<_>>()
    };
    assert_eq!(needed(&roots.json), [Some(1), Some(2)], "what was altered stays as it is: {}", roots.text);
    assert_eq!(who(&both, &altered).await, (401, "TOKEN_ALTERED".into()));
    let newest = both.restart_with_roots(&ten);
    assert_eq!(who(&newest, &text).await.0, 200);

    let lost = newest.restart_with_roots(&format!("12:{}", "44".repeat(32)));
    assert_eq!(who(&lost, &text).await, (401, "TOKEN_ROOT_GONE".into()));
    assert!(verify(&lost).await.iter().any(|found| found.starts_with("trust unverifiable")));
}

#[tokio::test]
async fn only_an_admin_verifies_and_seals_rows() {
    let service = Service::new();
    let (text, _) = token(&service, json!(["deploy:prj_a"])).await;
    for (method, path, body) in
        [("GET", "/admin/rows/verify", Value::Null), ("POST", "/admin/rows/seal", json!({}))]
    {
        for (token, refusal) in [(Some(text.as_str()), (403, "FORBIDDEN")), (None, (401, "UNAUTHORIZED"))] {
            let answer = service.send(request(method, path, token, body.clone())).await;
            assert_eq!(answer.refusal(), refusal, "{path}");
        }
    }
    for bad in ["?cursor=x", "?cursor=deploy-6", "?cursor=other-61", "?from=1"] {
        let answer = service.call("GET", &format!("/admin/rows/verify{bad}"), Value::Null).await;
        assert_eq!(answer.refusal(), (400, "BAD_REQUEST"), "{bad}");
    }
    let answer = service.call("POST", "/admin/rows/seal", json!({ "cursor": "x" })).await;
    assert_eq!(answer.refusal(), (400, "BAD_REQUEST"));
}

/// More rows than a page has, and among them some that cannot be read.
#[tokio::test]
async fn every_live_row_is_looked_at_once() {
    let service = Service::new();
    let deployment = service.register(Format::V1, "project-key").await;
    write(
        &service,
        "INSERT INTO deploys (deploy_id, project_id, key_id, format, credential, created_at) \
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250) \
        SELECT printf('%064x', i), 'prj_a', 9, 1, 'project-key', CASE i WHEN 7 THEN -5 ELSE i END FROM n; \
        INSERT INTO deploys (deploy_id, project_id, key_id, format, credential, created_at) \
        SELECT replace(substr(deploy_id, 1, 63), 'a', 'é') || '🦫', 'prj_a', 9, 1, 'project-key', 1 \
        FROM deploys WHERE seal IS NOT NULL",
    );
    let found = verify(&service).await;
    let unsealed = found.iter().filter(|found| found.contains(" unsealed ")).count();
    let unreadable = found.iter().filter(|found| found.contains(" unreadable ")).count();
    assert_eq!((found.len(), unsealed, unreadable), (251, 249, 2), "{:?}", found.last());
    assert_eq!(service.decrypt(&deployment).await.status, 200);
}
