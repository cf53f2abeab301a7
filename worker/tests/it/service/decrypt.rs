//! Who gets a key, and who does not, under every fault of the store.

use crate::service::support::{NOW, Service};
use capy_protocol::blob::Format;
use capy_protocol::id::DeployId;
use capy_protocol::text::{parse_base64, serialize_base64};
use capy_worker_testing::Faults;
use serde_json::json;

const REVOKED: (u16, &str) = (410, "DEPLOY_REVOKED");
const UNAVAILABLE: (u16, &str) = (503, "UNAVAILABLE");

#[tokio::test]
async fn a_live_deployment_gets_its_half_of_the_key() {
    let service = Service::new();
    for format in [Format::V0, Format::V1] {
        let deployment = service.register(format, "project-key").await;
        let answer = service.decrypt(&deployment).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.json["service_key"], deployment.service_key());
        assert_eq!(answer.json["project_id"], "prj_a");
        assert!(
            answer.json.get("inner_blob").is_none(),
            "PROJECT_KEY and the inner blob together need no service"
        );
    }
}

#[tokio::test]
async fn the_inner_blob_goes_to_the_deploy_key_credential_only() {
    let service = Service::new();
    let deployment = service.register(Format::V1, "deploy-key").await;
    let answer = service.decrypt(&deployment).await;
    assert_eq!(answer.json["inner_blob"], *deployment.minting.inner_blob().serialize_base64());
}

#[tokio::test]
async fn a_use_is_counted_and_its_event_names_the_caller() {
    let service = Service::new();
    let deployment = service.register(Format::V1, "project-key").await;
    service.decrypt(&deployment).await;
    service.decrypt(&deployment).await;
    let listed = service.call("GET", "/projects/prj_a/deploys", serde_json::Value::Null).await;
    assert_eq!(listed.json["deploys"][0]["uses"], 2);
    assert_eq!(listed.json["deploys"][0]["last_used_at"], NOW);
    assert_eq!(service.actions(), ["register", "decrypt", "decrypt"]);
    let expected = format!("decrypt ok {} prj_a 192.0.2.7 IS test/1", deployment.id);
    assert_eq!(service.events()[1], expected);
}

/// Rows: what does not work, what a live deployment gets, what a revoked one gets.
#[tokio::test]
async fn no_fault_of_the_store_releases_a_key_of_a_revoked_deployment() {
    let works = Faults::default();
    let ok = (200, "");
    for (faults, live, revoked) in [
        (works, ok, REVOKED),
        (Faults { list_lags: true, ..works }, ok, REVOKED),
        (Faults { list_reads: true, ..works }, ok, REVOKED),
        (Faults { list_writes: true, list_lags: true, ..works }, ok, REVOKED),
        (Faults { database: true, ..works }, UNAVAILABLE, REVOKED),
        (Faults { database: true, list_lags: true, ..works }, UNAVAILABLE, UNAVAILABLE),
        (Faults { database: true, list_reads: true, ..works }, UNAVAILABLE, UNAVAILABLE),
        (Faults { database_writes: true, ..works }, UNAVAILABLE, REVOKED),
        (Faults { database_writes: true, list_reads: true, ..works }, UNAVAILABLE, REVOKED),
        (Faults { revoked_between: true, ..works }, REVOKED, REVOKED),
    ] {
        let service = Service::new();
        let of_live = service.register(Format::V1, "project-key").await;
        let of_revoked = service.register(Format::V1, "project-key").await;
        service.revoke(&of_revoked).await;
        service.inject(faults);
        for (deployment, expected) in [(of_live, live), (of_revoked, revoked)] {
            let answer = service.decrypt(&deployment).await;
            assert_eq!(answer.refusal(), expected, "{faults:?}: {}", answer.text);
            let released = answer.text.contains(&deployment.service_key());
            assert_eq!(released, expected == ok, "{faults:?}");
        }
    }
}

