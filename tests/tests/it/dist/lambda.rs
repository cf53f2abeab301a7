//! The layer of AWS Lambda: what is in it, and that its wrapper becomes the runtime's command.

use std::io::{Cursor, Read};
use std::process::Command;

use zip::{DateTime, ZipArchive};

use crate::dist::{output, read, release};

const LAYER: &str = "capy-lambda-layer-x86_64.zip";
/// Lambda refuses a function whose code and layers have more bytes together when they are unpacked.
const LAMBDA_MAX: u64 = 250 * 1024 * 1024;

#[test]
fn layer_holds_the_program_the_wrapper_and_licences_with_their_modes() {
    let mut layer = ZipArchive::new(Cursor::new(read(LAYER))).unwrap();
    let mut found = Vec::new();
    let mut unpacked = 0;
    for index in 0..layer.len() {
        let entry = layer.by_index(index).unwrap();
        let name = entry.name().unwrap().into_owned();
        assert_eq!(entry.last_modified(), Some(DateTime::default()), "{name}");
        unpacked += entry.size();
        found.push((name, entry.unix_mode().unwrap() & 0o7777));
    }
    let expected = [
        ("bin/capy", 0o755),
        ("capy-wrapper", 0o755),
        ("share/doc/capy/LICENSE-APACHE", 0o644),
        ("share/doc/capy/LICENSE-MIT", 0o644),
        ("share/doc/capy/LICENSES-THIRD-PARTY", 0o644),
    ];
    assert_eq!(found, expected.map(|(path, mode)| (path.to_owned(), mode)));
    assert!(unpacked < LAMBDA_MAX / 20, "{unpacked} bytes");
    let mut script = String::new();
    layer.by_name("capy-wrapper").unwrap().read_to_string(&mut script).unwrap();
    assert!(script.starts_with("#!/bin/sh\n") && !script.contains('\r'), "{script}");
}

#[test]
fn unpacked_wrapper_starts_the_command_without_a_c_library_of_the_machine() {
    let folder = tempfile::tempdir().unwrap();
    ZipArchive::new(Cursor::new(read(LAYER))).unwrap().extract(folder.path()).unwrap();
    std::fs::write(folder.path().join(".env"), "A=canary.A.x9\n").unwrap();
    let mut wrapper = Command::new(folder.path().join("capy-wrapper"));
    wrapper.args(["/bin/sh", "-c", "echo \"$A ${CAPY_TIMEOUT-unset} $1\"", "sh", "a  b"]);
    let printed = output(wrapper.env_clear().current_dir(folder.path()));
    assert_eq!(printed, "canary.A.x9 unset a  b\n");
    let sums = String::from_utf8(read("SHA256SUMS")).unwrap();
    assert!(sums.contains(LAYER), "{sums}\nin {}", release().display());
}
