//! Any text as a key, an id, a ring of roots or a phrase: no panic, and ids have one spelling.
#![no_main]

use capy_protocol::id::{DeployId, ProjectId};
use capy_protocol::key::WrapRoot;
use capy_protocol::phrase::RecoveryPhrase;
use capy_protocol::wrap::{InnerBlob, OuterBlob, WrapRoots};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(id) = DeployId::parse(text) {
        assert_eq!(id.to_string(), text);
    }
    if let Ok(id) = ProjectId::parse(text) {
        assert_eq!(id.as_str(), text);
    }
    if let Ok(roots) = WrapRoots::parse(text) {
        assert!(roots.key_ids().next().is_some());
    }
    if let Ok(key) = WrapRoot::parse_hex(text) {
        assert_eq!(*key.serialize_hex(), text.to_ascii_lowercase());
    }
    if let Ok(inner) = InnerBlob::parse_base64(text) {
        assert_eq!(*inner.serialize_base64(), text);
    }
    let _ = OuterBlob::from_bytes(text.as_bytes());
    let _ = RecoveryPhrase::parse(text);
});
