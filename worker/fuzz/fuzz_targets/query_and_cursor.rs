//! Any text as what stands after `?`: no panic; a parameter that is taken is plain, and a cursor has one meaning.
#![no_main]

use capy_protocol::token::{TokenId, TrustId};
use capy_worker::query;
use libfuzzer_sys::fuzz_target;

/// A cursor of the list of tokens, and one of the list of trusts, parsed and serialized again.
fn cursors(text: &str) -> [Option<String>; 2] {
    let tokens = query::cursor(Some(text), TokenId::parse).ok().flatten();
    let trusts = query::cursor(Some(text), TrustId::parse).ok().flatten();
    [tokens.map(|cursor| cursor.to_string()), trusts.map(|cursor| cursor.to_string())]
}

fuzz_target!(|text: &str| {
    for text in [text.to_owned(), format!("cursor={text}"), format!("cursor=1-tok_{text}")] {
        for name in ["cursor", "from"] {
            if let Ok(Some(value)) = query::only(Some(&text), name) {
                assert_eq!(text, format!("{name}={value}"));
                assert!(
                    value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
                    "{value}"
                );
            }
        }
        for cursor in cursors(&text).into_iter().flatten() {
            let time = cursor.split('-').next().unwrap().parse::<u64>().unwrap();
            assert!(time < 1 << 53, "{cursor}");
            assert!(cursors(&format!("cursor={cursor}")).contains(&Some(cursor)));
        }
    }
});
