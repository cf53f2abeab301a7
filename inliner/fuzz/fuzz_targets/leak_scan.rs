//! A value in a public file, written in some form or packed: it is found, or the file is named as not searched.
#![no_main]

use std::fs;

use capy_inliner::{Request, inline};
use capy_protocol::env_map::{EnvMap, SecretValue};
use libfuzzer_sys::fuzz_target;

#[path = "../../tests/support/hiding.rs"]
mod hiding;

/// Choices from the fuzzer's bytes, and when they are used up from what the first of them say (xorshift64*).
fn choices(bytes: &[u8]) -> impl FnMut(usize) -> usize {
    let mut state = bytes.iter().take(8).fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    }) | 1;
    let mut left = bytes.to_vec().into_iter();
    move |sides| {
        if let Some(byte) = left.next() {
            return usize::from(byte) % sides;
        }
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % sides
    }
}

fuzz_target!(|bytes: &[u8]| {
    let hidden = hiding::hidden(&mut choices(bytes));
    let folder = tempfile::tempdir().expect("a folder");
    for part in ["server", "public"] {
        fs::create_dir(folder.path().join(part)).expect("a folder");
    }
    fs::write(folder.path().join("public/a"), &hidden.file).expect("a file");
    let mut values = EnvMap::new();
    values.try_insert("KEY", SecretValue::new(hidden.value)).expect("a name");
    let mut request = Request::new(&values);
    request.server.push(folder.path().join("server"));
    request.public.push(folder.path().join("public"));
    let report = inline(&request).expect("a report");
    assert!(
        report.leaks.iter().any(|leak| leak.name == "KEY") || !report.unscanned_files.is_empty(),
        "{:?}: {:?}",
        hidden.how,
        String::from_utf8_lossy(&hidden.file)
    );
});
