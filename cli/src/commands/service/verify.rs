//! `capy service verify`: compares what Cloudflare runs with a release.

use serde::Serialize;
use serde_json::Value;

use crate::cli::ServiceVerify;
use crate::error::{CloudflareFault, Error, Result};
use crate::printer::{self, shown, table};
use crate::service_verify::{Module, ServiceRelease, Setting, Share, State, Worker, modules, settings};

/// The output as JSON.
#[derive(Serialize)]
struct Report {
    worker: String,
    matches_release: bool,
    release: Release,
    deployed: Vec<Version>,
}

#[derive(Serialize)]
struct Release {
    version: Option<String>,
    commit: Option<String>,
}

#[derive(Serialize)]
struct Version {
    id: String,
    percentage: f64,
    modules: Vec<Module>,
    settings: Vec<Setting>,
}

impl Version {
    fn is_same(&self) -> bool {
        let modules = self.modules.iter().map(|module| module.state);
        modules.chain(self.settings.iter().map(|setting| setting.state)).all(|state| state == State::Same)
    }
}

pub(in crate::commands) fn run(arguments: &ServiceVerify) -> Result<()> {
    let release = ServiceRelease::read(&arguments.release)?;
    let name = arguments.name.as_deref().unwrap_or(&release.name);
    let worker = Worker::from_env(name)?;
    let report = ask(&worker, name, &release)?;
    if arguments.json {
        printer::json(&report)?;
    } else {
        print(&report)?;
    }
    match report.matches_release {
        true => Ok(()),
        false => Err(Error::ServiceDiffers { name: name.to_owned() }),
    }
}

fn ask(worker: &Worker, name: &str, release: &ServiceRelease) -> Result<Report> {
    let deployment = worker.deployment()?;
    let (script, schedules) = (worker.script_settings()?, worker.schedules()?);
    let mut deployed = Vec::new();
    for Share { version_id, percentage } in &deployment.versions {
        let (content, resources) = (worker.content(version_id)?, worker.resources(version_id)?);
        deployed.push(Version {
            id: version_id.clone(),
            percentage: *percentage,
            modules: modules(release, content.as_ref()),
            settings: settings(release, content.as_ref(), &resources, &script, &schedules),
        });
    }
    if worker.deployment()? != deployment {
        return Err(Error::Cloudflare(CloudflareFault::Changed));
    }
    let matches_release = deployed.iter().all(Version::is_same);
    let (version, commit) = (release.version.clone(), release.commit.clone());
    let release = Release { version, commit };
    Ok(Report { worker: name.to_owned(), matches_release, release, deployed })
}

fn print(report: &Report) -> Result<()> {
    let Release { version, commit } = &report.release;
    let mut text = format!("release: {}, commit {}\n", shown(version.as_deref()), shown(commit.as_deref()));
    for version in &report.deployed {
        text += &format!("\ndeployed: version {}, {} % of the calls\n\n", version.id, version.percentage);
        text += &table(["module", "", "sha256"], version.modules.iter().map(row_of_module));
        text += "\n";
        text += &table(["setting", "", "deployed", "release"], version.settings.iter().map(row_of_setting));
    }
    if report.matches_release {
        text += &format!("\n{}: the deployed modules and settings are the release's\n", report.worker);
    }
    printer::data(&text)
}

fn row_of_module(module: &Module) -> [String; 3] {
    let sum = match (module.state, &module.deployed, &module.released) {
        (State::Different, Some(deployed), Some(released)) => format!("{deployed}, released {released}"),
        (_, deployed, released) => shown(deployed.as_deref().or(released.as_deref())),
    };
    [shown(Some(&module.name)), word(module.state), sum]
}

fn row_of_setting(setting: &Setting) -> [String; 4] {
    let released = if setting.state == State::Same { String::new() } else { line(&setting.released) };
    [shown(Some(&setting.name)), word(setting.state), line(&setting.deployed), released]
}

fn word(state: State) -> String {
    let word = match state {
        State::Same => "same",
        State::Different => "DIFFERENT",
        State::Missing => "MISSING",
        State::Unexpected => "UNEXPECTED",
    };
    word.to_owned()
}

/// A setting's value in the table: text as it is, null as `-`, anything else as JSON.
fn line(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => shown(Some(text)),
        value => shown(Some(&value.to_string())),
    }
}
