//! Any text as a bundle: no panic; what was edited still parses; a second pass changes nothing; no value where there
//! was no read.
#![no_main]

use capy_inliner::testing::{inline, parses};
use capy_protocol::env_map::{EnvMap, SecretValue};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut values = EnvMap::new();
    for name in ["A", "KEY"] {
        let value = SecretValue::new("canary\u{2028}\"\\".to_owned());
        values.try_insert(name, value).expect("a name");
    }
    let once = inline(text, &values);
    if once.text == text {
        return;
    }
    assert!(parses(&once.text), "{}", once.text);
    assert_eq!(inline(&once.text, &values).text, once.text);
});
