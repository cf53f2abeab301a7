//! `capy`: from the command line to an exit code. Each room below owns one thing; see its own first lines.

mod allowed;
mod build;
mod build_command;
mod child;
mod cli;
mod commands;
mod config;
mod deployment;
mod disk;
mod env_file;
mod env_text;
mod error;
mod exec_limits;
mod exit;
mod git;
mod input;
mod loader_names;
mod names;
mod pins;
mod platforms;
mod printer;
mod project;
mod push;
mod records;
mod setup_page;
mod store_project;
mod table;
mod terminal;
mod unstored;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    capy_client::waiting::report_to(printer::note);
    match commands::dispatch(cli::Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            printer::error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}
