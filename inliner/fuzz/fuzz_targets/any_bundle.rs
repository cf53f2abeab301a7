//! Any text as a bundle: no panic; an edited text still parses; a second run changes nothing.
#![no_main]

use capy_inliner::inline_text;
use capy_inliner::testing::parses;
use capy_protocol::env_map::{EnvMap, SecretValue};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut values = EnvMap::new();
    for name in ["A", "KEY"] {
        let value = SecretValue::new("canary\u{2028}\"\\".to_owned());
        values.try_insert(name, value).expect("a name");
    }
    let inlined = |text: &str| inline_text(text, None, &values).expect("a thread").text;
    let once = inlined(text);
    if once == text {
        return;
    }
    assert!(parses(&once), "{once}");
    assert_eq!(inlined(&once), once);
});
