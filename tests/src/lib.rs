//! What the journeys share: the programs under test, frameworks' apps, canaries and keys as they might
//! be found, containers, and a recorder.

pub mod frameworks;
pub mod needles;
pub mod podman;
pub mod recorder;

use std::path::PathBuf;
use std::process::Output;

/// The folder of the programs that cargo built with these tests.
///
/// # Panics
/// When `capy`, `capy-server` or `capy-inline` is not there.
pub fn programs() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let folder = test.ancestors().nth(2).expect("tests lie in deps/").to_path_buf();
    for program in ["capy", "capy-server", "capy-inline"] {
        assert!(
            folder.join(program).is_file(),
            "{program} is not built: run `cargo xtask test`, or `cargo build`"
        );
    }
    folder
}

/// stdout and stderr as one text, for messages and searches.
pub fn printed(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
