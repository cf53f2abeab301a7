//! The GitHub Action: its step installs with curl, and tells the runner where the programs are.

use std::fs;
use std::process::Command;

use capy_test_support::needs;

use crate::dist::{installer, output, release, version};

#[test]
fn step_puts_the_programs_on_path() {
    release();
    let has_curl = Command::new("curl").arg("--version").output().is_ok();
    if !needs(has_curl, "curl") {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let (path, told) = (temp.path().join("path"), temp.path().join("output"));
    installer::serve(|url| {
        let setup = capy_test_support::workspace_root().join("setup");
        let mut step = Command::new(setup.join("install.sh"));
        step.env("ACTION_PATH", &setup)
            .env("ACTION_REPOSITORY", "owner/capy")
            .env("RUNNER_TEMP", temp.path());
        step.env("VERSION", "")
            .env("DOWNLOAD_URL", url)
            .env("GITHUB_PATH", &path)
            .env("GITHUB_OUTPUT", &told);
        output(&mut step);
    });
    let folder = fs::read_to_string(path).unwrap();
    let folder = folder.strip_suffix('\n').unwrap();
    assert!(
        output(Command::new(format!("{folder}/capy-inline")).arg("--version")).starts_with("capy-inline ")
    );
    assert!(fs::read_to_string(told).unwrap().starts_with(&format!("version=capy {}", version())));
}
