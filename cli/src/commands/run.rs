//! `capy run`: runs a command with the secrets in its environment, and inlines after a build.

mod inline;
mod outer;
mod upload;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use capy_client::private_memory;
use capy_client::signals::{self, Interrupt};
use capy_client::{Credentials, credentials};
use capy_protocol::env_map::{EnvMap, SecretValue};
use capy_protocol::env_value;

use crate::build_command::nested;
use crate::cli::Run;
use crate::env_file::Entry;
use crate::env_file::open;
use crate::env_file::open::{env_path, open_env_file, read_env_file, refuse_ambiguities};
use crate::env_file::text::PipeInput;
use crate::error::{Error, Result};
use crate::printer;
use crate::process::child;
#[cfg(target_os = "linux")]
use crate::process::container_init;
use crate::process::signals::SignalForwarder;
use crate::project::Project;
use crate::settings;
use inline::{AfterCommand, Origin};
use outer::OuterRun;
use upload::UploadRun;

pub(super) fn run(arguments: Run) -> Result<ExitCode> {
    let memory = private_memory::protect();
    // Waiting for the key service takes time, and an init that catches no signal could not be
    // stopped in that time.
    let forwarder = signals::is_init().then(SignalForwarder::begin).transpose()?;
    let (env, origin) = secrets(&arguments)?;
    let nested = nested(&arguments.command, Path::new("."));
    let for_nested = if nested.runs_capy { Some(outer::hand_on(&env, origin)?) } else { None };
    let handed = for_nested.as_ref().unwrap_or(&env);
    if let Some(planned) = upload::planned(&arguments)? {
        let forwarder = forwarder.map_or_else(SignalForwarder::begin, Ok)?;
        let run = UploadRun { arguments: &arguments, env: &env, handed, memory: &memory };
        return run.carry_out(&planned, &forwarder);
    }
    let Some(plan) = AfterCommand::plan(&arguments, origin, nested) else {
        return match forwarder {
            #[cfg(target_os = "linux")]
            Some(forwarder) if !arguments.exec && !container_init::is_handed_sockets() => {
                let started = child::start_as_init(&arguments.command, handed, &memory, forwarder)?;
                drop((env, for_nested));
                started.stay()
            }
            _ => Err(child::exec(&arguments.command, handed, &memory)),
        };
    };
    let began = SystemTime::now();
    let interrupt = Interrupt::default();
    let forwarder = forwarder.map_or_else(SignalForwarder::begin, Ok)?;
    let here = Path::new(".");
    match child::run(&arguments.command, here, handed, &memory, &forwarder, &interrupt)? {
        child::Exit::Failure(code) => return Ok(child::exit_with(code)),
        child::Exit::Success => plan.carry_out(&arguments, &env, began, &interrupt)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The variables that the command gets in addition to this process's own.
fn secrets(arguments: &Run) -> Result<(EnvMap, Origin)> {
    let lookup = |name: &str| std::env::var_os(name);
    Ok(match Credentials::from_env(lookup)? {
        Some(credentials) => (of_deployment(&credentials)?, Origin::Deployment),
        None => {
            let outer = outer::told();
            let taken = outer.as_ref().map(|outer| outer.take_over(arguments)).transpose()?.flatten();
            match taken {
                Some(taken) => taken,
                None => (of_env_file(arguments, outer.as_ref())?, Origin::EnvFile),
            }
        }
    })
}

/// Opens a deployment. Its values win over variables that are set, as they do where they are
/// inlined.
fn of_deployment(credentials: &Credentials) -> Result<EnvMap> {
    let here = std::env::current_dir().map_err(Error::file("find", ".".as_ref()))?;
    let url = capy_client::service_url(|name| std::env::var_os(name), &here)?;
    let env = capy_client::open(credentials, &capy_client::Service::new(url), settings::deadline()?)?;
    let differs = |(name, value): &(&str, &SecretValue)| {
        std::env::var_os(name).is_some_and(|set| set != value.expose_secret())
    };
    open::tell_names_that_shells_drop(env.names());
    let replaced: Vec<_> = env.iter().filter(differs).map(|(name, _)| name).collect();
    if !replaced.is_empty() {
        printer::note(&format!(
            "note: the deployment's value replaces the one that is set: {}",
            replaced.join(", ")
        ));
    }
    Ok(env)
}

/// Opens `.env`. A variable that is set already wins, as with Node's `--env-file` and dotenv;
/// `--override` turns that around. What an outer `capy run` set from another `.env` does not win.
fn of_env_file(arguments: &Run, outer: Option<&OuterRun>) -> Result<EnvMap> {
    let project = Project::find_if_any()?;
    let path = env_path(arguments.file.env_file.clone(), project.as_ref());
    let pipe_input = PipeInput::of(arguments.file.env_file.as_ref());
    // If the variables of a deployment are set but empty, `.env` does not replace them without a
    // note.
    let blank = credentials::blank(|name| std::env::var_os(name));
    let file = read_env_file(&path, pipe_input)?;
    if file.is_some() && !blank.is_empty() {
        printer::note(&format!("note: {} set and empty, so {} counts", blank.join(" and "), path.display()));
    }
    let file = file.ok_or_else(|| match blank.is_empty() {
        true => Error::NoSecrets { path: path.clone() },
        false => Error::CredentialsEmpty { names: blank },
    })?;
    if file.entries().is_empty() {
        // A note would be overlooked, and the command would run without its variables: this is an
        // error.
        refuse_ambiguities(&file, &path)?;
    }
    let set =
        |name: &str| std::env::var_os(name).filter(|_| !outer.is_some_and(|outer| outer.has_opened(name)));
    let takes_effect = |name: &str| arguments.override_existing || set(name).is_none();
    let loaders = file.effective().map(|entry| entry.name.as_str());
    let loaders = loaders.filter(|name| !arguments.allow_loader && takes_effect(name));
    let is_sealed = |entry: &Entry| env_value::is_sealed(entry.value.expose_secret());
    open::require_allowed(&path, project.as_ref(), loaders, file.effective().any(is_sealed))?;
    let env = open_env_file(&file, &path, project.as_ref())?;
    tell_replaced_of_outer(&env, outer, &path);
    if arguments.override_existing {
        return Ok(env);
    }
    let mut effective = EnvMap::new();
    for (name, value) in env.iter() {
        let value = match set(name).map(OsString::into_string) {
            None => value.clone(),
            Some(Ok(set)) => SecretValue::new(set),
            // Not UTF-8: the variable stays as it is, and cannot be inlined.
            Some(Err(_)) => continue,
        };
        effective.try_insert(name, value).map_err(|_| Error::ValueUnusable)?;
    }
    Ok(effective)
}

/// Names the variables whose values here replace those of an outer `capy run`.
fn tell_replaced_of_outer(env: &EnvMap, outer: Option<&OuterRun>, path: &Path) {
    let Some(outer) = outer else { return };
    let is_replaced = |(name, value): &(&str, &SecretValue)| {
        outer.has_opened(name) && std::env::var_os(name).is_some_and(|set| set != value.expose_secret())
    };
    let replaced: Vec<_> = env.iter().filter(is_replaced).map(|(name, _)| name).collect();
    if !replaced.is_empty() {
        printer::note(&format!(
            "note: the values in {} replace those of the `capy run` around this one: {}",
            path.display(),
            replaced.join(", ")
        ));
    }
}
