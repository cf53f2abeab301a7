//! The table of exit codes, made from the errors' own tables. `capy help exit-codes` prints it.

use std::collections::{BTreeMap, BTreeSet};

#[cfg(unix)]
use super::BuildFault;
use super::exit::MEANINGS;
use super::{CloudflareFault, DeploymentFault, Error};

/// The longest line, in columns.
const WIDTH: usize = 100;
/// Indentation of the lines that list error codes.
const INDENT: &str = "      ";

/// The table as text: the number and its meaning, and below them the codes of the errors that end
/// with it.
pub(crate) fn exit_table() -> String {
    let mut text = String::from("code  meaning, and the errors that end with it\n");
    // clap asks for the table at every start of the program: the codes are sorted once.
    let mut codes = BTreeMap::<u8, BTreeSet<&str>>::new();
    for (code, exit) in all() {
        codes.entry(exit).or_default().insert(code);
    }
    for (number, meaning) in MEANINGS {
        text.push_str(&format!("{number:>4}  {meaning}\n"));
        let mut line = String::new();
        for code in codes.get(number).into_iter().flatten() {
            if !line.is_empty() && INDENT.len() + line.len() + 2 + code.len() > WIDTH {
                text.push_str(&format!("{INDENT}{line},\n"));
                line.clear();
            }
            if !line.is_empty() {
                line.push_str(", ");
            }
            line.push_str(code);
        }
        if !line.is_empty() {
            text.push_str(&format!("{INDENT}{line}\n"));
        }
    }
    text.push_str(
        "\nAll other errors of `capy-inline` and `capy serve` exit with 1. Otherwise `capy run` ends as its command\n\
         does: with the same exit code, or by the same signal; with 128+N if signal N ended a build.\n",
    );
    text
}

/// Error codes with their exit codes, of all error types that have such a table.
fn all() -> impl Iterator<Item = (&'static str, u8)> {
    #[cfg(unix)]
    let of_build = BuildFault::CODES;
    #[cfg(not(unix))]
    let of_build = &[];
    let tables =
        [capy_client::Error::CODES, Error::CODES, DeploymentFault::CODES, CloudflareFault::CODES, of_build];
    tables.into_iter().flatten().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_code_of_an_error_has_a_meaning() {
        for (code, exit) in all() {
            assert!(MEANINGS.iter().any(|(number, _)| *number == exit), "{code} ends with {exit}");
        }
    }

    #[test]
    fn every_exit_code_but_that_of_success_has_an_error() {
        for (number, meaning) in MEANINGS.iter().filter(|(number, _)| *number > 0) {
            assert!(all().any(|(_, exit)| exit == *number), "{number}: {meaning}");
        }
    }
}
