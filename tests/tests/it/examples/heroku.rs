//! `examples/heroku`: `app.json` has keys of Heroku's schema, and the command of its `Procfile` opens the secrets.

use capy_test_support::node::require_node;

use crate::examples::{Example, assert_keys};

/// The keys of `app.json`: <https://devcenter.heroku.com/articles/app-json-schema>, read on 2026-12-01.
const KEYS: [&str; 14] = [
    "addons",
    "buildpacks",
    "description",
    "env",
    "environments",
    "formation",
    "image",
    "keywords",
    "logo",
    "name",
    "repository",
    "scripts",
    "stack",
    "success_url",
];
const KEYS_OF_VARIABLES: [&str; 4] = ["description", "generator", "required", "value"];
const KEYS_OF_FORMATIONS: [&str; 2] = ["quantity", "size"];

#[test]
fn the_command_of_the_procfile_opens_the_secrets_until_they_are_revoked() {
    let Some(node) = require_node() else { return };
    let Some(example) = Example::with_npm(&node, "heroku", "heroku") else { return };
    let app: serde_json::Value = serde_json::from_str(&example.read("app.json")).unwrap();
    assert_keys(&app, &KEYS);
    let env = app["env"].as_object().unwrap();
    let mut asked: Vec<_> = env.keys().map(String::as_str).collect();
    let mut needed: Vec<_> = example.variables().map(|(name, _)| name).collect();
    asked.sort_unstable();
    needed.sort_unstable();
    assert_eq!(asked, needed);
    for variable in env.values() {
        assert_keys(variable, &KEYS_OF_VARIABLES);
        assert!(variable["value"].is_null(), "{variable}");
    }
    let formation = app["formation"].as_object().unwrap();
    assert_eq!(formation.keys().collect::<Vec<_>>(), ["web"]);
    assert_keys(&formation["web"], &KEYS_OF_FORMATIONS);

    // `<process type>: <command>`, a line each: https://devcenter.heroku.com/articles/procfile, read on 2026-12-01.
    let procfile = example.read("Procfile");
    let [line] = procfile.lines().collect::<Vec<_>>()[..] else { panic!("{procfile}") };
    let command = line.strip_prefix("web: ").unwrap();
    example.assert_starts(&node.path(), &[("DYNO", "web.1"), ("HOME", "/app")], command);
}
