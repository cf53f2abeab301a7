//! Any bytes as the decrypted map: no panic, and what parses survives being written again.
#![no_main]

use capy_protocol::env_map::EnvMap;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(env) = EnvMap::parse_json(bytes) {
        assert_eq!(EnvMap::parse_json(env.serialize_json().as_bytes()), Ok(env));
    }
});
