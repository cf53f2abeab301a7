//! Any bytes as a request or an answer of the service: no panic, and what parses survives being written again.
#![no_main]

use capy_protocol::api::projects::{NewProject, ProjectChange, RotateRequest, StoreRows};
use capy_protocol::api::tokens::NewToken;
use capy_protocol::api::trusts::NewTrust;
use capy_protocol::api::{
    AuditVerification, DecryptRequest, DecryptResponse, DeployList, ErrorBody, RegisterRequest,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = serde_json::from_slice::<RegisterRequest>(bytes) {
        let again = serde_json::to_vec(&request).unwrap();
        assert_eq!(serde_json::from_slice::<RegisterRequest>(&again).unwrap().deploy_id, request.deploy_id);
    }
    if let Ok(request) = serde_json::from_slice::<NewTrust>(bytes) {
        let again = serde_json::to_vec(&request).unwrap();
        assert_eq!(serde_json::from_slice::<NewTrust>(&again).unwrap(), request);
    }
    if let Ok(request) = serde_json::from_slice::<NewToken>(bytes) {
        let again = serde_json::to_vec(&request).unwrap();
        assert_eq!(serde_json::from_slice::<NewToken>(&again).unwrap().scopes, request.scopes);
    }
    let _ = serde_json::from_slice::<RotateRequest>(bytes);
    let _ = serde_json::from_slice::<AuditVerification>(bytes);
    let _ = serde_json::from_slice::<DecryptRequest>(bytes);
    let _ = serde_json::from_slice::<NewProject>(bytes);
    let _ = serde_json::from_slice::<ProjectChange>(bytes);
    let _ = serde_json::from_slice::<StoreRows>(bytes);
    let _ = serde_json::from_slice::<DeployList>(bytes);
    let _ = serde_json::from_slice::<ErrorBody>(bytes);
    if let Ok(answer) = serde_json::from_slice::<DecryptResponse>(bytes) {
        let _ = answer.parse_service_key();
    }
});
