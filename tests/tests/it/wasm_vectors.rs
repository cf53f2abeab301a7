//! The shared vectors as wasm inside the Workers runtime: the same checks as `protocol/tests/it/vectors.rs`.

use std::path::Path;
use std::time::Duration;

use capy_test_support::build_worker::{Build, build_worker};
use capy_test_support::node::require_node;
use capy_test_support::workerd::{Options, Workerd};
use capy_test_support::workspace_root;

#[test]
fn every_vector_passes_as_wasm_in_workerd() {
    let Some(node) = require_node() else { return };
    let mut build = Build::package("capy-conformance", "conformance");
    build.entry = workspace_root().join("protocol/conformance/worker.mjs");
    let entry = build_worker(&build).unwrap();
    let persist = tempfile::TempDir::new().unwrap();
    let secrets = [("ADMIN_TOKEN", "unused"), ("WRAP_ROOTS", "unused")];
    let options = Options { entry: &entry, persist: persist.path(), secrets: &secrets };
    let worker = Workerd::start(&node, &options).unwrap();

    let folder = workspace_root().join("protocol/tests/vectors");
    let mut cases = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        cases += check(&entry.unwrap().path(), worker.url());
    }
    assert!(cases >= 63, "only {cases} cases ran");
}

/// Posts one file and returns how many of its cases passed.
fn check(file: &Path, url: &str) -> usize {
    let body = std::fs::read(file).unwrap();
    let mut answer =
        ureq::post(url).config().timeout_global(Some(Duration::from_secs(30))).build().send(&body).unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    let outcomes: serde_json::Value = serde_json::from_str(&text).unwrap();
    let outcomes = outcomes.as_array().unwrap_or_else(|| panic!("{}: {text}", file.display()));
    for outcome in outcomes {
        assert!(outcome["fault"].is_null(), "{outcome}");
    }
    outcomes.len()
}
