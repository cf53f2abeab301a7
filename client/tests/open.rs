//! From a pair of variables to open values, and each way in which that is refused.

#[expect(dead_code, reason = "the command line's tests use the rest")]
mod support;

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use capy_client::service::ApiToken;
use capy_client::service_url::PlainHttp;
use capy_client::{Credentials, Deadline, Error, Service, ServiceUrl};
use capy_protocol::api::{Credential, RegisterRequest, SecretText};
use capy_protocol::blob::Format;
use capy_protocol::env_map::{EnvMap, SecretValue};
use capy_protocol::id::ProjectId;
use capy_protocol::key::ProjectKey;
use capy_protocol::mint::Minting;
use capy_protocol::text::{parse_base64, serialize_base64};
use support::{ADMIN_TOKEN, Fault, StandIn};

const CANARY: &str = "canary.A.x9";

type Env = HashMap<&'static str, String>;

fn service(stand_in: &StandIn) -> Service {
    let url = ServiceUrl::parse(&stand_in.url(), "test", PlainHttp::Loopback).unwrap();
    Service::new(url).with_token(ApiToken::parse(ADMIN_TOKEN).unwrap())
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(5))
}

fn mint(stand_in: &StandIn, format: Format, credential: Credential) -> Env {
    let project = ProjectId::parse("prj_a").unwrap();
    let minting = Minting::begin(format, &ProjectKey::new([5; 32]), &project).unwrap();
    let request = RegisterRequest {
        deploy_id: minting.deploy_id(),
        project_id: project,
        inner_blob: SecretText::from(minting.inner_blob()),
        format: format.number(),
        credential,
        label: None,
        platform: None,
        expires_in: None,
        max_uses: None,
        cidrs: Vec::new(),
    };
    let outer = service(stand_in).register(&request, soon()).unwrap();
    let mut env = EnvMap::new();
    env.try_insert("A", SecretValue::new(CANARY.into())).unwrap();
    let minted = minting.finish(&outer, &env).unwrap();
    let mut variables = Env::from([("CAPY_SERVICE_URL", stand_in.url()), ("CAPY_TIMEOUT", "2".into())]);
    let (blob, key, secret) = match credential {
        Credential::ProjectKey => ("SECRETS_BLOB", "PROJECT_KEY", minted.project_key.serialize_hex()),
        Credential::DeployKey => {
            ("_CAPY_SECRETS_BLOB", "_CAPY_DEPLOY_KEY", minted.deploy_token.serialize_hex())
        }
    };
    variables.insert(blob, minted.blob.serialize());
    variables.insert(key, secret.to_string());
    variables
}

fn open(env: &Env) -> Result<Option<EnvMap>, Error> {
    let lookup = |name: &str| env.get(name).map(OsString::from);
    capy_client::open_from_env(lookup, Path::new("/nonexistent"))
}

fn refusal(env: &Env) -> Error {
    let error = open(env).unwrap_err();
    let text = format!("{error} {error:?} {:?}", error.hint());
    assert!(!text.contains(CANARY), "{text}");
    for name in ["PROJECT_KEY", "_CAPY_DEPLOY_KEY", "SECRETS_BLOB"] {
        if let Some(secret) = env.get(name) {
            assert!(!text.contains(secret.as_str()), "{text}");
        }
    }
    error
}

/// The variable with one byte of the decoded blob altered.
fn flip(env: &mut Env, name: &'static str, index: impl Fn(usize) -> usize) {
    let mut bytes = parse_base64(&env[name]).unwrap();
    let at = index(bytes.len());
    bytes[at] ^= 1;
    env.insert(name, serialize_base64(&bytes));
}

#[test]
fn either_credential_and_either_format_opens() {
    let stand_in = StandIn::start();
    for format in [Format::V0, Format::V1] {
        for credential in [Credential::ProjectKey, Credential::DeployKey] {
            let env = open(&mint(&stand_in, format, credential)).unwrap().unwrap();
            assert_eq!(env.get("A").unwrap().expose_secret(), CANARY, "{format:?} {credential:?}");
        }
    }
}

