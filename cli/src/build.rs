//! Runs one build of a project: fetches the source, opens the secrets, runs the commands in a
//! container and copies the output out.
//!
//! The order matters. The source comes first, so that no secret ever lies next to a source that is
//! refused. The secrets come next, and are removed as soon as the container has ended. The output
//! comes last: it is searched for values, and then copied completely or not at all. The build's
//! folder is removed however the build ends, and the record says how it ended.
//!
//! | module | what it decides or does |
//! | --- | --- |
//! | `source`, `tree` | what is cloned or copied, and what is refused |
//! | `hosts` | which hosts a repository is fetched from |
//! | `secrets`, `startup_script`, `dotenv` | opening the rows, values to the container |
//! | `passwd` | the user's entry in the container |
//! | `engine`, `container` | what runs, and what ends it (with `crate::process`) |
//! | `output` | what is shown and logged |
//! | `output_kind`, `artifacts` | what may be handed out |
//! | `build_folder`, `record` | what is removed, and what is kept |

mod artifacts;
mod build_folder;
mod container;
mod dotenv;
mod engine;
mod hosts;
mod id;
mod output;
mod output_kind;
mod passwd;
mod record;
mod secrets;
mod source;
mod startup_script;
mod steps;
mod tree;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use capy_client::Service;
use capy_protocol::api::projects::{Project, Recipe};

pub(crate) use engine::{Engine, Limits, image, word};
pub(crate) use hosts::{AllowedHost, Hosts};
pub(crate) use record::{Record, Records, Status};

use crate::error::{BuildFault as Fault, Error, Result};
use crate::process::cancellation::{Cancellation, Cancelled, IgnoredSignals};
use crate::settings::deadline;
use crate::{printer, store_project};
use build_folder::TempFolder;
use hosts::Address;
use id::BuildId;
use output::Output;
use source::Source;
use steps::Steps;

/// The image of a project that does not name one.
const DEFAULT_IMAGE: &str = "docker.io/library/node:24";

/// Timeout in place of one that is longer than the clock can represent.
const MAX_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The longest time from a build's record to its folder, in milliseconds. An older record of a
/// running build without a folder belongs to a killed build.
const START_GRACE_MS: u64 = 60_000;

/// The options of `capy build`.
pub(crate) struct BuildOptions {
    /// The project's name or id.
    pub(crate) project: String,
    pub(crate) source: Option<PathBuf>,
    pub(crate) reference: Option<String>,
    pub(crate) hosts: Hosts,
    pub(crate) engine: Option<Engine>,
    pub(crate) image: Option<String>,
    pub(crate) limits: Limits,
    pub(crate) timeout: Duration,
    pub(crate) temp: Option<PathBuf>,
    pub(crate) artifacts: Option<PathBuf>,
    pub(crate) inline: bool,
    pub(crate) static_if_clean: bool,
}

/// The result of a build: its record, which is already written, and why the build did not pass.
pub(crate) struct Outcome {
    pub(crate) record: Record,
    pub(crate) error: Option<Error>,
}

impl From<Cancelled> for Fault {
    fn from(cancelled: Cancelled) -> Self {
        match cancelled {
            Cancelled::Signal => Self::Stopped,
            Cancelled::Timeout => Self::TimeOver,
        }
    }
}

impl From<Cancelled> for Error {
    fn from(cancelled: Cancelled) -> Self {
        Fault::from(cancelled).into()
    }
}

/// Runs a build.
///
/// # Errors
/// What stops the build before there is a record. Any later failure is in the outcome.
pub(crate) fn build(options: BuildOptions, service: Service, cancellation: &Cancellation) -> Result<Outcome> {
    let began = Instant::now();
    let until = began.checked_add(options.timeout).unwrap_or(began + MAX_TIMEOUT);
    cancellation.set_deadline(until).map_err(Fault::Signals)?;
    let keys = secrets::keys()?;
    let records = Records::find()?;
    let temp = TempFolder::open(&match &options.temp {
        Some(path) => path.clone(),
        None => record::state_folder()?.join("temp"),
    })?;
    sweep(&temp, &records, cancellation)?;
    let service = Arc::new(service);
    let project = find(&service, &options.project, cancellation, until)?;
    let prepared = Prepared::of(&options, project, &service, cancellation)?;
    let mut record = prepared.record(&options, &temp)?;
    if let Some(artifacts) = &options.artifacts {
        artifacts::check_place(artifacts)?;
    }
    records.begin(&record)?;
    let steps = Steps {
        options: &options,
        prepared: &prepared,
        keys: &keys,
        service,
        records: &records,
        cancellation,
        until,
    };
    let output = Output::begin(&records.log(&record.id)).map_err(Error::from);
    let result = output.and_then(|output| steps.run(&temp, output, &mut record));
    let error = close(&mut record, result);
    if let Err(fault) = records.write(&record) {
        printer::note(&format!("warning: the record of the build is incomplete: {fault}"));
    }
    Ok(Outcome { record, error })
}

/// Sets the end of the build in the record, and returns the error that it ended with.
fn close(record: &mut Record, result: Result<()>) -> Option<Error> {
    record.finished_at = Some(printer::now());
    let Err(error) = result else {
        (record.status, record.exit_code) = (Status::Passed, Some(0));
        return None;
    };
    record.status = match &error {
        Error::Build(Fault::Static | Fault::StaticInPart) => Status::Blocked,
        Error::Build(Fault::TimeOver) => Status::TimedOut,
        Error::Build(Fault::Stopped) => Status::Interrupted,
        _ => Status::Failed,
    };
    record.exit_code = (record.status != Status::Interrupted).then(|| error.exit_code());
    record.error_code = Some(error.code().into());
    record.error_message = Some(error.to_string());
    Some(error)
}

