//! Any text as what stands after `?`: no panic; a parameter that is taken is plain, and a cursor has one meaning.
#![no_main]

use capy_worker::fuzzing::{cursors, parameter};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for query in [text.to_owned(), format!("cursor={text}"), format!("cursor=1-tok_{text}")] {
        for name in ["cursor", "from"] {
            if let Some(value) = parameter(&query, name) {
                assert_eq!(query, format!("{name}={value}"));
                assert!(
                    value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
                    "{value}"
                );
            }
        }
        for cursor in cursors(&query).into_iter().flatten() {
            let time = cursor.split('-').next().unwrap().parse::<u64>().unwrap();
            assert!(time < 1 << 53, "{cursor}");
            assert!(cursors(&format!("cursor={cursor}")).contains(&Some(cursor)));
        }
    }
});
