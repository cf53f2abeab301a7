//! `cargo xtask test`: sets up, runs all tests of the workspace, and ends with one line that counts
//! them.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use capy_test_support::{RECORD, skipped_tests};

use crate::setup;
use crate::steps::{heading, say};
use crate::workspace_root;

/// How many tests passed, failed and were skipped.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u32,
    failed: u32,
    skipped: u32,
}

impl Tally {
    /// Adds the counts in a test binary's closing line. Other lines add nothing.
    fn add(&mut self, line: &str) {
        let Some(counts) = line.strip_prefix("test result: ") else {
            return;
        };
        let count = |what: &str| {
            let before = counts.split(what).next().filter(|before| *before != counts)?;
            before.trim_end().rsplit([' ', ';']).next()?.parse::<u32>().ok()
        };
        self.passed += count("passed").unwrap_or_default();
        self.failed += count("failed").unwrap_or_default();
        self.skipped += count("ignored").unwrap_or_default();
    }

    /// Counts tests as skipped that returned early because a program is missing; the harness counts
    /// them as passed.
    fn skip(&mut self, tests: usize) {
        let tests = u32::try_from(tests).unwrap_or(u32::MAX);
        self.passed = self.passed.saturating_sub(tests);
        self.skipped = self.skipped.saturating_add(tests);
    }
}

/// Which tests to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// At least one case of every kind.
    Usual,
    /// All tests, with those marked `#[ignore]`, and the larger numbers of `CAPY_TESTS=full`.
    Full,
}

/// Runs the tests; `filter` is passed to the test binaries.
///
/// # Errors
/// If a step of the set-up or a test fails, and if no test ran.
pub fn run(size: Size, filter: &[String]) -> Result<()> {
    say(
        "The tests of the workspace: set-up, then everything is compiled, then they run. The last line counts them.",
    );
    say("The first run takes long: most of it is compiling, which cargo shows.");
    heading("set-up");
    if setup::node_tool("node").is_ok() || std::env::var_os("CI").is_some() {
        setup::everything()?;
        setup::npm_ci("inliner/corpus")?;
    } else {
        say("   node is not on PATH: the tests that need it are skipped, each with a line that says so");
    }

    heading("tests");
    let mut cargo = setup::cargo();
    cargo.args(["test", "--workspace", "--no-fail-fast", "--"]).current_dir(workspace_root());
    if size == Size::Full {
        cargo.arg("--include-ignored").env("CAPY_TESTS", "full");
    }
    let record = tempfile::NamedTempFile::new().context("the record of skipped tests")?;
    let (mut tally, success) = count(cargo.args(filter).env(RECORD, record.path()))?;
    tally.skip(skipped_tests(record.path()).context("the record of skipped tests")?);
    say("");
    // The closing line goes to stdout, as the output of the tests does.
    let Tally { passed, failed, skipped } = tally;
    writeln!(std::io::stdout(), "{passed} passed, {failed} failed, {skipped} skipped")?;
    ensure!(success && failed == 0, "tests failed");
    ensure!(passed > 0, "no test ran");
    Ok(())
}

/// Shows the run's output as it comes, and counts the results that the test binaries report.
fn count(cargo: &mut Command) -> Result<(Tally, bool)> {
    let mut child = cargo.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cargo test")?;
    let stdout = child.stdout.take().context("cargo test has no stdout")?;
    let (mut tally, mut out) = (Tally::default(), std::io::stdout());
    for line in BufReader::new(stdout).lines() {
        let line = line?;
        tally.add(&line);
        writeln!(out, "{line}")?;
    }
    Ok((tally, child.wait()?.success()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_added_up() {
        let mut tally = Tally::default();
        tally.add(
            "test result: ok. 29 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.03s",
        );
        tally.add("test a_test ... ok");
        tally.add("test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 3 filtered out");
        assert_eq!(tally, Tally { passed: 33, failed: 2, skipped: 1 });
        tally.skip(3);
        assert_eq!(tally, Tally { passed: 30, failed: 2, skipped: 4 });
    }
}
