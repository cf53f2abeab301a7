//! Library of the programs `capy` and `capy-server`; `capy serve` runs the latter.
//!
//! Each module has one responsibility, which its first lines state.

#[cfg(unix)]
mod build;
mod build_command;
mod cli;
mod commands;
mod deployment;
mod env_file;
mod environment;
mod error;
mod exec_limits;
mod git;
mod input;
mod key_service;
mod loader_names;
mod local;
mod names;
mod platforms;
mod printer;
mod process;
mod project;
mod push;
pub mod server_program;
mod service_verify;
mod settings;
mod setup_page;
mod store_project;
mod wrangler;

use std::process::ExitCode;

use capy_inliner::program as capy_inline;

/// Runs `capy`, or `capy-inline` if the program was called by that name: from the command line to
/// the exit code.
pub fn main() -> ExitCode {
    if std::env::args_os().next().is_some_and(|first| capy_inline::is_called_by(&first)) {
        return capy_inline::main();
    }
    capy_client::slow_calls::report_to(printer::note);
    exit_code(commands::dispatch(cli::parse()))
}

/// The exit code of a command. An error is printed first.
fn exit_code(result: error::Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| {
        printer::error(&error);
        ExitCode::from(error.exit_code())
    })
}
