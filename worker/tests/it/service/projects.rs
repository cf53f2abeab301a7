//! The project store: a project's life, who may see and do what, and that nothing but the build host's route answers with
//! what was stored.

use capy_protocol::api::projects::StoreRows;
use capy_protocol::store_keys::StoreKeys;
use capy_protocol::store_row::Binding;
use capy_worker_testing::Faults;
use serde_json::{Value, json};

use crate::service::support::{Answer, KEYS, NOW, Service, request};

pub(crate) const PROJECT: &str = "/api/project/projects/prj_a";
pub(crate) const ROWS: &str = "/api/build/projects/prj_a/rows";

/// Makes `prj_a` with these secrets.
pub(crate) async fn create(service: &Service, secrets: Value) -> Answer {
    let body = json!({ "project_id": "prj_a", "name": "shop", "secrets": secrets });
    let answer = service.call("POST", "/api/project", body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer
}

/// The opened values of `prj_a`, as a build host gets them.
pub(crate) async fn values(service: &Service, keys: &str) -> Vec<(String, String)> {
    let answer = service.call("GET", ROWS, Value::Null).await;
    let StoreRows { project_id, rows } = serde_json::from_str(&answer.text).unwrap();
    let keys = StoreKeys::parse(keys).unwrap();
    let open = |row: &capy_protocol::api::projects::StoreRow| {
        let place = Binding { project: &project_id, name: &row.key };
        let value = keys.open(place, row.key_id, &row.row).unwrap();
        (row.key.clone(), value.expose_secret().to_owned())
    };
    rows.iter().map(open).collect()
}

fn pairs<const N: usize>(expected: [(&str, &str); N]) -> Vec<(String, String)> {
    expected.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

pub(crate) async fn token(service: &Service, scopes: Value) -> String {
    let answer = service.call("POST", "/tokens", json!({ "scopes": scopes })).await;
    answer.json["token"].as_str().unwrap_or_else(|| panic!("{}", answer.text)).to_owned()
}

#[tokio::test]
async fn a_known_name_gets_its_new_value_and_what_is_not_named_stays() {
    let service = Service::new();
    let made = create(
        &service,
        json!([{ "key": "B", "value": "1" }, { "key": "A", "value": "multi\nline \"🦫\" $x" }]),
    )
    .await;
    assert_eq!((&made.json["name"], &made.json["created_at"]), (&json!("shop"), &json!(NOW)));
    let id = made.json["secrets"][1]["secret_id"].clone();
    assert_eq!(
        made.json["secrets"][1],
        json!({ "secret_id": id, "key": "B", "created_at": NOW, "updated_at": NOW })
    );

    service.advance(5);
    let change = json!({ "branch": "main", "build_command": "npm run build",
        "secrets": [{ "key": "B", "value": "" }, { "key": "C", "value": "3" }] });
    let changed = service.call("PUT", PROJECT, change).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert_eq!(
        changed.json["secrets"][1],
        json!({ "secret_id": id, "key": "B", "created_at": NOW, "updated_at": NOW + 5 })
    );
    let expected = pairs([("A", "multi\nline \"🦫\" $x"), ("B", ""), ("C", "3")]);
    assert_eq!(values(&service, KEYS).await, expected);

    let change = json!({ "branch": "", "image": "node:22" });
    let changed = service.call("PUT", PROJECT, change).await.json;
    assert_eq!((changed.get("branch"), &changed["build_command"]), (None, &json!("npm run build")));
    assert_eq!((&changed["image"], &changed["name"]), (&json!("node:22"), &json!("shop")));
    assert_eq!(service.call("GET", PROJECT, Value::Null).await.json, changed);
    assert_eq!(values(&service, KEYS).await, expected);

    let secret = format!("/api/project/secret/{}", id.as_str().unwrap());
    assert_eq!(service.call("DELETE", &secret, Value::Null).await.json, json!({ "secret_id": id }));
    assert_eq!(service.call("DELETE", &secret, Value::Null).await.refusal(), (404, "SECRET_UNKNOWN"));
    assert_eq!(values(&service, KEYS).await, pairs([("A", "multi\nline \"🦫\" $x"), ("C", "3")]));
    let removed = service.call("DELETE", PROJECT, Value::Null).await;
    assert_eq!(removed.json, json!({ "project_id": "prj_a" }));
    assert_eq!(service.rows("SELECT key FROM secrets"), Vec::<String>::new(), "values go with their project");
    for (method, path) in [("GET", PROJECT), ("DELETE", PROJECT), ("GET", ROWS)] {
        let answer = service.call(method, path, Value::Null).await;
        assert_eq!(answer.refusal(), (404, "PROJECT_UNKNOWN"), "{method} {path}");
    }
    assert_eq!(service.call("PUT", PROJECT, json!({})).await.refusal(), (404, "PROJECT_UNKNOWN"));
}

#[tokio::test]
async fn an_id_is_drawn_or_given_and_given_only_once() {
    let service = Service::new();
    let drawn = service.call("POST", "/api/project", json!({ "name": "shop" })).await;
    assert!(drawn.json["project_id"].as_str().unwrap().starts_with("prj_"), "{}", drawn.text);
    create(&service, json!([{ "key": "A", "value": "1" }])).await;
    let body = json!({ "project_id": "prj_a", "name": "other", "secrets": [{ "key": "A", "value": "2" }] });
    let again = service.call("POST", "/api/project", body).await;
    assert_eq!(again.refusal(), (409, "PROJECT_EXISTS"));
    assert_eq!(values(&service, KEYS).await, pairs([("A", "1")]));
}

/// 404 for who may not see the project, word for word as for a project that is not there; 403 for who may.
#[tokio::test]
async fn a_foreign_project_is_not_there() {
    let service = Service::new();
    let made = create(&service, json!([{ "key": "A", "value": "1" }, { "key": "B", "value": "2" }])).await;
    let secret = format!("/api/project/secret/{}", made.json["secrets"][0]["secret_id"].as_str().unwrap());
    for (scopes, in_list, expected) in [
        // listed; show, rows, change, remove a secret, remove, make
        (json!(["read:prj_a"]), 1, [200, 403, 403, 403, 403, 403]),
        (json!(["build:prj_a"]), 1, [200, 200, 403, 403, 403, 403]),
        (json!(["read:prj_b", "deploy:prj_b", "build:prj_b"]), 0, [404, 404, 404, 404, 404, 403]),
        (json!(["deploy:prj_a"]), 1, [200, 403, 200, 200, 403, 403]),
        (json!(["admin"]), 1, [200, 200, 200, 404, 200, 201]),
    ] {
        let token = token(&service, scopes.clone()).await;
        let send = async |method: &str, path: &str, body: Value| {
            service.send(request(method, path, Some(&token), body)).await
        };
        let listed = send("GET", "/api/project/projects", Value::Null).await;
        assert_eq!(listed.json["projects"].as_array().unwrap().len(), in_list, "{scopes}");
        let calls = [
            ("GET", PROJECT, Value::Null),
            ("GET", ROWS, Value::Null),
            ("PUT", PROJECT, json!({})),
            ("DELETE", &secret, Value::Null),
            ("DELETE", PROJECT, Value::Null),
            ("POST", "/api/project", json!({ "name": "x" })),
        ];
        for ((method, path, body), status) in calls.into_iter().zip(expected) {
            let answer = send(method, path, body.clone()).await;
            assert_eq!(answer.status.as_u16(), status, "{scopes}: {method} {path}: {}", answer.text);
            if status == 404 && path != secret {
                let nowhere = path.replace("prj_a", "prj_nowhere");
                assert_eq!(answer.text, send(method, &nowhere, body).await.text, "{method} {path}");
            }
        }
        let unknown = send("DELETE", "/api/project/secret/sec_0123456789abcdef", Value::Null).await;
        assert_eq!(unknown.refusal(), (404, "SECRET_UNKNOWN"), "{scopes}");
    }
    for (method, path) in
        [("POST", "/api/project"), ("GET", "/api/project/projects"), ("GET", PROJECT), ("GET", ROWS)]
    {
        let answer = service.send(request(method, path, None, Value::Null)).await;
        assert_eq!(answer.refusal(), (401, "UNAUTHORIZED"), "{method} {path}");
    }
}

/// Every route that may be asked about a project, with every outcome: no answer holds a value, and none but the build host's
/// holds what is stored. Neither log nor database holds a value.
#[tokio::test]
async fn no_answer_log_or_table_holds_a_value_and_one_route_alone_holds_its_ciphertext() {
    let service = Service::new();
    let secrets = json!([{ "key": "A", "value": "canary.A.x9" }, { "key": "B", "value": "canary.B.x9" }]);
    let mut answers = vec![create(&service, secrets.clone()).await];
    let stored = service.rows("SELECT value FROM secrets");
    let secret =
        format!("/api/project/secret/{}", answers[0].json["secrets"][0]["secret_id"].as_str().unwrap());
    let reader = token(&service, json!(["read:prj_a"])).await;
    let body = |extra: Value| {
        let mut body = json!({ "name": "shop", "secrets": secrets });
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        body
    };
    for round in 0..3 {
        service.inject(Faults { database: round == 2, database_writes: round == 1, ..Faults::default() });
        for (method, path, body) in [
            ("GET", PROJECT, Value::Null),
            ("GET", "/api/project/projects", Value::Null),
            ("GET", "/projects/prj_a/audit", Value::Null),
            ("GET", "/projects/prj_a/deploys", Value::Null),
            ("GET", "/admin/store/keys", Value::Null),
            ("GET", "/tokens/self", Value::Null),
            ("GET", "/health", Value::Null),
            ("POST", "/api/project", body(json!({ "project_id": "prj_a" }))),
            ("POST", "/api/project", body(json!({ "branch": "canary x9" }))),
            (
                "POST",
                "/api/project",
                body(json!({ "secrets": [{ "key": "canary x9", "value": "canary.C.x9" }] })),
            ),
            ("POST", "/api/project", body(json!({ "secrets": [{ "key": "A", "value": ["canary.D.x9"] }] }))),
            ("POST", "/api/project", body(json!({ "secrets": "canary.E.x9" }))),
            ("PUT", PROJECT, body(json!({ "image": "canary x9" }))),
            ("PUT", PROJECT, body(json!({ "canary.F.x9": 1 }))),
            ("PUT", PROJECT, body(json!({}))),
            ("POST", "/admin/store/rotate", json!({})),
            ("DELETE", "/api/project/secret/canary.G.x9", Value::Null),
        ] {
            answers.push(service.send(request(method, path, Some(&reader), body.clone())).await);
            answers.push(service.send(request(method, path, None, body.clone())).await);
            answers.push(service.call(method, path, body).await);
        }
    }
    service.inject(Faults::default());
    let rows = service.call("GET", ROWS, Value::Null).await;
    answers.push(service.call("DELETE", &secret, Value::Null).await);
    answers.push(service.call("DELETE", PROJECT, Value::Null).await);
    let statuses: std::collections::BTreeSet<_> =
        answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(statuses, [200, 201, 400, 401, 403, 409, 503].into(), "the walk meets every outcome");
    for answer in &answers {
        assert!(!answer.text.contains("canary"), "{}", answer.text);
        assert!(!answer.text.contains("\"value\""), "{}", answer.text);
        let headers = format!("{:?}", answer.headers);
        assert!(!headers.contains("canary"), "{headers}");
        for sealed in stored.iter().flat_map(|row| row.split(':')) {
            assert!(!answer.text.contains(sealed), "{}", answer.text);
        }
    }
    assert!(stored.iter().all(|row| !rows.text.contains(row)), "the third round replaced them");
    assert!(rows.text.contains("\"row\"") && !rows.text.contains("canary"), "{}", rows.text);
    let kept = format!("{}{}", service.dump(), service.log());
    assert!(!kept.contains("canary") && !kept.contains(KEYS), "{kept}");
}

/// Who looks at the trail of a project sees each change of it, and who took its sealed values.
#[tokio::test]
async fn every_change_leaves_an_event_with_names_and_no_rows_are_handed_out_without_one() {
    let service = Service::new();
    let many: Vec<_> =
        (0..22).map(|number| json!({ "key": format!("K{number:02}"), "value": "canary" })).collect();
    let made = create(&service, json!(many)).await;
    let id = made.json["secrets"][0]["secret_id"].as_str().unwrap();
    let put = json!({ "image": "node:22", "secrets": [{ "key": "A", "value": "canary.A.x9" }] });
    service.call("PUT", PROJECT, put).await;
    service.call("GET", ROWS, Value::Null).await;
    service.call("DELETE", &format!("/api/project/secret/{id}"), Value::Null).await;
    for refused in [json!({ "branch": "-" }), json!({ "name": "" })] {
        assert_eq!(service.call("PUT", PROJECT, refused).await.status, 400);
    }
    service.call("DELETE", PROJECT, Value::Null).await;
    assert_eq!(service.call("GET", ROWS, Value::Null).await.status, 404);
    assert_eq!(service.call("DELETE", PROJECT, Value::Null).await.status, 404);
    let listed = service.call("GET", "/projects/prj_a/audit", Value::Null).await;
    let events = listed.json["events"].as_array().unwrap();
    let told = |event: &Value| [&event["action"], &event["subject"], &event["detail"]].map(Value::clone);
    let first_names: Vec<_> = (0..20).map(|number| format!("K{number:02}")).collect();
    let made = format!("name {} and 2 more", first_names.join(" "));
    assert_eq!(
        events.iter().map(told).collect::<Vec<_>>(),
        [
            [json!("remove-project"), json!("prj_a"), Value::Null],
            [json!("remove-secret"), json!(id), json!("K00")],
            [json!("take-rows"), json!("prj_a"), Value::Null],
            [json!("change-project"), json!("prj_a"), json!("image A")],
            [json!("create-project"), json!("prj_a"), json!(made)],
        ]
    );
    assert!(events.iter().all(|event| event["actor"] == "bootstrap" && event["address"] == "192.0.2.7"));
    assert!(!listed.text.contains("canary"));

    create(&service, json!([{ "key": "A", "value": "canary.A.x9" }])).await;
    service.inject(Faults { database_writes: true, ..Faults::default() });
    assert_eq!(service.call("GET", ROWS, Value::Null).await.refusal(), (503, "UNAVAILABLE"));
}

#[tokio::test]
async fn a_change_that_is_not_taken_changes_nothing() {
    let service = Service::new();
    create(&service, json!([{ "key": "A", "value": "1" }])).await;
    let before = service.call("GET", PROJECT, Value::Null).await.json;
    service.inject(Faults { database_writes: true, ..Faults::default() });
    let change =
        json!({ "name": "other", "secrets": [{ "key": "A", "value": "2" }, { "key": "B", "value": "3" }] });
    assert_eq!(service.call("PUT", PROJECT, change).await.refusal(), (503, "UNAVAILABLE"));
    service.inject(Faults::default());
    assert_eq!(service.call("GET", PROJECT, Value::Null).await.json, before);
    assert_eq!(values(&service, KEYS).await, pairs([("A", "1")]));
}

#[tokio::test]
async fn a_service_without_keys_keeps_no_values_and_says_so() {
    let service = Service::new();
    create(&service, json!([{ "key": "A", "value": "canary.A.x9" }])).await;
    let off = service.restart_with_keys(None);
    let health = off.send(request("GET", "/health", None, Value::Null)).await;
    assert_eq!((health.status.as_u16(), &health.json["bindings"]["store"]), (200, &json!("off")));
    let broken = off.restart_with_keys(Some("canary.KEY.x9"));
    let health = broken.send(request("GET", "/health", None, Value::Null)).await;
    assert_eq!((health.status.as_u16(), &health.json["bindings"]["store"]), (503, &json!("error")));
    assert!(broken.log().contains("secret ENCRYPTION_KEY is malformed") && !broken.log().contains("canary"));
    let put = json!({ "secrets": [{ "key": "A", "value": "canary.B.x9" }] });
    assert_eq!(broken.call("PUT", PROJECT, put.clone()).await.refusal(), (503, "UNAVAILABLE"));
    assert!(broken.log().contains("`capy service keygen --encryption-key` prints one"), "{}", broken.log());
    let off = broken.restart_with_keys(None);
    for (method, path, body) in [
        ("POST", "/api/project", json!({ "name": "x" })),
        ("PUT", PROJECT, put),
        ("GET", PROJECT, Value::Null),
        ("DELETE", PROJECT, Value::Null),
        ("GET", "/api/project/projects", Value::Null),
        ("DELETE", "/api/project/secret/sec_0123456789abcdef", Value::Null),
        ("GET", ROWS, Value::Null),
        ("GET", "/admin/store/keys", Value::Null),
        ("POST", "/admin/store/rotate", json!({})),
    ] {
        assert_eq!(off.call(method, path, body).await.refusal(), (503, "STORE_OFF"), "{method} {path}");
    }
    assert!(off.log().contains("secret ENCRYPTION_KEY is not set"), "{}", off.log());
    let on = off.restart_with_keys(Some(KEYS));
    assert_eq!(values(&on, KEYS).await, pairs([("A", "canary.A.x9")]), "nothing was lost meanwhile");
}
