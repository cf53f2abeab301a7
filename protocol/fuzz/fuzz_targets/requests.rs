//! Any bytes as a request or an answer of the service: no panic, and what parses survives being written again. What the
//! service reads as a request is the same to a client's derives.
#![no_main]

use capy_protocol::api::projects::{NewProject, ProjectChange, RotateRequest, StoreRows};
use capy_protocol::api::tokens::NewToken;
use capy_protocol::api::trusts::{NewTrust, TrustClaims};
use capy_protocol::api::{
    AuditVerification, DecryptRequest, DecryptResponse, DeployList, ErrorBody, RegisterRequest,
    WriteOffRequest,
};
use capy_protocol::json::{self, FromJson};
use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;

fn check<T: FromJson + Serialize + DeserializeOwned>(bytes: &[u8]) {
    let derived = serde_json::from_slice::<T>(bytes).map(|request| serde_json::to_string(&request).unwrap());
    if let Ok(text) = &derived {
        let again = json::read::<T>(text.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), *text);
    }
    // It takes less: no record as a list, and no name twice.
    if let Ok(request) = json::read::<T>(bytes) {
        assert_eq!(serde_json::to_string(&request).ok(), derived.ok());
    }
}

fuzz_target!(|bytes: &[u8]| {
    check::<RegisterRequest>(bytes);
    check::<DecryptRequest>(bytes);
    check::<NewToken>(bytes);
    check::<NewTrust>(bytes);
    check::<TrustClaims>(bytes);
    check::<NewProject>(bytes);
    check::<ProjectChange>(bytes);
    check::<RotateRequest>(bytes);
    check::<WriteOffRequest>(bytes);
    let _ = serde_json::from_slice::<AuditVerification>(bytes);
    let _ = serde_json::from_slice::<StoreRows>(bytes);
    let _ = serde_json::from_slice::<DeployList>(bytes);
    let _ = serde_json::from_slice::<ErrorBody>(bytes);
    if let Ok(answer) = serde_json::from_slice::<DecryptResponse>(bytes) {
        let _ = answer.parse_service_key();
    }
});
