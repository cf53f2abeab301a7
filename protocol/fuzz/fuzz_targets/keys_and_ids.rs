//! Any text as a key, a token, a scope, an id, a ring of roots or a phrase: no panic, and ids have one spelling.
#![no_main]

use capy_protocol::id::{DeployId, ProjectId};
use capy_protocol::key::WrapRoot;
use capy_protocol::phrase::RecoveryPhrase;
use capy_protocol::scope::Scope;
use capy_protocol::token::{Token, TokenId};
use capy_protocol::wrap::{InnerBlob, OuterBlob, WrapRoots};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(id) = DeployId::parse(text) {
        assert_eq!(id.to_string(), text);
    }
    if let Ok(id) = ProjectId::parse(text) {
        assert_eq!(id.as_str(), text);
    }
    if let Ok(id) = TokenId::parse(text) {
        assert_eq!(id.to_string(), text);
    }
    if let Ok(scope) = Scope::parse(text) {
        assert_eq!(scope.to_string(), text);
        assert!(scope.covers(&scope));
    }
    if let Ok(token) = Token::parse(text) {
        assert_eq!(token.expose_secret(), text);
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
