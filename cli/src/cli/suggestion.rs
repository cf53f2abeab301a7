//! What clap does not know of the command line: `capy help CODE` explains an error, and a
//! subcommand that is typed without the ones before it is named in full (`capy keygen` names
//! `capy service keygen`).

use std::ffi::OsString;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory, Error, Parser};

use super::Cli;
use crate::error::explanation;

/// Parses the command line. If that fails, prints what is wrong and ends the program.
pub(crate) fn parse() -> Cli {
    let arguments: Vec<_> = std::env::args_os().collect();
    parse_from(&arguments).unwrap_or_else(|error| error.exit())
}

pub(super) fn parse_from(arguments: &[OsString]) -> Result<Cli, Error> {
    Cli::try_parse_from(arguments).or_else(|error| match error_code(&error, arguments) {
        Some(code) => Ok(Cli { command: super::Command::ErrorHelp(code) }),
        None => Err(with_full_commands(error)),
    })
}

/// The word of `capy help WORD`, if clap knows no such command and the word is a code or is written
/// like one.
fn error_code(error: &Error, arguments: &[OsString]) -> Option<String> {
    let [_, help, word] = arguments else { return None };
    let word = word.to_str().filter(|_| error.kind() == ErrorKind::InvalidSubcommand && help == "help")?;
    let is_written_like_one = word.contains('_') || !word.contains(|letter: char| letter.is_lowercase());
    (is_written_like_one || explanation(word).is_some()).then(|| word.to_owned())
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
    fn help_takes_the_code_of_an_error_and_leaves_all_else_to_clap() {
        let parse = |words: &[&str]| {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            parse_from(&words).map(|cli| match cli.command {
                crate::cli::Command::ErrorHelp(code) => code,
                _ => panic!("{words:?} is another command"),
            })
        };
        for code in ["DEPLOY_REVOKED", "deploy_revoked", "busy", "NO_SUCH_CODE", "FORBIDEN"] {
            assert_eq!(parse(&["capy", "help", code]).unwrap(), code);
        }
        for (words, kind) in [
            (&["capy", "help", "run"][..], ErrorKind::DisplayHelp),
            (&["capy", "help", "frobnicate"], ErrorKind::InvalidSubcommand),
            (&["capy", "help", "DEPLOY_REVOKED", "x"], ErrorKind::InvalidSubcommand),
            (&["capy", "DEPLOY_REVOKED"], ErrorKind::InvalidSubcommand),
        ] {
            assert_eq!(parse(words).unwrap_err().kind(), kind, "{words:?}");
        }
    }

    #[test]
    fn an_unknown_word_gets_no_such_tip() {
        let Err(error) = Cli::try_parse_from(["capy", "frobnicate"]) else { panic!("it is a command") };
        let text = with_full_commands(error).to_string();
        assert!(!text.contains("did you mean"), "{text}");
    }
}
