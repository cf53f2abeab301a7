//! The moment of a revocation, under calls that run all the time.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use capy_protocol::blob::Format;
use capy_test_support::key_service::KeyService;
use serde_json::{Value, json};

use crate::service::support::{Deployment, call, on_each_host, owner};

on_each_host!(
    no_call_that_begins_after_the_revocation_gets_a_key,
    a_revoked_credential_that_is_repeated_is_one_event_and_its_id_alone_none,
);

fn no_call_that_begins_after_the_revocation_gets_a_key(service: &KeyService) {
    const CALLERS: usize = 50;
    let deployment = Deployment::register(service, Format::V1, "project-key");
    let (revoked_already, released) = (AtomicBool::new(false), AtomicUsize::new(0));
    // Each caller goes on until two of its calls began after the revocation was answered.
    let caller = || {
        let mut calls = Vec::new();
        let mut late = 0;
        while late < 2 {
            late += usize::from(revoked_already.load(Ordering::SeqCst));
            let began = Instant::now();
            let answer = deployment.decrypt(service.url());
            let keyed = answer.text.contains(&deployment.service_key());
            assert_eq!(keyed, answer.status == 200, "{}", answer.text);
            released.fetch_add(usize::from(keyed), Ordering::Relaxed);
            calls.push((began, answer.status));
        }
        calls
    };
    let (revoked, calls) = thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(caller)).collect();
        let patience = Instant::now() + Duration::from_secs(60);
        while released.load(Ordering::Relaxed) < 2 * CALLERS && Instant::now() < patience {
            thread::sleep(Duration::from_millis(5));
        }
        let answer = deployment.revoke(service);
        let revoked = Instant::now();
        revoked_already.store(true, Ordering::SeqCst);
        assert_eq!(answer.status, 200, "{}", answer.text);
        (revoked, callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect::<Vec<_>>())
    });
    assert!(calls.iter().all(|(_, status)| [200, 410].contains(status)), "{calls:?}");
    let after: Vec<u16> =
        calls.iter().filter(|(began, _)| *began > revoked).map(|(_, status)| *status).collect();
    assert!(after.len() >= 2 * CALLERS, "only {} calls came after the revocation", after.len());
    assert!(after.iter().all(|status| *status == 410), "{after:?}");
    assert!(released.load(Ordering::Relaxed) >= 2 * CALLERS, "keys flowed before");
}

fn a_revoked_credential_that_is_repeated_is_one_event_and_its_id_alone_none(service: &KeyService) {
    let deployment = Deployment::register(service, Format::V1, "project-key");
    let other = Deployment::register(service, Format::V1, "project-key");
    assert_eq!(deployment.revoke(service).status, 200);
    let decrypts = || {
        let events = owner(service, "GET", "/projects/prj_a/audit", &Value::Null);
        let events = events.json["events"].as_array().unwrap().clone();
        events.into_iter().filter(|event| event["action"] == "decrypt").collect::<Vec<_>>()
    };
    let path = format!("/deploy/{}/decrypt", deployment.id());
    for outer in [other.outer.as_str(), ""] {
        for _ in 0..10 {
            let answer = call(service.url(), "POST", &path, None, &json!({ "ciphertext": outer }));
            assert!(
                matches!(answer.refusal(), (410, "DEPLOY_REVOKED") | (422, "BLOB_REJECTED")),
                "{}",
                answer.text
            );
        }
    }
    assert_eq!(decrypts(), Vec::<Value>::new(), "who knows the id alone leaves nothing");
    for _ in 0..30 {
        assert_eq!(deployment.decrypt(service.url()).refusal(), (410, "DEPLOY_REVOKED"));
    }
    // Workers record it after the answer.
    let patience = Instant::now() + Duration::from_secs(10);
    while decrypts().is_empty() && Instant::now() < patience {
        thread::sleep(Duration::from_millis(50));
    }
    let recorded = decrypts();
    assert_eq!(recorded.len(), 1, "{recorded:?}");
    assert_eq!(recorded[0]["result"], "DEPLOY_REVOKED");
}