#[tokio::test]
async fn a_revocation_between_lookup_and_release_is_recorded_as_a_refusal() {
    let service = Service::new();
    let deployment = service.register(Format::V1, "project-key").await;
    service.inject(Faults { revoked_between: true, ..Faults::default() });
    assert_eq!(service.decrypt(&deployment).await.refusal(), REVOKED);
    let expected = format!("decrypt DEPLOY_REVOKED {} prj_a 192.0.2.7 IS test/1", deployment.id);
    assert_eq!(service.events()[1..], [expected], "no key was released");
}

#[tokio::test]
async fn a_list_that_missed_a_revocation_is_mended_by_the_next_call() {
    let service = Service::new();
    let deployment = service.register(Format::V1, "project-key").await;
    service.inject(Faults { list_writes: true, ..Faults::default() });
    assert_eq!(service.revoke(&deployment).await.status, 200, "the database is the authority");
    assert!(service.host().listed().is_empty());
    service.inject(Faults::default());
    assert_eq!(service.decrypt(&deployment).await.refusal(), REVOKED);
    assert_eq!(service.host().listed(), [deployment.id]);
    service.inject(Faults { database: true, ..Faults::default() });
    assert_eq!(service.decrypt(&deployment).await.refusal(), REVOKED, "now without the database");
}

#[tokio::test]
async fn faults_of_blob_and_id_are_told_apart() {
    let service = Service::new();
    let deployment = service.register(Format::V1, "project-key").await;
    let other = service.register(Format::V1, "project-key").await;
    let altered = |at: usize| {
        let mut bytes = parse_base64(&deployment.outer).unwrap();
        bytes[at] ^= 1;
        serialize_base64(&bytes)
    };
    let cut = serialize_base64(&parse_base64(&deployment.outer).unwrap()[..92]);
    let unknown = DeployId::new([9; 32]);
    for (id, outer, expected) in [
        (deployment.id, altered(40), (422, "BLOB_REJECTED")),
        (deployment.id, altered(92), (422, "BLOB_REJECTED")),
        (deployment.id, altered(0), (422, "BLOB_REJECTED")),
        (deployment.id, cut, (422, "BLOB_REJECTED")),
        (deployment.id, String::new(), (422, "BLOB_REJECTED")),
        (deployment.id, other.outer.clone(), (422, "BLOB_REJECTED")),
        (deployment.id, altered(1), (422, "WRAP_ROOT_UNKNOWN")),
        (deployment.id, "****".into(), (400, "BAD_REQUEST")),
        (unknown, deployment.outer.clone(), (404, "DEPLOY_UNKNOWN")),
        (unknown, altered(1), (422, "WRAP_ROOT_UNKNOWN")),
    ] {
        let answer = service.decrypt_outer(&id, &outer).await;
        assert_eq!(answer.refusal(), expected, "{outer}");
        assert!(answer.json.get("service_key").is_none());
    }
    let events = service.events();
    let of = |id: &DeployId| events.iter().filter(|event| event.contains(&id.to_string())).count();
    assert!(events.iter().all(|event| !event.starts_with("decrypt ok")), "no refusal counts as a use");
    assert_eq!(of(&deployment.id), 1, "its registration: nothing is kept of who does not bring its blob");
    assert_eq!((of(&unknown), of(&other.id)), (0, 1), "nothing is kept of an id that nobody has");
}

#[tokio::test]
async fn a_blob_of_an_unknown_root_is_another_services_when_the_database_says_so_and_not_while_it_is_silent()
{
    let deployment = Service::new().register(Format::V1, "project-key").await;
    let service =
        Service::with_secrets(Some(crate::service::support::TOKEN), Some(&format!("1:{}", "33".repeat(32))));
    assert_eq!(service.decrypt(&deployment).await.refusal(), (422, "WRAP_ROOT_UNKNOWN"));
    service.inject(Faults { database: true, ..Faults::default() });
    assert_eq!(service.decrypt(&deployment).await.refusal(), UNAVAILABLE, "it may be a root that is gone");
}

