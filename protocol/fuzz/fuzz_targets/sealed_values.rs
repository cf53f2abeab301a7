//! Any text as a sealed value or a store row: no panic, and nothing opens that was not sealed.
#![no_main]

use capy_protocol::id::ProjectId;
use capy_protocol::key::{ProjectKey, StoreKey};
use capy_protocol::{env_value, store_row};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let project = ProjectId::parse("prj_fuzz").unwrap();
    let prefixed = format!("{}{text}", env_value::PREFIX);
    for candidate in [text, &prefixed] {
        assert!(env_value::open(&ProjectKey::new([1; 32]), &project, "A", candidate).is_err());
    }
    assert!(store_row::open(&StoreKey::new([1; 32]), text).is_err());
});
