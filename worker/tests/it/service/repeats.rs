//! A client whose answer was lost asks again: the same answer, and no second use.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use capy_protocol::blob::Format;
use capy_worker::caller::Peer;
use serde_json::json;

use crate::service::row_seals::write;
use crate::service::support::{Answer, Deployment, Service, request};

const KEY: &str = "00112233445566778899aabbccddeeff";
const OTHER: &str = "ffeeddccbbaa99887766554433221100";
const USED_UP: (u16, &str) = (410, "DEPLOY_USED_UP");

async fn ask_from(service: &Service, deployment: &Deployment, key: &str, address: &str) -> Answer {
    let path = format!("/deploy/{}/decrypt", deployment.id);
    let mut request = request("POST", &path, None, json!({ "ciphertext": deployment.outer }));
    request.headers_mut().insert("idempotency-key", key.parse().unwrap());
    let peer = Peer { address: Some(address.to_owned()), country: None, request_id: None };
    request.extensions_mut().insert(peer);
    service.send(request).await
}

async fn ask(service: &Service, deployment: &Deployment, key: &str) -> Answer {
    ask_from(service, deployment, key, "192.0.2.7").await
}

fn results(service: &Service) -> Vec<String> {
    service.rows("SELECT result FROM audit WHERE action = 'decrypt' ORDER BY id")
}

#[tokio::test]
async fn a_repetition_within_a_minute_gets_the_same_answer_and_takes_no_second_use() {
    let service = Service::new();
    let deployment = service.register_with(Format::V1, "project-key", json!({ "max_uses": 1 })).await;
    let first = ask(&service, &deployment, KEY).await;
    assert_eq!((first.status.as_u16(), &first.json["service_key"]), (200, &json!(deployment.service_key())));
    for pause in [0, 30_000, 29_999] {
        service.advance(pause);
        let again = ask(&service, &deployment, KEY).await;
        assert_eq!((again.status, &again.json), (first.status, &first.json), "after {pause}");
        assert_eq!(ask(&service, &deployment, OTHER).await.refusal(), USED_UP, "another client's");
        assert_eq!(service.decrypt(&deployment).await.refusal(), USED_UP, "no key at all");
    }
    assert_eq!(service.rows("SELECT uses || '' FROM deploys"), ["1"]);
    let released: Vec<_> =
        results(&service).into_iter().filter(|result| result != "DEPLOY_USED_UP").collect();
    assert_eq!(released, ["ok", "repeated", "repeated", "repeated"]);
    service.advance(1);
    assert_eq!(ask(&service, &deployment, KEY).await.refusal(), USED_UP, "a minute is over");
    let kept = format!("{}{}", service.dump(), service.log());
    assert!(!kept.contains(KEY), "only a digest is kept");
}

#[tokio::test]
async fn a_repetition_is_refused_to_whom_everybody_is_refused() {
    let terms = json!({ "max_uses": 1, "expires_in": 30, "cidrs": ["192.0.2.0/24"] });
    let service = Service::new();
    let deployment = service.register_with(Format::V1, "project-key", terms.clone()).await;
    assert_eq!(ask(&service, &deployment, KEY).await.status, 200);
    let elsewhere = ask_from(&service, &deployment, KEY, "198.51.100.1").await;
    assert_eq!(elsewhere.refusal(), (403, "ADDRESS_NOT_ALLOWED"));
    let other = service.register(Format::V1, "project-key").await;
    let path = format!("/deploy/{}/decrypt", deployment.id);
    let mut wrong = request("POST", &path, None, json!({ "ciphertext": other.outer }));
    wrong.headers_mut().insert("idempotency-key", KEY.parse().unwrap());
    assert_eq!(service.send(wrong).await.refusal(), USED_UP, "without the blob it is no repetition");
    service.advance(30_000);
    assert_eq!(ask(&service, &deployment, KEY).await.refusal(), (410, "DEPLOY_EXPIRED"));

    let service = Service::new();
    let deployment = service.register_with(Format::V1, "project-key", terms).await;
    assert_eq!(ask(&service, &deployment, KEY).await.status, 200);
    service.revoke(&deployment).await;
    assert_eq!(ask(&service, &deployment, KEY).await.refusal(), (410, "DEPLOY_REVOKED"));
}

