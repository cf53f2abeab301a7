//! Any text as an address with a parameter: no panic; a parameter that is taken is plain, and a cursor has one meaning.
#![no_main]

use axum::http::Uri;
use capy_worker::fuzzing::{cursors, parameter};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for address in [text.to_owned(), format!("/tokens?{text}"), format!("/tokens?cursor={text}")] {
        let Ok(uri) = address.parse::<Uri>() else { continue };
        for name in ["cursor", "from"] {
            if let Some(value) = parameter(&uri, name) {
                assert_eq!(uri.query(), Some(format!("{name}={value}").as_str()));
                assert!(
                    value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
                    "{value}"
                );
            }
        }
        for cursor in cursors(&uri).into_iter().flatten() {
            let time = cursor.split('-').next().unwrap().parse::<u64>().unwrap();
            assert!(time < 1 << 53, "{cursor}");
            let again: Uri = format!("/tokens?cursor={cursor}").parse().unwrap();
            assert!(cursors(&again).contains(&Some(cursor)));
        }
    }
});
