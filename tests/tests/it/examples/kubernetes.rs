//! `examples/kubernetes`: a manifest that the schemas of Kubernetes allow and that holds no Secret. Its container opens
//! the secrets, with the command, the arguments and the variables that a cluster would give it.

use std::fs;
use std::process::Command;

use capy_journeys::podman::{Podman, Start};
use capy_journeys::printed;
use capy_journeys::python::Python;
use capy_test_support::workspace_root;
use serde_json::{Value, json};

use crate::examples::docker::{IMAGE, build};
use crate::examples::{Example, ask, copy, free_port};

const NAME: &str = "capy-example-kubernetes";

fn manifests() -> (String, Vec<Value>) {
    let text = fs::read_to_string(workspace_root().join("examples/kubernetes/shop.yaml")).unwrap();
    let parsed = text.split("\n---\n").map(|manifest| serde_saphyr::from_str(manifest).unwrap()).collect();
    (text, parsed)
}

#[test]
fn the_manifests_are_valid_and_hold_no_value() {
    let Some(python) = Python::require("tests/examples/kubernetes.txt") else { return };
    let (text, manifests) = manifests();
    let kinds: Vec<_> = manifests.iter().map(|manifest| &manifest["kind"]).collect();
    assert_eq!(kinds, ["Deployment", "Service"]);
    assert!(manifests[0].pointer("/spec/template/spec/containers/0/env").is_none());

    let folder = tempfile::tempdir().unwrap();
    let check = |text: &str| {
        let file = folder.path().join("shop.yaml");
        fs::write(&file, text).unwrap();
        let mut validate: Command = python.module("kubernetes_validate");
        validate.args(["--strict", "--kubernetes-version", "1.37.0"]).arg(file).output().unwrap()
    };
    let valid = check(&text);
    assert!(valid.status.success(), "{}", printed(&valid));
    assert_eq!(printed(&valid).matches(" passed ").count(), 2, "{}", printed(&valid));
    // A fault is found.
    let faulty = check(&text.replace("secretRef:", "secretRefs:"));
    assert!(!faulty.status.success() && printed(&faulty).contains("secretRefs"), "{}", printed(&faulty));
}

#[test]
fn the_container_opens_the_secrets_with_the_manifests_command() {
    let Some(podman) = Podman::find(&["node"]) else { return };
    let (_, manifests) = manifests();
    let container = manifests[0].pointer("/spec/template/spec/containers/0").unwrap();
    assert_eq!(container["envFrom"], json!([{ "secretRef": { "name": "capy" } }]));
    // The image is that of the example for Docker.
    let Some(example) = Example::new("kubernetes", "kubernetes") else { return };
    copy(&workspace_root().join("examples/docker"), example.folder.path());
    build(&podman, &example);

    let (file, port) = (example.path("capy.env").display().to_string(), free_port().to_string());
    let variable = format!("PORT={port}");
    // A manifest's `command` is an image's entry point, and its `args` are the command.
    let entry = container["command"].to_string();
    let options = ["--entrypoint", &entry, "--env-file", &file, "--env", &variable];
    let more = ["--env", "KUBERNETES_SERVICE_HOST=10.0.0.1", "--env", "KUBERNETES_SERVICE_PORT=443"];
    let options = [&options[..], &more].concat();
    let args: Vec<_> = container["args"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let started = podman.start_on_host(NAME, IMAGE, &Start { options: &options, command: &args });
    assert_eq!(ask(&port), example.answer_by_hand(&std::env::var_os("PATH").unwrap()));
    assert_eq!(started.stop(), "143", "{}", started.log());

    example.revoke();
    started.restart();
    assert_eq!(podman.run(&["wait", NAME]).trim(), "44", "{}", started.log());
    assert!(started.log().contains("error[DEPLOY_REVOKED]"), "{}", started.log());
    assert!(!started.log().contains(&example.key));
}
