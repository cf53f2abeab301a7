//! Shared by the tests: variables, inlining of one text, and Node.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use capy_inliner::testing::parses;
use capy_inliner::{Error, InlinedText, Report, Request, inline_text};
use capy_protocol::env_map::{EnvMap, SecretValue};

/// The name of a test of a module, for a process of its own that runs this test alone.
pub(crate) fn test_name(module: &str, name: &str) -> String {
    let module = module.split_once("::").map_or("", |(_, module)| module);
    format!("{module}::{name}")
}

pub(crate) const MARK: &str = "/* capy-inline 1 */\n";

/// The variables of every test: `A`, `B` and two longer ones, each with a canary for a value.
pub(crate) fn values() -> EnvMap {
    map(&["A", "B", "STRIPE_KEY", "DATABASE_URL", "ODD-NAME"])
}

pub(crate) fn map(names: &[&str]) -> EnvMap {
    let mut map = EnvMap::new();
    for name in names {
        map.try_insert(name, SecretValue::new(canary(name))).unwrap();
    }
    map
}

pub(crate) fn canary(name: &str) -> String {
    format!("canary.{name}.x9")
}

/// Inlines one bundle without a source map.
pub(crate) fn inline(text: &str, values: &EnvMap) -> InlinedText {
    inline_text(text, None, values).unwrap()
}

/// Inlines, and checks what holds for every input: the output parses, and a second pass changes nothing.
pub(crate) fn inlined(input: &str) -> InlinedText {
    let values = values();
    let out = inline(input, &values);
    assert!(parses(&out.text), "the output of {input:?} does not parse:\n{}", out.text);
    let again = inline(&out.text, &values);
    assert_eq!(again.text, out.text, "a second pass changes {input:?}");
    out
}

/// The text above our lines.
pub(crate) fn body(text: &str) -> &str {
    text.split(MARK).next().unwrap_or_default()
}

/// Whether Node is here; without it the test says that it is skipped, but never in CI.
pub(crate) fn has_node() -> bool {
    let found = Command::new("node").arg("--version").output().is_ok();
    capy_test_support::needs(found, "node on PATH")
}

/// Runs a file with nothing in the environment but `variables`.
pub(crate) fn node(folder: &Path, file: &str, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new("node");
    command.current_dir(folder).args(["--no-warnings", "--stack-size=200", file]);
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.env_clear().env("PATH", path).envs(variables.iter().copied());
    command.output().expect("node runs")
}

/// `input` becomes `expected`, our own lines aside, and nothing is left to report.
#[track_caller]
pub(crate) fn check(input: &str, expected: &str) {
    let out = inlined(input);
    assert_eq!(squeezed(body(&out.text)), squeezed(expected), "from {input}");
    assert!(out.report.findings.is_empty(), "{input}: {:?}", out.report.findings);
}

/// Without the spaces that pad a call: `padding_keeps_every_column` counts them.
pub(crate) fn squeezed(text: &str) -> String {
    let parts = text.trim_end_matches(['\n', '\r', ' ']).split("()");
    parts.map(|part| part.trim_start_matches(' ')).collect::<Vec<_>>().join("()")
}

/// `input` stays as it is, with these reasons.
#[track_caller]
pub(crate) fn check_same(input: &str, reasons: &[&str]) {
    let out = inlined(input);
    assert_eq!(out.text, input);
    assert_eq!(reasons_of(&out), reasons, "{input}");
}

pub(crate) fn reasons_of(out: &InlinedText) -> Vec<String> {
    let words = out.report.findings.iter().map(|finding| match &finding.name {
        Some(name) => format!("{:?} {name}", finding.reason),
        None => format!("{:?}", finding.reason),
    });
    words.collect()
}

/// Inlines once nobody else works there: between its fork and its start a child of another test holds this one's locks.
pub(crate) fn inline_when_free(request: &Request<'_>) -> Report {
    for _ in 0..500 {
        match capy_inliner::inline(request) {
            Err(Error::Busy { .. }) => std::thread::sleep(Duration::from_millis(10)),
            result => return result.unwrap(),
        }
    }
    panic!("somebody holds the locks");
}
