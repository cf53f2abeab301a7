//! `examples/render`: `render.yaml` has keys of Render's reference, and its start command opens the secrets.

use capy_test_support::node::require_node;
use serde_json::{Value, json};

use crate::examples::{Example, assert_keys};

/// The keys of a web service: <https://render.com/docs/blueprint-spec>, read on 2026-12-01.
const KEYS: [&str; 15] = [
    "autoDeploy",
    "branch",
    "buildCommand",
    "domains",
    "envVars",
    "healthCheckPath",
    "name",
    "plan",
    "preDeployCommand",
    "region",
    "repo",
    "rootDir",
    "runtime",
    "startCommand",
    "type",
];

#[test]
fn the_start_command_of_the_blueprint_opens_the_secrets_until_they_are_revoked() {
    let Some(node) = require_node() else { return };
    let Some(example) = Example::with_npm(&node, "render", "render") else { return };
    let blueprint: Value = serde_saphyr::from_str(&example.read("render.yaml")).unwrap();
    assert_keys(&blueprint, &["services"]);
    let [service] = &blueprint["services"].as_array().unwrap()[..] else { panic!("{blueprint}") };
    assert_keys(service, &KEYS);
    assert_eq!((&service["type"], &service["runtime"]), (&json!("web"), &json!("node")));
    // Render asks for a variable that is not synchronised: no value is in the file.
    let mut asked = Vec::new();
    for variable in service["envVars"].as_array().unwrap() {
        assert_keys(variable, &["key", "sync"]);
        assert_eq!(variable["sync"], false, "{variable}");
        asked.push(variable["key"].as_str().unwrap());
    }
    let mut needed: Vec<_> = example.variables().map(|(name, _)| name).collect();
    asked.sort_unstable();
    needed.sort_unstable();
    assert_eq!(asked, needed);

    assert_eq!(service["buildCommand"], "npm ci --omit=dev", "as `Example::with_npm` does");
    let of_render = [("RENDER", "true"), ("IS_PULL_REQUEST", "false"), ("NODE_ENV", "production")];
    example.assert_starts(&node.path(), &of_render, service["startCommand"].as_str().unwrap());
}
