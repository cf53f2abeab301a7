//! The program as `cargo xtask build-worker` starts it. What it builds runs in the journeys of `tests/`.

use std::process::Command;

#[test]
fn a_package_that_is_not_there_is_named_and_nothing_is_written() {
    let folder = std::env::temp_dir().join(format!("capy-build-worker-{}", std::process::id()));
    let mut program = Command::new(env!("CARGO_BIN_EXE_capy-build-worker"));
    program.args(["--package", "capy-absent", "--entry", "entry.mjs", "--out"]).arg(&folder);
    let output = program.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{stderr}");
    assert!(stderr.contains("capy-absent"), "{stderr}");
    assert!(!folder.exists());
}