#[tokio::test]
async fn without_wrap_roots_no_key_and_a_log_that_names_the_secret() {
    for roots in [None, Some("7:canary.ROOT.x9")] {
        let deployment = Service::new().register(Format::V1, "project-key").await;
        let service = Service::with_secrets(Some(crate::service::support::TOKEN), roots);
        assert_eq!(service.decrypt(&deployment).await.refusal(), UNAVAILABLE);
        assert!(service.log().contains("secret WRAP_ROOTS is"), "{}", service.log());
        assert!(!service.log().contains("canary"));
    }
}

#[tokio::test]
async fn a_listed_id_costs_the_database_one_event_a_minute() {
    let service = Service::new();
    let deployment = service.register(Format::V1, "project-key").await;
    service.revoke(&deployment).await;
    for _ in 0..5 {
        assert_eq!(service.decrypt(&deployment).await.refusal(), REVOKED);
    }
    assert_eq!(service.actions(), ["register", "revoke", "decrypt"]);
    service.advance(60_000);
    for _ in 0..5 {
        assert_eq!(service.decrypt(&deployment).await.refusal(), REVOKED);
    }
    assert_eq!(service.actions(), ["register", "revoke", "decrypt", "decrypt"]);
}

#[tokio::test]
async fn whatever_refuses_who_brings_the_blob_is_one_event_a_minute_of_each_kind() {
    let service = Service::new();
    let terms = json!({ "expires_in": 600, "cidrs": ["192.0.2.0/24"] });
    let deployment = service.register_with(Format::V1, "project-key", terms).await;
    // A list that says nothing, as on a machine of one's own.
    service.inject(Faults { list_lags: true, ..Faults::default() });
    let decrypts = || service.actions().iter().filter(|action| *action == "decrypt").count();
    let many = async |address, code: (u16, &str), expected| {
        for _ in 0..5 {
            assert_eq!(service.decrypt_from(&deployment, Some(address)).await.refusal(), code);
        }
        assert_eq!(decrypts(), expected, "{code:?}");
    };
    many("198.51.100.1", (403, "ADDRESS_NOT_ALLOWED"), 1).await;
    service.advance(600_000);
    many("192.0.2.1", (410, "DEPLOY_EXPIRED"), 2).await;
    service.revoke(&deployment).await;
    many("192.0.2.1", REVOKED, 3).await;
    service.advance(59_999);
    many("192.0.2.1", REVOKED, 3).await;
    service.advance(1);
    many("192.0.2.1", REVOKED, 4).await;
}

#[tokio::test]
async fn a_revoked_id_without_its_blob_neither_is_an_event_nor_takes_the_place_of_one() {
    for faults in [Faults::default(), Faults { list_lags: true, ..Faults::default() }] {
        let service = Service::new();
        let deployment = service.register(Format::V1, "project-key").await;
        let other = service.register(Format::V1, "project-key").await;
        service.revoke(&deployment).await;
        service.inject(faults);
        let before = service.actions().len();
        for _ in 0..5 {
            assert_eq!(service.decrypt_outer(&deployment.id, &other.outer).await.refusal(), REVOKED);
        }
        assert_eq!(service.actions().len(), before, "{faults:?}");
        assert_eq!(service.decrypt(&deployment).await.refusal(), REVOKED);
        assert_eq!(service.actions().len(), before + 1, "{faults:?}");
    }
}

#[tokio::test]
async fn the_database_is_asked_once_for_a_listed_id_whoever_repeats_it() {
    let service = Service::new();
    let deployment = service.register(Format::V1, "project-key").await;
    service.revoke(&deployment).await;
    service.decrypt_outer(&deployment.id, "").await;
    let mut altered = parse_base64(&deployment.outer).unwrap();
    altered[40] ^= 1;
    let altered = serialize_base64(&altered);
    assert_eq!(service.decrypt_outer(&deployment.id, &altered).await.refusal(), REVOKED);
    service.inject(Faults { database: true, ..Faults::default() });
    for _ in 0..5 {
        assert_eq!(service.decrypt_outer(&deployment.id, &altered).await.refusal(), REVOKED);
    }
    assert_eq!(service.log(), "", "nothing was asked that did not answer");
}
