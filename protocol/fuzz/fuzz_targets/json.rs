//! Any bytes as JSON: the service's own reader takes what `serde_json` takes, makes the same of it, and refuses the same.
#![no_main]

#[path = "../../tests/it/json/reference.rs"]
mod reference;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // Longer ones may have more names or values than are read.
    if bytes.len() <= 1024 {
        reference::check(bytes);
    }
});
