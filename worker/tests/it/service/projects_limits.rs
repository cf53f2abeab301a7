//! What a project may be and hold: refused without an echo, and taken up to the limit.

use capy_worker::policy::projects::{BODY_MAX, PROJECT_MAX, SECRET_MAX, SECRETS_MAX};
use capy_worker::store::PAGE;
use serde_json::{Value, json};

use crate::service::projects::{PROJECT, ROWS, create, token, values};
use crate::service::support::{KEYS, Service, request};

#[tokio::test]
async fn what_no_build_could_use_is_refused_by_its_field() {
    let service = Service::new();
    create(&service, json!([])).await;
    for (body, field) in [
        (json!({ "name": "../../etc" }), "name must"),
        (json!({ "repository_url": "ext::sh -c id" }), "repository_url must"),
        (json!({ "repository_url": "/srv/shop.git" }), "repository_url must"),
        (json!({ "branch": "-x" }), "branch must"),
        (json!({ "install_command": "a\nb" }), "install_command must"),
        (json!({ "build_command": "x".repeat(2001) }), "build_command must"),
        (json!({ "output_directory": "a/../.." }), "output_directory must"),
        (json!({ "image": "--privileged" }), "image must"),
        (
            json!({ "secrets": [{ "key": "A", "value": "" }, { "key": "1A", "value": "" }] }),
            "secrets[1].key must",
        ),
        (
            json!({ "secrets": [{ "key": "A", "value": "1" }, { "key": "A", "value": "2" }] }),
            "secrets[1].key stands",
        ),
        (json!({ "secrets": [{ "key": "A", "value": "a\0b" }] }), "secrets[0].value must"),
        (json!({ "secrets": [{ "key": "A", "value": "v".repeat(SECRET_MAX) }] }), "secrets[0] must"),
        (json!({ "secrets": [{ "key": "A", "value": 1 }] }), "the body is not what this route takes"),
        (json!({ "project_id": "prj_b" }), "the body is not what this route takes"),
    ] {
        let answer = service.call("PUT", PROJECT, body).await;
        assert_eq!(answer.refusal(), (400, "BAD_REQUEST"), "{field}: {}", answer.text);
        assert!(answer.json["error"].as_str().unwrap().starts_with(field), "{field}: {}", answer.text);
    }
    for (method, path) in [
        ("GET", "/api/project/projects/a%2Fb"),
        ("DELETE", "/api/project/secret/1"),
        ("GET", "/api/build/projects/a%20b/rows"),
        ("GET", "/api/project/projects?cursor=x"),
        ("GET", "/api/project/projects?page=2"),
    ] {
        let answer = service.call(method, path, Value::Null).await;
        assert_eq!(answer.refusal(), (400, "BAD_REQUEST"), "{method} {path}");
    }
    let huge = json!({ "secrets": [{ "key": "A", "value": "v".repeat(BODY_MAX) }] });
    assert_eq!(service.call("PUT", PROJECT, huge).await.refusal(), (413, "PAYLOAD_TOO_LARGE"));
    assert_eq!(service.call("GET", PROJECT, Value::Null).await.json["secrets"], json!([]));
}

#[tokio::test]
async fn a_project_holds_five_hundred_secrets_and_a_value_as_long_as_linux_takes() {
    let service = Service::new();
    let secrets: Vec<_> =
        (0..500).map(|number| json!({ "key": format!("K{number:03}"), "value": format!("{number} {}", "é🦫\"\n".repeat(100)) })).collect();
    let made = create(&service, json!(secrets)).await;
    assert_eq!(made.json["secrets"].as_array().unwrap().len(), 500);
    let longest = "v".repeat(SECRET_MAX - 1);
    let put = json!({ "secrets": [{ "key": "K", "value": longest }, { "key": "K499", "value": "" }] });
    assert_eq!(service.call("PUT", PROJECT, put).await.status, 200);
    let opened = values(&service, KEYS).await;
    assert_eq!(opened.len(), 501);
    assert_eq!((opened[0].0.as_str(), opened[0].1 == longest), ("K", true));
    assert_eq!(opened[1], ("K000".into(), format!("0 {}", "é🦫\"\n".repeat(100))));
    assert_eq!(opened[500], ("K499".into(), String::new()));
}

#[tokio::test]
async fn a_project_is_full_at_its_limit_and_takes_other_values_for_what_it_has() {
    let service = Service::new();
    let many = |count: u64, prefix: &str, value: &str| {
        let secrets: Vec<_> = (0..count)
            .map(|number| json!({ "key": format!("{prefix}{number:04}"), "value": value }))
            .collect();
        json!({ "secrets": secrets })
    };
    create(&service, json!([])).await;
    let put = async |body: Value| service.call("PUT", PROJECT, body).await;
    assert_eq!(put(many(SECRETS_MAX + 1, "A", "")).await.refusal(), (422, "PROJECT_FULL"));
    assert_eq!(put(many(SECRETS_MAX, "A", "v")).await.status, 200);
    assert_eq!(put(many(1, "B", "")).await.refusal(), (422, "PROJECT_FULL"));
    assert_eq!(put(many(SECRETS_MAX, "A", "w")).await.status, 200, "the names are known");
    let each = PROJECT_MAX / SECRETS_MAX - 5;
    let value = "v".repeat(usize::try_from(each).unwrap());
    assert_eq!(put(many(SECRETS_MAX, "A", &value)).await.status, 200);
    assert_eq!(put(many(1, "A", &value.repeat(2))).await.refusal(), (422, "PROJECT_FULL"));
    let rows = service.call("GET", ROWS, Value::Null).await;
    assert_eq!(rows.json["rows"].as_array().unwrap().len() as u64, SECRETS_MAX);
}

#[tokio::test]
async fn a_list_has_pages_and_shows_each_project_once() {
    let service = Service::new();
    for number in 0..PAGE + 3 {
        let body = json!({ "project_id": format!("prj_{number:03}"), "name": "same" });
        assert_eq!(service.call("POST", "/api/project", body).await.status, 201);
        service.advance(u64::from(number % 3 == 0));
    }
    let first = service.call("GET", "/api/project/projects", Value::Null).await.json;
    let next = first["next"].as_str().unwrap().to_owned();
    let second = service.call("GET", &format!("/api/project/projects?cursor={next}"), Value::Null).await.json;
    assert_eq!(second.get("next"), None);
    let pages = [first, second];
    let listed = pages.iter().flat_map(|page| page["projects"].as_array().unwrap());
    let ids: std::collections::BTreeSet<_> =
        listed.map(|project| project["project_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), PAGE + 3);
    let both = token(&service, json!(["read:prj_001", "build:prj_002", "deploy:prj_nowhere"])).await;
    let listed = service.send(request("GET", "/api/project/projects", Some(&both), Value::Null)).await;
    let names: Vec<_> =
        listed.json["projects"].as_array().unwrap().iter().map(|project| &project["project_id"]).collect();
    assert_eq!(names, ["prj_001", "prj_002"]);
}