/// Removes what killed builds left, before anything new is created: in `temp`, and in the folders
/// that the records of running builds name.
fn sweep(temp: &TempFolder, records: &Records, cancellation: &Cancellation) -> Result<()> {
    let mut places = vec![temp.clone()];
    let running: Vec<Record> =
        records.all()?.into_iter().filter(|record| record.status == Status::Running).collect();
    places.extend(running.iter().filter_map(|record| TempFolder::find(&record.temp)));
    places.sort();
    places.dedup();
    let mut gone = Vec::new();
    for place in &places {
        let (removed, left) = place.sweep(cancellation)?;
        gone.extend(removed);
        left.iter().for_each(|fault| printer::note(&format!("warning: {fault}")));
    }
    // A build that was killed before it had a folder, or whose folder was in memory and is gone
    // with a restart; but not a build that is just starting.
    let is_old = |record: &&Record| record.started_at + START_GRACE_MS < printer::now();
    let lost =
        running.iter().filter(is_old).filter(|record| !places.iter().any(|place| place.holds(&record.id)));
    gone.extend(lost.map(|record| record.id.clone()));
    gone.sort();
    gone.dedup();
    for id in gone {
        records.mark_lost(&id);
        printer::note(&format!("note: build {id} was killed; its remains are removed now"));
    }
    Ok(cancellation.check()?)
}

/// Finds the project by its id, or by a name that only one project has.
fn find(service: &Arc<Service>, named: &str, cancellation: &Cancellation, until: Instant) -> Result<Project> {
    let (service, named, deadline) = (Arc::clone(service), named.to_owned(), deadline()?);
    let detail = cancellation.run(until, IgnoredSignals::None, move || -> Result<_> {
        let id = store_project::find(&service, &named)?;
        Ok(service.project(&id, deadline)?)
    })??;
    Ok(detail.project)
}

/// What is decided before anything is created.
struct Prepared {
    project: Project,
    source: Source,
    /// The container engine and the image; none where there is no command to run.
    engine: Option<(Engine, String)>,
}

impl Prepared {
    fn of(
        options: &BuildOptions,
        project: Project,
        service: &Service,
        cancellation: &Cancellation,
    ) -> Result<Self, Fault> {
        build_folder::folder_name(&project.name)?;
        let recipe = &project.recipe;
        let source = source(options, recipe, service.url().is_loopback())?;
        source.check()?;
        let engine = match script(recipe) {
            None => None,
            Some(_) => {
                let image = options
                    .image
                    .clone()
                    .or_else(|| recipe.image.clone())
                    .unwrap_or_else(|| DEFAULT_IMAGE.into());
                let image = engine::image(&image).map_err(|_| Fault::SettingUnusable {
                    what: "the image",
                    reason: "this is not the name of an image",
                })?;
                Some((Engine::choose(options.engine, cancellation)?, image))
            }
        };
        Ok(Self { project, source, engine })
    }

    fn record(&self, options: &BuildOptions, temp: &TempFolder) -> Result<Record, Fault> {
        let id = BuildId::draw().map_err(Fault::Randomness)?;
        let (engine, image) = self.engine.clone().unzip();
        Ok(Record {
            id,
            project_id: self.project.project_id.to_string(),
            project: self.project.name.clone(),
            status: Status::Running,
            started_at: printer::now(),
            finished_at: None,
            exit_code: None,
            temp: temp.path().to_owned(),
            source: self.source.shown(),
            reference: options.reference.clone().or_else(|| self.source.reference().map(str::to_owned)),
            commit: None,
            engine,
            image,
            secrets: None,
            output: None,
            artifacts: None,
            error_code: None,
            error_message: None,
            requested_by: record::requester(),
            static_allowed_by: None,
        })
    }
}

/// Chooses the source: `--source`, else the project's repository at `--ref`, else at its branch.
fn source(options: &BuildOptions, recipe: &Recipe, local_is_allowed: bool) -> Result<Source, Fault> {
    if let Some(folder) = &options.source {
        return Ok(Source::Folder(folder.clone()));
    }
    let url = recipe.repository_url.clone().ok_or(Fault::NoSource)?;
    let reference = options.reference.clone().or_else(|| recipe.branch.clone());
    let access = options.hosts.admit(&Address::parse(&url, local_is_allowed)?)?;
    Ok(Source::Repository { url, reference, access, local_is_allowed })
}

/// The script for the container's shell: each command between braces on lines of their own, so that
/// it may end with anything, such as a comment. None where there is no command.
fn script(recipe: &Recipe) -> Option<String> {
    let commands = [&recipe.install_command, &recipe.build_command].into_iter().flatten();
    let commands: Vec<_> = commands.filter(|command| !command.trim().is_empty()).collect();
    let script = |script: String, command: &&String| format!("{script} && {{\n{command}\n}}");
    (!commands.is_empty()).then(|| commands.iter().fold("cd /app".to_owned(), script))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_run_one_after_the_other_and_only_if_there_are_any() {
        let recipe = |install: Option<&str>, build: Option<&str>| Recipe {
            install_command: install.map(str::to_owned),
            build_command: build.map(str::to_owned),
            ..Recipe::default()
        };
        assert_eq!(script(&recipe(None, None)), None);
        assert_eq!(script(&recipe(Some(" "), None)), None);
        assert_eq!(script(&recipe(None, Some("a; b # c"))).unwrap(), "cd /app && {\na; b # c\n}");
        assert_eq!(script(&recipe(Some("a"), Some("b"))).unwrap(), "cd /app && {\na\n} && {\nb\n}");
    }
}
