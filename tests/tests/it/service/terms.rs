//! The terms of a deployment on the real runtime: uses under callers at once, addresses, expiry, pages, revoking all.

use std::thread;

use capy_protocol::blob::Format;
use capy_test_support::key_service::KeyService;
use serde_json::{Value, json};

use crate::service::support::{Deployment, on_each_host, owner};

on_each_host!(the_terms_of_a_deployment_are_kept_on_the_real_runtime,);

fn the_terms_of_a_deployment_are_kept_on_the_real_runtime(service: &KeyService) {
    const USES: usize = 7;
    let with = |terms: Value| Deployment::register_with(service, Format::V1, "project-key", &terms);

    let few = with(json!({ "max_uses": USES }));
    let answers: Vec<_> = thread::scope(|scope| {
        let callers: Vec<_> = (0..20).map(|_| scope.spawn(|| few.decrypt(service.url()))).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), USES);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(answer.refusal(), (410, "DEPLOY_USED_UP"), "{}", answer.text);
        assert!(!answer.text.contains(&few.service_key()));
    }

    let here = with(json!({ "cidrs": ["127.0.0.0/8", "::1"] }));
    assert_eq!(here.decrypt(service.url()).status, 200);
    let elsewhere = with(json!({ "cidrs": ["192.0.2.0/24"] }));
    assert_eq!(elsewhere.decrypt(service.url()).refusal(), (403, "ADDRESS_NOT_ALLOWED"));

    let short = with(json!({ "expires_in": 1 }));
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while short.decrypt(service.url()).status == 200 {
        assert!(std::time::Instant::now() < deadline, "it never expired");
        thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(short.decrypt(service.url()).refusal(), (410, "DEPLOY_EXPIRED"));

    let listed = owner(service, "GET", "/projects/prj_a/deploys", &Value::Null);
    let mut newest_first = [&short, &elsewhere, &here, &few].map(|one| one.id().to_string()).to_vec();
    let deploys = listed.json["deploys"].as_array().unwrap();
    let found: Vec<_> =
        deploys.iter().map(|deploy| deploy["deploy_id"].as_str().unwrap().to_owned()).collect();
    // Two of one millisecond are in the order of their ids.
    newest_first.sort_by_key(|id| {
        let deploy = deploys.iter().find(|deploy| deploy["deploy_id"] == *id).unwrap();
        (std::cmp::Reverse(deploy["created_at"].as_u64()), id.clone())
    });
    assert_eq!(found, newest_first);
    assert_eq!((deploys.len(), &listed.json["next"]), (4, &Value::Null));
    let cursor = format!("/projects/prj_a/deploys?cursor={}-{}", deploys[1]["created_at"], found[1]);
    let rest = owner(service, "GET", &cursor, &Value::Null);
    assert_eq!(rest.json["deploys"], Value::from(deploys[2..].to_vec()));

    let all = owner(service, "DELETE", "/projects/prj_a/deploys", &Value::Null);
    assert_eq!(all.json, json!({ "revoked": 4, "more": false }), "{}", all.text);
    assert_eq!(here.decrypt(service.url()).refusal(), (410, "DEPLOY_REVOKED"));
}
