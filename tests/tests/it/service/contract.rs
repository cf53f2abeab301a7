//! `worker/openapi.yaml` against a running service: every answer has a status, a form and a content type that it names,
//! none is a 5xx, and what it forbids is refused. schemathesis makes the requests up, hundreds of them, always the same.

use std::process::Command;

use capy_test_support::key_service::KeyService;
use capy_test_support::needs;
use capy_test_support::workspace_root;

#[test]
fn a_running_service_keeps_to_its_description() {
    let is_there = Command::new("schemathesis").arg("--version").output().is_ok();
    if !needs(is_there, "schemathesis, from PyPI") {
        return;
    }
    let service = KeyService::embedded(&capy_journeys::programs()).unwrap();
    let folder = workspace_root().join("worker");
    // It keeps what it found in its working folder.
    let scratch = tempfile::tempdir().unwrap();
    let mut asked = Command::new("schemathesis");
    asked.arg("--config-file").arg(folder.join("schemathesis.toml"));
    asked.arg("run").arg(folder.join("openapi.yaml")).args(["--url", service.url()]);
    asked.current_dir(scratch.path()).env("CAPY_CONTRACT_TOKEN", service.admin_token());
    let output = asked.output().unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{report}\n{}\n{}",
        String::from_utf8_lossy(&output.stderr),
        service.log()
    );
    assert!(report.contains("Tested: 29"), "not every operation was asked for: {report}");
}
