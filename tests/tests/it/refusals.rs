//! Five ways in which credentials can be wrong, each with its own message, stable code and exit code; and a
//! service that is down. In none of them does the command run.

use std::process::Output;

use capy_journeys::{printed, programs};
use capy_protocol::text::{parse_base64, serialize_base64};
use capy_test_support::desk::{Credentials, Desk};
use capy_test_support::key_service::KeyService;
use capy_test_support::node::require_node;
use tempfile::TempDir;

struct Case {
    code: &'static str,
    exit: i32,
    output: Output,
}

fn replaced(credentials: &Credentials, name: &str, change: impl Fn(&str) -> String) -> Credentials {
    let mut changed = credentials.clone();
    let (_, value) = changed.variables.iter_mut().find(|(known, _)| known == name).unwrap();
    *value = change(value);
    changed
}

/// The blob with one byte flipped.
fn flipped(blob: &str, index: impl Fn(usize) -> usize) -> String {
    let mut bytes = parse_base64(blob).unwrap();
    let index = index(bytes.len());
    bytes[index] ^= 1;
    serialize_base64(&bytes)
}

#[test]
fn each_wrong_credential_has_its_own_message_and_code() {
    let Some(node) = require_node() else { return };
    let (service, other) = (KeyService::start(&node).unwrap(), KeyService::start(&node).unwrap());
    let (project, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let desk = Desk::new(&programs(), project.path()).unwrap();
    desk.set_up(service.url(), service.admin_token(), &[("A", "canary.A.x9")]).unwrap();
    let good = desk.deploy(&[]).unwrap();
    let revoked = desk.deploy(&[]).unwrap();
    desk.run(&["deploy", "revoke", &revoked.deploy_id], "").unwrap();
    let other_desk = Desk::new(&programs(), elsewhere.path()).unwrap();
    other_desk.set_up(other.url(), other.admin_token(), &[("A", "canary.A.x9")]).unwrap();
    let foreign =
        replaced(&other_desk.deploy(&[]).unwrap(), "CAPY_SERVICE_URL", |_| service.url().to_owned());

    let marker = project.path().join("the-command-ran");
    let touch = ["run", "--", "touch", marker.to_str().unwrap()];
    let refused = |code, exit, credentials: &Credentials| {
        let output = desk.on_platform(project.path(), credentials, &touch).output().unwrap();
        Case { code, exit, output }
    };
    // Offsets: magic and version 5, deploy id 32, length 4, then the outer blob with its key id.
    let cases = [
        refused("WRONG_PROJECT_KEY", 40, &replaced(&good, "PROJECT_KEY", |_| "ab".repeat(32))),
        refused("BLOB_TAMPERED", 41, &replaced(&good, "SECRETS_BLOB", |blob| flipped(blob, |len| len - 20))),
        refused("BLOB_TAMPERED", 41, &replaced(&good, "SECRETS_BLOB", |blob| flipped(blob, |_| 60))),
        refused("BLOB_OF_ANOTHER_SERVICE", 42, &foreign),
        refused("DEPLOY_UNKNOWN", 43, &replaced(&good, "SECRETS_BLOB", |blob| flipped(blob, |_| 20))),
        refused("DEPLOY_REVOKED", 44, &revoked),
    ];
    let mut messages = Vec::new();
    for Case { code, exit, output } in &cases {
        let text = printed(output);
        assert!(text.contains(code), "{code}: {text}");
        assert_eq!(output.status.code(), Some(*exit), "{code}: {text}");
        assert!(!text.contains("canary.A.x9"), "{code}: {text}");
        let error = text.lines().find(|line| line.starts_with("error")).unwrap().to_owned();
        if !messages.contains(&error) {
            messages.push(error);
        }
    }
    assert!(messages.len() >= 5, "{messages:#?}");
    assert!(!marker.exists(), "a refused command ran");

    let output = desk.on_platform(project.path(), &good, &touch).output().unwrap();
    assert!(output.status.success() && marker.exists(), "{}", printed(&output));
}

#[test]
fn a_service_that_stops_is_named_and_the_command_does_not_run() {
    let Some(node) = require_node() else { return };
    let service = KeyService::start(&node).unwrap();
    let project = TempDir::new().unwrap();
    let desk = Desk::new(&programs(), project.path()).unwrap();
    desk.set_up(service.url(), service.admin_token(), &[("A", "canary.A.x9")]).unwrap();
    let credentials = desk.deploy(&[]).unwrap();
    let url = service.url().to_owned();
    drop(service);

    let marker = project.path().join("the-command-ran");
    let touch = ["run", "--", "touch", marker.to_str().unwrap()];
    let mut capy = desk.on_platform(project.path(), &credentials, &touch);
    let output = capy.env("CAPY_TIMEOUT", "2").output().unwrap();
    let text = printed(&output);
    assert!(text.contains("SERVICE_UNREACHABLE") && text.contains(&url), "{text}");
    assert!(!output.status.success() && !marker.exists(), "{text}");
}
