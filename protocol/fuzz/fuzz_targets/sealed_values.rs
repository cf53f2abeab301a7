//! Any text as a sealed value or a store row: no panic, and nothing opens that was not sealed.
#![no_main]

use capy_protocol::env_value;
use capy_protocol::id::ProjectId;
use capy_protocol::key::{ProjectKey, StoreKey};
use capy_protocol::store_row::{self, Binding};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let project = ProjectId::parse("prj_fuzz").unwrap();
    let prefixed = format!("{}{text}", env_value::PREFIX);
    for candidate in [text, &prefixed] {
        assert!(env_value::open(&ProjectKey::new([1; 32]), &project, "A", candidate).is_err());
    }
    let (key, binding) = (StoreKey::new([1; 32]), Binding { project: &project, name: "A" });
    assert!(store_row::open(&key, binding, text).is_err() && store_row::open_v0(&key, text).is_err());
});
