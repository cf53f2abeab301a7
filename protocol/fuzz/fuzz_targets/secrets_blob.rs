//! Any bytes as a blob, with and without its base64: no panic, and what parses has one canonical text.
#![no_main]

use capy_protocol::blob::SecretsBlob;
use capy_protocol::key::{DeployProjectKey, ServiceKey};
use capy_protocol::text::serialize_base64;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let texts = [Some(serialize_base64(bytes)), String::from_utf8(bytes.to_vec()).ok()];
    for text in texts.into_iter().flatten() {
        let Ok(blob) = SecretsBlob::parse(&text) else { continue };
        assert_eq!(SecretsBlob::parse(&blob.serialize()).as_ref(), Ok(&blob));
        assert!(blob.open(&DeployProjectKey::new([1; 32]), &ServiceKey::new([2; 32])).is_err());
    }
});
