//! `capy build`: one build from the command line to its exit code.

mod list;

use std::process::ExitCode;

use capy_client::private_memory;

use crate::build::{self, BuildOptions, Hosts, Limits, Record, Status};
use crate::cli::{Build, BuildOrder};
use crate::error::{BuildFault, Error, Result};
use crate::key_service;
use crate::printer;
use crate::process::cancellation::Cancellation;

pub(super) fn run(arguments: Build) -> Result<ExitCode> {
    match arguments.command {
        Some(command) => list::run(command).map(|()| ExitCode::SUCCESS),
        None => one(arguments.order),
    }
}

/// Runs one build. A signal ends this program as it would any other, once everything is cleaned up.
fn one(arguments: BuildOrder) -> Result<ExitCode> {
    private_memory::forbid_reading();
    let cancellation = Cancellation::catch_signals().map_err(BuildFault::Signals)?;
    let service = key_service::with_token(arguments.service.url.as_deref())?;
    let json = arguments.json;
    let outcome = build::build(options(arguments)?, service, &cancellation);
    let outcome = outcome.inspect_err(|error| {
        if matches!(error, Error::Build(BuildFault::Stopped)) {
            cancellation.end_process();
        }
    })?;
    let id = &outcome.record.id;
    if json {
        printer::json(&outcome.record)?;
    }
    let Some(error) = outcome.error else {
        return passed(&outcome.record, json);
    };
    printer::note(&format!(
        "build {id} {}; to see its log: capy build logs {id}",
        word(outcome.record.status)
    ));
    if outcome.record.status == Status::Interrupted {
        cancellation.end_process();
    }
    Err(error)
}

/// Reports success. Only the path of the output goes to stdout, for scripts.
fn passed(record: &Record, json: bool) -> Result<ExitCode> {
    printer::note(&format!("build {} passed", record.id));
    if let Some(artifacts) = record.artifacts.as_ref().filter(|_| !json) {
        printer::data(&format!("{}\n", artifacts.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn word(status: Status) -> &'static str {
    match status {
        Status::TimedOut => "took too long",
        Status::Interrupted => "was stopped",
        Status::Blocked => "was not handed out",
        _ => "failed",
    }
}

fn options(arguments: BuildOrder) -> Result<BuildOptions> {
    Ok(BuildOptions {
        project: arguments.project.unwrap_or_default(),
        source: arguments.source,
        reference: arguments.reference,
        hosts: Hosts::with_environment(arguments.allow_host)?,
        engine: arguments.engine,
        image: arguments.image,
        limits: Limits { memory: arguments.memory, cpus: arguments.cpus, network: arguments.network },
        timeout: arguments.timeout,
        temp: arguments.temp,
        artifacts: arguments.artifacts,
        inline: arguments.inline,
        static_if_clean: arguments.static_if_clean,
    })
}
