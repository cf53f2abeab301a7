//! Skips tests that need a program of the system's, such as Node or podman, where it is missing,
//! and counts them.

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::thread;

/// The environment variable with the path of the record: a file to which each skipped test adds a
/// line. `cargo xtask test` sets it.
pub const RECORD: &str = "CAPY_SKIPPED_TESTS";

/// Whether a test that needs `what` can run here.
///
/// If `is_there` is false, prints a line on standard error that says that the test is skipped, past
/// the capture of the test harness, and adds the test to the [record](RECORD).
///
/// # Panics
/// In CI, where everything has to be there, and if the record cannot be written.
pub fn needs(is_there: bool, what: &str) -> bool {
    if is_there {
        return true;
    }
    assert!(env::var_os("CI").is_none(), "CI lacks what this test needs: {what}");
    let test = this_test();
    // The test is skipped even if standard error is closed.
    let _ = writeln!(io::stderr(), "skipped {test}: it needs {what}");
    if let Some(file) = env::var_os(RECORD) {
        record(Path::new(&file), &format!("{test}: {what}"))
            .expect("the record of skipped tests can be written");
    }
    false
}

/// How many tests a [record](RECORD) names. A test that was skipped for two reasons counts once.
///
/// # Errors
/// If the record cannot be read.
pub fn skipped_tests(record: &Path) -> io::Result<usize> {
    let text = fs::read_to_string(record)?;
    let tests = text.lines().map(|line| line.split_once(": ").map_or(line, |(test, _)| test));
    Ok(tests.collect::<BTreeSet<_>>().len())
}

/// The name of the running test: `binary-hash::path::of_the_test`. The harness names a test's
/// thread after the test.
fn this_test() -> String {
    let binary = env::current_exe().unwrap_or_default();
    let binary = binary.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match thread::current().name() {
        Some(test) => format!("{binary}::{test}"),
        None => binary,
    }
}

/// Adds a line to the record, in one write, since several processes append to the file at once.
fn record(file: &Path, line: &str) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).open(file)?.write_all(format!("{line}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_counted_once_for_all_its_reasons() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("record");
        assert!(skipped_tests(&file).is_err());
        for line in ["a::one: node", "a::two: node", "a::one: podman"] {
            record(&file, line).unwrap();
        }
        assert_eq!(skipped_tests(&file).unwrap(), 2);
    }

    #[test]
    fn a_test_is_named_with_its_binary() {
        let name = this_test();
        assert!(name.ends_with("::needs::tests::a_test_is_named_with_its_binary"), "{name}");
        assert!(name.starts_with("capy_test_support-"), "{name}");
    }
}
