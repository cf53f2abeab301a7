//! Linux on ARM64, by an emulator of its processor.

use std::process::Command;

use capy_test_support::needs;
use flate2::read::GzDecoder;
use xtask::dist::{Part, Target};

use crate::dist::{make, output, version};

#[test]
#[ignore = "builds all programs for another target"]
fn arm_programs_run_under_an_emulator() {
    let has_emulator = Command::new("qemu-aarch64-static").arg("--version").output().is_ok();
    if !needs(has_emulator, "qemu-user-static") {
        return;
    }
    let out = make("dist-tests-arm", &[Part::Archives], Target::LinuxArm64);
    let folder = tempfile::tempdir().unwrap();
    let packed = std::fs::read(out.join("capy-aarch64-unknown-linux-musl.tar.gz")).unwrap();
    tar::Archive::new(GzDecoder::new(&packed[..])).unpack(folder.path()).unwrap();
    let capy = folder.path().join("bin/capy");
    let run = |arguments: &[&str]| {
        let mut emulator = Command::new("qemu-aarch64-static");
        output(emulator.arg(&capy).args(arguments).env_clear().current_dir(folder.path()))
    };
    assert!(run(&["--version"]).starts_with(&format!("capy {}", version())));
    // Keys are drawn by this processor's own instructions, where it has them.
    assert!(run(&["service", "keygen"]).trim().len() > 40);
}
