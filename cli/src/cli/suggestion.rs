//! The tip for a subcommand that is typed without the ones before it: `capy keygen` names
//! `capy service keygen`.

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue};
use clap::{Command, CommandFactory, Error, Parser};

use super::Cli;

/// Parses the command line. If that fails, prints what is wrong and ends the program.
pub(crate) fn parse() -> Cli {
    Cli::try_parse().unwrap_or_else(|error| with_full_commands(error).exit())
}

/// Adds a tip for each command whose last word is the one that was not recognised.
fn with_full_commands(mut error: Error) -> Error {
    let Some(ContextValue::String(typed)) = error.get(ContextKind::InvalidSubcommand) else {
        return error;
    };
    let mut found = Vec::new();
    collect(&Cli::command(), "", typed, &mut found);
    if !found.is_empty() {
        let tip = |path: String| StyledStr::from(format!("did you mean '{path}'?"));
        let tips = found.into_iter().map(tip).collect();
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
    }
    error
}

/// Collects the full names of all commands below `parent` that end with the word `typed`.
fn collect(parent: &Command, before: &str, typed: &str, found: &mut Vec<String>) {
    let path = format!("{before}{} ", parent.get_name());
    for command in parent.get_subcommands().filter(|command| !command.is_hide_set()) {
        if command.get_name() == typed {
            found.push(format!("{path}{typed}"));
        }
        collect(command, &path, typed, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subcommand_without_the_ones_before_it_is_named_in_full() {
        for (typed, full) in [
            (&["capy", "project", "list"][..], &["capy store project"][..]),
            (&["capy", "keygen"], &["capy service keygen"]),
            (&["capy", "store", "rotate"], &["capy deploy rotate", "capy store keys rotate"]),
        ] {
            let Err(error) = Cli::try_parse_from(typed) else { panic!("{typed:?} is a command") };
            let text = with_full_commands(error).to_string();
            for command in full {
                assert!(text.contains(&format!("tip: did you mean '{command}'?")), "{text}");
            }
        }
    }

    #[test]
    fn an_unknown_word_gets_no_such_tip() {
        let Err(error) = Cli::try_parse_from(["capy", "frobnicate"]) else { panic!("it is a command") };
        let text = with_full_commands(error).to_string();
        assert!(!text.contains("did you mean"), "{text}");
    }
}
