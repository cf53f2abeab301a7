//! `examples/fly`: `fly.toml` has keys of Fly's reference, and the image opens the secrets as a machine starts it.

use capy_journeys::podman::{Podman, Start};
use serde_json::{Value, json};

use crate::examples::docker::{IMAGE, build};
use crate::examples::{Example, ask, assert_keys, free_port};

const NAME: &str = "capy-example-fly";

/// The keys of `fly.toml`: <https://fly.io/docs/reference/configuration/>, read on 2026-12-01.
const KEYS: [&str; 18] = [
    "app",
    "build",
    "checks",
    "console_command",
    "deploy",
    "env",
    "files",
    "http_service",
    "kill_signal",
    "kill_timeout",
    "metrics",
    "mounts",
    "primary_region",
    "processes",
    "services",
    "statics",
    "swap_size_mb",
    "vm",
];
const KEYS_OF_HTTP_SERVICES: [&str; 11] = [
    "auto_start_machines",
    "auto_stop_machines",
    "checks",
    "concurrency",
    "force_https",
    "http_options",
    "internal_port",
    "machine_checks",
    "min_machines_running",
    "processes",
    "tls_options",
];
const KEYS_OF_MACHINES: [&str; 5] = ["cpu_kind", "cpus", "memory", "processes", "size"];

#[test]
fn the_image_opens_the_secrets_as_a_machine_starts_it() {
    let Some(podman) = Podman::find(&["node"]) else { return };
    let Some(example) = Example::new("fly", "fly") else { return };
    let settings: Value = toml::from_str(&example.read("fly.toml")).unwrap();
    assert_keys(&settings, &KEYS);
    assert_keys(&settings["http_service"], &KEYS_OF_HTTP_SERVICES);
    let [machine] = &settings["vm"].as_array().unwrap()[..] else { panic!("{settings}") };
    assert_keys(machine, &KEYS_OF_MACHINES);
    assert_eq!(settings["http_service"]["internal_port"], json!(3000));
    assert!(example.read("server.js").contains("PORT = 3000"), "Fly sets no PORT");

    build(&podman, &example);
    // Secrets and the machine's own: https://fly.io/docs/machines/runtime-environment/, read on 2026-12-01.
    let (file, port) = (example.path("capy.env").display().to_string(), free_port().to_string());
    let port_variable = format!("PORT={port}");
    let options = ["--env-file", &file, "--env", "FLY_APP_NAME=my-app", "--env", "FLY_REGION=fra"];
    let options = [&options[..], &["--env", "PRIMARY_REGION=fra", "--env", &port_variable]].concat();
    let container = podman.start_on_host(NAME, IMAGE, &Start { options: &options, command: &[] });
    let path = std::env::var_os("PATH").unwrap();
    assert_eq!(ask(&port), example.answer_by_hand(&path));
    // The signal by which Fly stops a machine.
    container.kill("INT");
    assert_eq!(podman.run(&["wait", NAME]).trim(), "130", "{}", container.log());

    example.revoke();
    container.restart();
    assert_eq!(podman.run(&["wait", NAME]).trim(), "44", "{}", container.log());
    assert!(container.log().contains("error[DEPLOY_REVOKED]"), "{}", container.log());
    assert!(!container.log().contains(&example.key));
}