/// Two tries of one call in flight at once, many times.
#[test]
fn tries_at_the_same_time_take_one_use() {
    let one = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    let service = Arc::new(Service::new());
    for round in 0..20 {
        let terms = json!({ "max_uses": 2 });
        let deployment = one().block_on(service.register_with(Format::V1, "project-key", terms));
        let (answered, key) = (AtomicUsize::new(0), format!("{round:032x}"));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let answer = one().block_on(ask(&service, &deployment, &key));
                    assert_eq!(answer.status, 200, "{}", answer.text);
                    answered.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        assert_eq!(answered.into_inner(), 4);
        let uses = format!("SELECT uses || '' FROM deploys WHERE deploy_id = '{}'", deployment.id);
        assert_eq!(service.rows(&uses), ["1"]);
    }
    let ok = results(&service).into_iter().filter(|result| result == "ok").count();
    assert_eq!(ok, 20, "one use each, and events that say repeated");
}

/// What somebody gains who writes to the database and has the blob of a deployment that is used up.
#[tokio::test]
async fn a_repetition_that_the_service_did_not_write_is_a_use() {
    let service = Service::new();
    let deployment = service.register_with(Format::V1, "project-key", json!({ "max_uses": 1 })).await;
    assert_eq!(ask(&service, &deployment, KEY).await.status, 200);
    let named: Vec<String> =
        serde_json::from_str(&service.rows("SELECT repeats FROM deploys").remove(0)).unwrap();
    let [at, digest, seal] = <[&str; 3]>::try_from(named[0].split(' ').collect::<Vec<_>>()).unwrap();
    service.advance(120_000);
    let later = format!("{:016}", at.parse::<u64>().unwrap() + 120_000);
    for text in [
        format!("{later} {digest} {seal}"),
        format!("{later} {digest} {}", "0".repeat(64)),
        format!("{later} {digest}"),
        "9999999999999999".to_owned(),
    ] {
        write(&service, &format!("UPDATE deploys SET repeats = '[\"{text}\"]'"));
        assert_eq!(ask(&service, &deployment, KEY).await.refusal(), USED_UP, "{text}");
    }
    write(&service, "UPDATE deploys SET repeats = 'x'");
    assert_eq!(ask(&service, &deployment, KEY).await.refusal(), (503, "UNAVAILABLE"));
}

#[tokio::test]
async fn what_is_no_idempotency_key_is_refused_and_takes_no_use() {
    let service = Service::new();
    let deployment = service.register(Format::V1, "project-key").await;
    for bad in ["", "x", &KEY[1..], &KEY.to_uppercase(), &format!("\"{KEY}\""), &format!("{KEY}0")] {
        assert_eq!(ask(&service, &deployment, bad).await.refusal(), (400, "BAD_REQUEST"), "{bad}");
    }
    assert_eq!(service.rows("SELECT uses || '' FROM deploys"), ["0"]);
}

#[tokio::test]
async fn every_client_has_repetitions_of_its_own() {
    let service = Service::new();
    let deployment = service.register_with(Format::V1, "project-key", json!({ "max_uses": 40 })).await;
    let key = |number: u64| format!("{number:032x}");
    for number in 0..40 {
        service.advance(1);
        assert_eq!(ask(&service, &deployment, &key(number)).await.status, 200);
    }
    for number in 8..40 {
        assert_eq!(ask(&service, &deployment, &key(number)).await.status, 200, "{number}");
    }
    assert_eq!(ask(&service, &deployment, &key(7)).await.refusal(), USED_UP, "32 are kept");
}
