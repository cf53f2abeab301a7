//! The command line as a page of the book, and a check of the commands that pages show.

use capy_test_support::pages;
use capy_test_support::reference::{assert_current, cell};
use clap::error::ErrorKind;
use clap::{Arg, Args, Command, CommandFactory};

use super::suggestion::parse_from;
use super::{Cli, Serve};
use crate::error::explanation;

fn capy_server() -> Command {
    Serve::augment_args(Command::new("capy-server").about("Run a key service on this machine, over SQLite"))
}

/// The page's part of a command, and of those below it.
fn describe(command: &Command, page: &mut String) {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name()).to_owned();
    page.push_str(&format!("\n## {name}\n"));
    match command.get_name() {
        "exit-codes" => page.push_str("The table of [exit codes](exit-codes.md).\n"),
        "environment" => page.push_str("The table of [environment variables](environment.md).\n"),
        _ => {
            let about = command.get_long_about().or(command.get_about()).map(ToString::to_string);
            page.push_str(&format!("{}\n", about.unwrap_or_default().trim_end()));
        }
    }
    let usage = command.clone().render_usage().to_string();
    page.push_str(&format!("\n```text\n{}\n```\n", usage.trim().trim_start_matches("Usage: ")));
    let arguments: Vec<_> = command.get_arguments().filter(|argument| is_shown(argument)).collect();
    if !arguments.is_empty() {
        page.push_str("\n| argument | meaning |\n|---|---|\n");
        for argument in arguments {
            page.push_str(&format!("| {} | {} |\n", names(argument), cell(&meaning(argument))));
        }
    }
    if let Some(more) = command.get_after_long_help().or(command.get_after_help()) {
        page.push_str(&format!("\n```text\n{}\n```\n", more.to_string().trim_end()));
    }
    for below in command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help")
    {
        describe(below, page);
    }
}

/// Each command has `--help`, and programs have `--version`.
fn is_shown(argument: &Arg) -> bool {
    !argument.is_hide_set() && !["help", "version"].contains(&argument.get_id().as_str())
}

fn names(argument: &Arg) -> String {
    let short = argument.get_short().map(|short| format!("`-{short}`, ")).unwrap_or_default();
    format!("{short}`{argument}`")
}

/// What an argument means, its default, and the values that it takes.
fn meaning(argument: &Arg) -> String {
    let help = argument.get_long_help().or(argument.get_help()).map(ToString::to_string);
    let mut text = help.unwrap_or_default().trim_end().to_owned();
    if argument.get_action().takes_values() {
        let values = argument.get_possible_values();
        let values = values.iter().filter(|value| !value.is_hide_set()).map(|value| {
            let help = value.get_help().map(|help| format!(": {help}")).unwrap_or_default();
            format!("`{}`{help}", value.get_name())
        });
        let values: Vec<_> = values.collect();
        if !values.is_empty() {
            text.push_str(&format!(" — one of {}", values.join("; ")));
        }
        let defaults = argument.get_default_values().iter().map(|value| format!("`{}`", value.display()));
        let defaults: Vec<_> = defaults.collect();
        if !defaults.is_empty() {
            text.push_str(&format!(" — default: {}", defaults.join(", ")));
        }
    }
    text
}

#[test]
fn the_reference_of_the_command_line_is_current() {
    let mut page = String::from(
        "# Command line\n\nEvery command of `capy`, and the programs `capy-inline` and `capy-server`, which `capy serve` runs. \
         Each takes `--help`; `capy help COMMAND` shows the same.\n",
    );
    for mut command in [Cli::command(), capy_inliner::program::command(), capy_server()] {
        command.build();
        describe(&command, &mut page);
    }
    assert_current("command-line.md", &page);
}

/// Whether a command of a page is understood. Nothing is executed.
fn check(words: &[String]) -> Result<(), String> {
    let of_clap = |error: clap::Error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ok(()),
        _ => Err(error.to_string()),
    };
    let arguments: Vec<_> = words.iter().map(Into::into).collect();
    match words[0].as_str() {
        "capy" if words.get(1).is_some_and(|word| word == "serve") => {
            capy_server().try_get_matches_from(&words[1..]).map(drop).or_else(of_clap)
        }
        "capy" => match parse_from(&arguments) {
            Ok(Cli { command: super::Command::ErrorHelp(code) }) => {
                explanation(&code).map(drop).ok_or(format!("{code} is the code of no error"))
            }
            Ok(_) => Ok(()),
            Err(error) => of_clap(error),
        },
        "capy-inline" => {
            capy_inliner::program::command().try_get_matches_from(arguments).map(drop).or_else(of_clap)
        }
        "capy-server" => capy_server().try_get_matches_from(arguments).map(drop).or_else(of_clap),
        _ => Ok(()),
    }
}

#[test]
fn every_command_that_a_page_shows_is_understood() {
    let (mut checked, mut faults) = (0, Vec::new());
    for page in pages::all() {
        for command in page.commands() {
            checked +=
                usize::from(["capy", "capy-inline", "capy-server"].contains(&command.words[0].as_str()));
            if let Err(fault) = check(&command.words) {
                faults.push(format!("{}: {}\n{fault}", command.place, command.words.join(" ")));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(checked > 5, "{checked}");
}

#[test]
fn an_option_that_does_not_exist_is_a_fault() {
    for command in
        ["capy deploy --frobnicate", "capy help NO_SUCH_CODE", "capy-inline --no", "capy serve --no"]
    {
        let words: Vec<_> = command.split(' ').map(str::to_owned).collect();
        assert!(check(&words).is_err(), "{command}");
    }
}
