//! The floors of crates and modules: a module may name modules on its own floor and on lower ones,
//! but none on a higher one.

/// The floors of crates, the lowest first.
pub(super) const CRATES: &[&[&str]] = &[
    &["capy_access", "capy_protocol"],
    &["capy_client", "capy_conformance", "capy_inliner", "capy_worker"],
    &["capy_server", "capy_worker_testing"],
    &["capy_cli"],
    &["capy_build_worker", "capy_test_support"],
    &["capy_bench", "capy_journeys", "xtask"],
];

/// The floors of the modules at the root of a crate, the lowest first. Each such module of these
/// crates has a floor.
pub(super) const MODULES: &[(&str, &[&[&str]])] = &[
    (
        "capy_cli",
        &[
            &["build_command", "environment", "exec_limits", "loader_names"],
            &["error"],
            &["input", "names", "platforms", "printer", "process", "service_verify", "settings", "wrangler"],
            &["env_file", "git", "key_service", "local", "project"],
            &["deployment", "store_project"],
            &["build", "push"],
            &["cli", "setup_page"],
            &["commands"],
            &["server_program"],
        ],
    ),
    (
        "capy_worker",
        &[
            &["address", "caller", "future", "host", "migrations", "refusal_throttle", "secrets"],
            &["audit", "deploy_record", "issuer_keys", "jwt", "release", "row_seals"],
            &["policy"],
            &["store"],
            &["body", "call", "error", "log", "query"],
            &["app", "auth", "hosts", "limits"],
            &["handlers"],
            &["router", "routes", "workers"],
        ],
    ),
    (
        "capy_client",
        &[
            &[
                "authorities",
                "credential_names",
                "credential_text",
                "error_codes",
                "exit",
                "help_line",
                "regular_file",
                "service_url",
            ],
            &["error"],
            &["private_memory", "progress_bar", "retry", "signals", "slow_calls"],
            &["credentials", "http", "project_file"],
            &["service"],
            &["github"],
        ],
    ),
];

/// Files of the inliner's present analysis, whose cycles are not checked. The issue "one analysis"
/// replaces these files, and empties this list.
pub(super) const ENGINES: &[&str] = &[
    "inliner/src/bundle.rs",
    "inliner/src/link.rs",
    "inliner/src/plan.rs",
    "inliner/src/prelude.rs",
    "inliner/src/prelude/need.rs",
    "inliner/src/prelude/site.rs",
    "inliner/src/reads/alias.rs",
    "inliner/src/reads/calls.rs",
    "inliner/src/reads/copies.rs",
    "inliner/src/reads/declare.rs",
    "inliner/src/reads/early.rs",
    "inliner/src/reads/facts.rs",
    "inliner/src/reads/flow.rs",
    "inliner/src/reads/follow.rs",
    "inliner/src/reads/interop.rs",
    "inliner/src/reads/modules.rs",
    "inliner/src/reads/resolve.rs",
    "inliner/src/reads/settle.rs",
    "inliner/src/reads/target.rs",
    "inliner/src/reads/test.rs",
    "inliner/src/reads/text.rs",
    "inliner/src/reads/value.rs",
    "inliner/src/reads/walk.rs",
];

/// The floor of a name, counted from the lowest.
pub(super) fn floor(floors: &[&[&str]], name: &str) -> Option<usize> {
    floors.iter().position(|floor| floor.contains(&name))
}