#[test]
fn nothing_set_is_none_and_asks_nobody() {
    assert!(open(&Env::new()).unwrap().is_none());
}

#[test]
fn the_key_never_travels() {
    let stand_in = StandIn::start();
    for (credential, key) in
        [(Credential::ProjectKey, "PROJECT_KEY"), (Credential::DeployKey, "_CAPY_DEPLOY_KEY")]
    {
        let env = mint(&stand_in, Format::V1, credential);
        open(&env).unwrap();
        let sent = format!("{:?}", stand_in.seen());
        let base64 = serialize_base64(&hex_bytes(&env[key]));
        assert!(!sent.contains(&env[key]) && !sent.contains(&base64) && !sent.contains(CANARY));
    }
}

fn hex_bytes(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

#[test]
fn five_faults_have_five_codes_and_five_messages() {
    let (stand_in, other) = (StandIn::start(), StandIn::start());
    let minted = || mint(&stand_in, Format::V1, Credential::ProjectKey);

    let mut wrong_key = minted();
    wrong_key.insert("PROJECT_KEY", "11".repeat(32));
    let mut tampered = minted();
    flip(&mut tampered, "SECRETS_BLOB", |len| len - 1);
    let mut elsewhere = minted();
    elsewhere.insert("CAPY_SERVICE_URL", other.url());
    let mut unknown = minted();
    flip(&mut unknown, "SECRETS_BLOB", |_| 5);
    let revoked = minted();
    let lookup = |name: &str| revoked.get(name).map(OsString::from);
    let id = Credentials::from_env(lookup).unwrap().unwrap().blob().deploy_id();
    service(&stand_in).revoke(&id, soon()).unwrap();

    let mut messages = Vec::new();
    let mut exits = Vec::new();
    for (env, code) in [
        (wrong_key, "WRONG_PROJECT_KEY"),
        (tampered, "BLOB_TAMPERED"),
        (elsewhere, "BLOB_OF_ANOTHER_SERVICE"),
        (unknown, "DEPLOY_UNKNOWN"),
        (revoked, "DEPLOY_REVOKED"),
    ] {
        let error = refusal(&env);
        assert_eq!(error.code(), code);
        messages.push(error.to_string());
        exits.push(error.exit_code());
    }
    messages.sort();
    messages.dedup();
    exits.dedup();
    assert_eq!((messages.len(), exits.len()), (5, 5));
}

#[test]
fn every_flipped_byte_of_a_blob_is_refused_by_name() {
    let stand_in = StandIn::start();
    let env = mint(&stand_in, Format::V1, Credential::ProjectKey);
    let len = parse_base64(&env["SECRETS_BLOB"]).unwrap().len();
    for at in 0..len {
        let mut altered = env.clone();
        flip(&mut altered, "SECRETS_BLOB", |_| at);
        let code = refusal(&altered).code();
        let expected = match at {
            // Without the magic the bytes are read as the original format, whose length field is then garbage.
            0..4 => "BLOB_MALFORMED",
            4 => "BLOB_UNSUPPORTED",
            5..37 => "DEPLOY_UNKNOWN",
            37..41 => "BLOB_MALFORMED|BLOB_TAMPERED|BLOB_OF_ANOTHER_SERVICE",
            41 => "BLOB_TAMPERED",
            42..46 => "BLOB_OF_ANOTHER_SERVICE",
            46..134 => "BLOB_TAMPERED",
            134..166 => "WRONG_PROJECT_KEY",
            _ => "BLOB_TAMPERED",
        };
        assert!(expected.split('|').any(|one| one == code), "byte {at}: {code}");
    }
}

#[test]
fn a_wrong_deploy_key_and_the_wrong_kind_are_told_apart() {
    let stand_in = StandIn::start();
    let mut env = mint(&stand_in, Format::V1, Credential::DeployKey);
    env.insert("_CAPY_DEPLOY_KEY", "11".repeat(32));
    assert_eq!(refusal(&env).code(), "WRONG_DEPLOY_KEY");

    let mut env = mint(&stand_in, Format::V1, Credential::ProjectKey);
    for (from, to) in [("SECRETS_BLOB", "_CAPY_SECRETS_BLOB"), ("PROJECT_KEY", "_CAPY_DEPLOY_KEY")] {
        let value = env.remove(from).unwrap();
        env.insert(to, value);
    }
    assert_eq!(refusal(&env).code(), "WRONG_CREDENTIAL_KIND");
}

#[test]
fn the_original_format_cannot_tell_a_wrong_key_from_tampering() {
    let stand_in = StandIn::start();
    let mut wrong_key = mint(&stand_in, Format::V0, Credential::ProjectKey);
    wrong_key.insert("PROJECT_KEY", "11".repeat(32));
    let mut tampered = mint(&stand_in, Format::V0, Credential::ProjectKey);
    flip(&mut tampered, "SECRETS_BLOB", |len| len - 1);
    for env in [wrong_key, tampered] {
        assert_eq!(refusal(&env).code(), "BLOB_DOES_NOT_OPEN");
    }
}

#[test]
fn passing_faults_are_outlived() {
    let stand_in = StandIn::start();
    let env = mint(&stand_in, Format::V1, Credential::ProjectKey);
    for fault in [
        Fault::Status(500),
        Fault::Status(503),
        Fault::RetryAfter(0),
        Fault::Close,
        Fault::Endless(502),
        Fault::Endless(429),
    ] {
        stand_in.fail_next([fault.clone()]);
        let before = stand_in.seen().len();
        assert!(open(&env).is_ok(), "{fault:?}");
        assert_eq!(stand_in.seen().len() - before, 2, "{fault:?}");
    }
}

#[test]
fn lasting_faults_end_at_the_deadline_with_an_error_that_names_the_url() {
    let stand_in = StandIn::start();
    let env = mint(&stand_in, Format::V1, Credential::ProjectKey);
    for fault in [Fault::Hang, Fault::Drip, Fault::Close, Fault::Status(503)] {
        stand_in.fail_always(fault.clone());
        let start = Instant::now();
        let error = refusal(&env);
        let took = start.elapsed();
        assert_eq!(error.code(), "SERVICE_UNREACHABLE", "{fault:?}");
        assert!(error.to_string().contains(&stand_in.url()), "{error}");
        assert!(!error.to_string().contains('\u{1b}'), "{error:?}");
        assert!(took < Duration::from_millis(2600), "{fault:?} took {took:?}");
        if !matches!(fault, Fault::Hang | Fault::Drip) {
            assert!(matches!(error, Error::ServiceUnreachable { attempts: 2.., .. }), "{error}");
        }
    }
}

#[test]
fn a_wish_beyond_the_deadline_is_not_waited_for() {
    let stand_in = StandIn::start();
    let env = mint(&stand_in, Format::V1, Credential::ProjectKey);
    for wish in [60, u64::MAX] {
        stand_in.fail_always(Fault::RetryAfter(wish));
        let start = Instant::now();
        assert_eq!(refusal(&env).code(), "SERVICE_UNREACHABLE");
        assert!(start.elapsed() < Duration::from_secs(1));
    }
}

#[test]
fn a_closed_port_is_unreachable() {
    let stand_in = StandIn::start();
    let mut env = mint(&stand_in, Format::V1, Credential::ProjectKey);
    env.insert("CAPY_SERVICE_URL", "http://127.0.0.1:1".into());
    let error = refusal(&env);
    assert_eq!(error.code(), "SERVICE_UNREACHABLE");
    assert!(error.to_string().contains("http://127.0.0.1:1"), "{error}");
}

#[test]
fn final_answers_are_not_asked_for_twice() {
    let (stand_in, elsewhere) = (StandIn::start(), StandIn::start());
    let env = mint(&stand_in, Format::V1, Credential::ProjectKey);
    for (fault, code) in [
        (Fault::Garbage, "SERVICE_ERROR"),
        (Fault::Endless(200), "SERVICE_ERROR"),
        (Fault::Redirect(elsewhere.url()), "SERVICE_ERROR"),
        (Fault::Status(404), "SERVICE_REFUSED"),
        (Fault::Refuse(413, "PAYLOAD_TOO_LARGE"), "SERVICE_REFUSED"),
        (Fault::Refuse(418, "BRAND_NEW"), "SERVICE_REFUSED"),
        (Fault::Refuse(403, "FORBIDDEN"), "FORBIDDEN"),
    ] {
        let before = stand_in.seen().len();
        stand_in.fail_always(fault.clone());
        assert_eq!(refusal(&env).code(), code, "{fault:?}");
        assert_eq!(stand_in.seen().len() - before, 1, "{fault:?}");
    }
    assert!(elsewhere.seen().is_empty());
}

#[test]
fn a_peer_without_tls_is_not_trusted_and_not_asked_again() {
    let stand_in = StandIn::start();
    let mut env = mint(&stand_in, Format::V1, Credential::ProjectKey);
    env.insert("CAPY_SERVICE_URL", stand_in.url().replace("http:", "https:"));
    env.insert("CAPY_TIMEOUT", "20".into());
    assert_eq!(refusal(&env).code(), "SERVICE_UNTRUSTED");
}

#[test]
fn a_lost_answer_to_a_registration_is_told_apart() {
    let stand_in = StandIn::start();
    let project = ProjectId::parse("prj_a").unwrap();
    let minting = Minting::begin(Format::V1, &ProjectKey::new([5; 32]), &project).unwrap();
    let request = RegisterRequest {
        deploy_id: minting.deploy_id(),
        project_id: project.clone(),
        inner_blob: SecretText::from(minting.inner_blob()),
        format: 1,
        credential: Credential::ProjectKey,
        label: None,
        platform: None,
        expires_in: None,
        max_uses: None,
        cidrs: Vec::new(),
    };
    stand_in.fail_next([Fault::LoseAnswer]);
    let error = service(&stand_in).register(&request, soon()).unwrap_err();
    assert_eq!(error.code(), "DEPLOY_EXISTS");
    service(&stand_in).revoke(&request.deploy_id, soon()).unwrap();
    let listed = service(&stand_in).list(&project, soon()).unwrap();
    assert!(listed[0].revoked_at.is_some());
}

#[test]
fn all_tries_of_one_opening_are_known_as_one_and_take_one_use() {
    let stand_in = StandIn::start();
    let env = mint(&stand_in, Format::V1, Credential::ProjectKey);
    let keys = || -> Vec<String> {
        let seen = stand_in.seen();
        let decrypts = seen.iter().filter(|seen| seen.path.ends_with("/decrypt"));
        decrypts.map(|seen| seen.header("idempotency-key").unwrap().to_owned()).collect()
    };
    stand_in.fail_next([Fault::LoseAnswer, Fault::Status(503)]);
    assert_eq!(open(&env).unwrap().unwrap().get("A").unwrap().expose_secret(), CANARY);
    assert_eq!(stand_in.deploys()[0].uses, 1);
    let tries = keys();
    assert_eq!((tries.len(), tries[0].len()), (3, 32));
    assert!(tries.iter().all(|key| *key == tries[0]), "{tries:?}");
    open(&env).unwrap();
    assert_ne!(keys()[3], tries[0], "another opening");
    assert_eq!(stand_in.deploys()[0].uses, 2);
}

#[test]
fn a_wrong_api_token_is_refused_without_showing_it() {
    let stand_in = StandIn::start();
    let url = ServiceUrl::parse(&stand_in.url(), "test", PlainHttp::Loopback).unwrap();
    let service = Service::new(url).with_token(ApiToken::parse("wrong-canary").unwrap());
    let error = service.list(&ProjectId::parse("prj_a").unwrap(), soon()).unwrap_err();
    assert_eq!(error.code(), "UNAUTHORIZED");
    assert!(!format!("{error} {error:?} {service:?}").contains("canary"));
}
