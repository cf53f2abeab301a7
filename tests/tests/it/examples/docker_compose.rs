//! `examples/docker-compose`: podman-compose builds and starts its service. An override puts it into the machine's
//! network, where the key service is on loopback; all else is as in `compose.yaml`.

use std::fs;
use std::process::Command;

use capy_journeys::podman::Podman;
use capy_journeys::printed;
use capy_journeys::python::Python;
use serde_json::{Value, json};

use crate::examples::docker::prepare;
use crate::examples::{Example, ask, free_port};

const PROJECT: &str = "capy-example";
const NAME: &str = "capy-example_shop_1";

#[test]
fn the_service_opens_the_secrets_at_each_start_until_they_are_revoked() {
    let Some(podman) = Podman::find(&["node"]) else { return };
    let Some(python) = Python::require("tests/examples/compose.txt") else { return };
    let Some(example) = Example::new("docker-compose", "docker-compose") else { return };
    prepare(&podman, &example);
    let port = free_port().to_string();
    let text = format!(
        "services:\n  shop:\n    network_mode: host\n    ports: !reset []\n    environment:\n      PORT: \"{port}\"\n"
    );
    fs::write(example.path("compose.override.yaml"), text).unwrap();
    let path = std::env::var_os("PATH").unwrap();
    let with_podman = std::iter::once(podman.bin()).chain(std::env::split_paths(&path));
    let with_podman = std::env::join_paths(with_podman).unwrap();
    let compose = |words: &[&str]| {
        let mut compose: Command = python.module("podman_compose");
        compose.args([
            "--file",
            "compose.yaml",
            "--file",
            "compose.override.yaml",
            "--project-name",
            PROJECT,
        ]);
        compose.args(words).current_dir(example.folder.path()).env("PATH", &with_podman);
        let output = compose.output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", printed(&output));
    };

    compose(&["up", "--build", "--detach"]);
    let log = || podman.run(&["logs", NAME]);
    assert_eq!(ask(&port), example.answer_by_hand(&path), "{}", log());
    let entry = podman.run(&["inspect", "--format", "{{json .Config.Entrypoint}}", NAME]);
    let command = podman.run(&["inspect", "--format", "{{json .Config.Cmd}}", NAME]);
    let service: Value = serde_saphyr::from_str(&example.read("compose.yaml")).unwrap();
    let service = &service["services"]["shop"];
    assert_eq!(service["env_file"], json!("capy.env"));
    // podman joins the words of an entry point.
    assert!(entry.contains("capy run --"), "{entry}");
    assert_eq!(serde_json::from_str::<Value>(&command).unwrap(), service["command"]);

    example.revoke();
    compose(&["restart"]);
    assert_eq!(podman.run(&["wait", NAME]).trim(), "44", "{}", log());
    assert!(log().contains("error[DEPLOY_REVOKED]") && !log().contains(&example.key), "{}", log());
    compose(&["down"]);
}
