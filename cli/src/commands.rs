//! The subcommands, a file for each or for a few that belong together. A command reads its
//! arguments, calls the modules that do the work, and prints.

mod allow;
mod audit;
#[cfg(unix)]
mod build;
mod deploy;
mod encrypt;
mod environment;
mod error_help;
mod exit_codes;
mod init;
mod list;
mod login;
mod run;
mod serve;
pub(crate) mod service;
mod set;
mod store;
mod token;

use std::process::ExitCode;

use crate::cli::{AuditCommand, Cli, Command, DeployCommand, Service};
#[cfg(windows)]
use crate::error::Error;
use crate::error::Result;
#[cfg(target_os = "linux")]
use crate::process::container_init;

/// Runs the subcommand of the command line.
pub(crate) fn dispatch(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        Command::Run(run) => return run::run(run),
        #[cfg(target_os = "linux")]
        Command::InitProcess(arguments) => return container_init::run(arguments.child),
        #[cfg(unix)]
        Command::Build(build) => return build::run(*build),
        #[cfg(windows)]
        Command::Build(_) => return Err(Error::BuildNotHere),
        Command::Login(login) => login::login(&login),
        Command::Logout(logout) => login::logout(&logout),
        Command::Allow(folder) => allow::allow(&folder),
        Command::Deny(folder) => allow::deny(&folder),
        Command::Init(init) => init::run(&init),
        Command::Set(set) => set::set(set),
        Command::Unset(unset) => set::unset(unset),
        Command::List(list) => list::run(list),
        Command::Encrypt(file) => encrypt::run(file),
        Command::Deploy(deploy) => match deploy.command {
            None => deploy::run(deploy.mint),
            Some(DeployCommand::List(list)) => deploy::list::run(&list),
            Some(DeployCommand::Revoke(revoke)) => deploy::revoke::run(&revoke),
            Some(DeployCommand::Rotate(rotate)) => deploy::rotate::run(*rotate),
        },
        Command::Audit(audit) => match &audit.command {
            None => audit::run(&audit),
            Some(AuditCommand::Verify(verify)) => audit::verify::run(verify),
            Some(AuditCommand::GiveUp(give_up)) => audit::give_up(give_up),
        },
        Command::Token(token) => token::run(token),
        Command::Store(store) => store::run(store),
        Command::Service(Service::Keygen(keygen)) => service::keygen(&keygen),
        Command::Serve(arguments) => return serve::run(&arguments),
        Command::Service(Service::Roots(roots)) => service::roots(&roots),
        Command::Service(Service::SealRows(arguments)) => service::seal_rows(&arguments),
        Command::Service(Service::Verify(arguments)) => service::verify::run(&arguments),
        Command::ExitCodes => exit_codes::run(),
        Command::Environment => environment::run(),
        Command::ErrorHelp(code) => error_help::run(&code),
    }?;
    Ok(ExitCode::SUCCESS)
}
