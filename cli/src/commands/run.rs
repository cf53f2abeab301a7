//! `capy run`: a command with the secrets in its environment, and inlining after a build.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use capy_client::Credentials;
use capy_client::bar;
use capy_client::private_memory;
use capy_client::signals::Interrupt;
use capy_inliner::{Progress, RootKind, Severity, Within};
use capy_protocol::env_map::{EnvMap, SecretValue};

use crate::cli::{Dynamic, Run};
use crate::env_text::Pipes;
use crate::error::{Error, Result};
use crate::project::{self, Project, env_path, open_env_file, read_env_file, refuse_doubts};
use crate::{build_command, child, printer};

pub(super) fn run(arguments: Run) -> Result<ExitCode> {
    let memory = private_memory::keep();
    let env = secrets(&arguments)?;
    let inlines = asks_to_inline(&arguments) || build_command::is_build(&arguments.command);
    if arguments.no_inline || !inlines {
        return Err(child::exec(&arguments.command, &env, &memory));
    }
    let began = SystemTime::now();
    let interrupt = Interrupt::default();
    match child::run(&arguments.command, &env, &memory, &interrupt)? {
        child::Ended::Badly(code) => return Ok(ExitCode::from(code)),
        child::Ended::Well => inline(&arguments, &env, began, &interrupt)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A check on what is inlined asks for inlining: passed over for a command that is not known to build, it would
/// seem to have been made.
fn asks_to_inline(arguments: &Run) -> bool {
    arguments.inline.is_some()
        || arguments.dynamic.is_some()
        || !arguments.allow_leak.is_empty()
        || !arguments.allow_mention.is_empty()
}

fn dynamic(choice: Dynamic) -> capy_inliner::Dynamic {
    match choice {
        Dynamic::Auto => capy_inliner::Dynamic::Auto,
        Dynamic::Prelude => capy_inliner::Dynamic::Prelude,
        Dynamic::Warn => capy_inliner::Dynamic::Warn,
        Dynamic::Error => capy_inliner::Dynamic::Error,
    }
}

/// Inlines what the build wrote. A build whose output is not known is fine, unless inlining was asked for.
fn inline(arguments: &Run, env: &EnvMap, began: SystemTime, interrupt: &Interrupt) -> Result<()> {
    let folder = arguments.inline.clone().unwrap_or_else(|| PathBuf::from("."));
    let progress = Progress::default();
    let mut request = capy_inliner::Request::new(env);
    request.apps.push(folder.clone());
    request.within = arguments.root.clone().map_or(Within::Repository, Within::Root);
    request.written_since = Some(began);
    request.allow_leak.extend(arguments.allow_leak.iter().cloned());
    request.allow_mention.extend(arguments.allow_mention.iter().cloned());
    request.dynamic = arguments.dynamic.map(dynamic).unwrap_or_default();
    request.stop = Some(interrupt.stop());
    request.progress = Some(&progress);
    let step = || {
        let step = progress.step();
        bar::Step { what: step.phase.name(), done: step.done, all: step.files }
    };
    let result = bar::during(step, || capy_inliner::inline(&request));
    if matches!(result, Err(capy_inliner::Error::Stopped)) {
        interrupt.end();
    }
    let report = match result {
        Err(capy_inliner::Error::UnknownLayout { .. }) => return nothing_to_inline(arguments, &folder),
        result => result?,
    };
    if !report.roots.iter().any(|root| root.kind == RootKind::Server) {
        return nothing_to_inline(arguments, &folder);
    }
    let mut table = Vec::new();
    report.print(&mut table).map_err(Error::Output)?;
    printer::note(String::from_utf8_lossy(&table).trim_end());
    if report.worst() == Some(Severity::Failure) {
        return Err(Error::InlineRefused);
    }
    Ok(())
}

fn nothing_to_inline(arguments: &Run, folder: &Path) -> Result<()> {
    let error = Error::NothingToInline { path: folder.into() };
    if asks_to_inline(arguments) {
        return Err(error);
    }
    let hint = error.hint().unwrap_or_default();
    printer::note(&format!("note: {error}, so nothing was inlined\n\nhint: {hint}"));
    Ok(())
}

/// The variables that the command gets on top of this process's own.
fn secrets(arguments: &Run) -> Result<EnvMap> {
    let lookup = |name: &str| std::env::var_os(name);
    match Credentials::from_env(lookup)? {
        Some(credentials) => of_deployment(&credentials),
        None => of_env_file(arguments),
    }
}

/// A deployment is a whole: its values win, as they do where they are inlined.
fn of_deployment(credentials: &Credentials) -> Result<EnvMap> {
    let here = std::env::current_dir().map_err(Error::file("find", ".".as_ref()))?;
    let url = capy_client::service_url(|name| std::env::var_os(name), &here)?;
    let env = capy_client::open(credentials, &capy_client::Service::new(url), project::deadline()?)?;
    let differs = |(name, value): &(&str, &SecretValue)| {
        std::env::var_os(name).is_some_and(|set| set != value.expose_secret())
    };
    project::tell_names_that_shells_drop(env.names());
    let replaced: Vec<_> = env.iter().filter(differs).map(|(name, _)| name).collect();
    if !replaced.is_empty() {
        printer::note(&format!(
            "note: the deployment's value replaces the one that is set: {}",
            replaced.join(", ")
        ));
    }
    Ok(env)
}

/// As with Node's `--env-file` and dotenv, a variable that is set already wins over `.env`.
fn of_env_file(arguments: &Run) -> Result<EnvMap> {
    let project = Project::find_if_any()?;
    let path = env_path(arguments.file.env_file.clone(), project.as_ref());
    let pipes = Pipes::of(arguments.file.env_file.as_ref());
    let file = read_env_file(&path, pipes)?.ok_or_else(|| Error::NoSecrets { path: path.clone() })?;
    if file.entries().is_empty() {
        // A command without its variables is no run: a note would go by unseen.
        refuse_doubts(&file, &path)?;
    }
    let env = open_env_file(&file, &path, project.as_ref())?;
    if arguments.override_existing {
        return Ok(env);
    }
    let mut effective = EnvMap::new();
    for (name, value) in env.iter() {
        let value = match std::env::var_os(name).map(OsString::into_string) {
            None => value.clone(),
            Some(Ok(set)) => SecretValue::new(set),
            // Not text: it stays as it is, and nothing could inline it.
            Some(Err(_)) => continue,
        };
        effective.try_insert(name, value).map_err(|_| Error::ValueUnusable)?;
    }
    Ok(effective)
}
