//! `examples/railway`: `railway.json` has keys of Railway's reference, and its start command opens the secrets.

use capy_test_support::node::require_node;
use serde_json::Value;

use crate::examples::{Example, assert_keys};

/// The keys of `railway.json`: <https://docs.railway.com/config-as-code/reference>, read on 2026-12-01.
const KEYS: [&str; 4] = ["$schema", "build", "deploy", "environments"];
const KEYS_OF_BUILDS: [&str; 5] =
    ["buildCommand", "builder", "dockerfilePath", "railpackVersion", "watchPatterns"];
const KEYS_OF_DEPLOYS: [&str; 10] = [
    "cronSchedule",
    "drainingSeconds",
    "healthcheckPath",
    "healthcheckTimeout",
    "multiRegionConfig",
    "overlapSeconds",
    "preDeployCommand",
    "restartPolicyMaxRetries",
    "restartPolicyType",
    "startCommand",
];

#[test]
fn the_start_command_of_railway_json_opens_the_secrets_until_they_are_revoked() {
    let Some(node) = require_node() else { return };
    let Some(example) = Example::with_npm(&node, "railway", "railway") else { return };
    let settings: Value = serde_json::from_str(&example.read("railway.json")).unwrap();
    assert_keys(&settings, &KEYS);
    assert_keys(&settings["build"], &KEYS_OF_BUILDS);
    assert_keys(&settings["deploy"], &KEYS_OF_DEPLOYS);
    assert_eq!(settings["build"]["builder"], "RAILPACK");

    let of_railway = [("RAILWAY_ENVIRONMENT_NAME", "production"), ("RAILWAY_SERVICE_NAME", "my-service")];
    // Of an image that Railpack built, Railway runs the command in a shell, as this does.
    example.assert_starts(&node.path(), &of_railway, settings["deploy"]["startCommand"].as_str().unwrap());
}
