//! `capy build list`, `show` and `logs`: prints what this machine built.

use std::fs;
use std::io;

use crate::build::{Record, Records};
use crate::cli::{BuildCommand, BuildList, BuildLogs, BuildShow};
use crate::error::BuildFault as Fault;
use crate::error::{Error, Result};
use crate::printer::{self, shown, table, time, time_or};

const HEAD: [&str; 6] = ["id", "project", "started", "state", "commit", "handed out"];

pub(in crate::commands) fn run(command: BuildCommand) -> Result<()> {
    match command {
        BuildCommand::List(list) => self::list(&list),
        BuildCommand::Show(show) => self::show(&show),
        BuildCommand::Logs(logs) => self::logs(&logs),
    }
}

fn list(arguments: &BuildList) -> Result<()> {
    let mut records = Records::find()?.all()?;
    if let Some(project) = &arguments.project {
        records.retain(|record| record.project == *project || record.project_id == *project);
    }
    if arguments.json {
        return printer::json(&records);
    }
    if records.is_empty() {
        printer::note("no builds yet");
        return Ok(());
    }
    printer::data(&table(HEAD, records.iter().map(row)))
}

fn row(record: &Record) -> [String; 6] {
    let commit = record.commit.as_deref().map(|commit| commit.get(..12).unwrap_or(commit));
    let handed_out = match (&record.artifacts, &record.error_code) {
        (Some(_), _) => "yes".into(),
        (None, why) => shown(why.as_deref()),
    };
    [
        record.id.to_string(),
        shown(Some(&record.project)),
        time(record.started_at),
        record.status.word().into(),
        shown(commit),
        handed_out,
    ]
}

fn show(arguments: &BuildShow) -> Result<()> {
    let records = Records::find()?;
    let record = records.read(&records.find_one(&arguments.id)?)?;
    if arguments.json {
        return printer::json(&record);
    }
    let commit = [&record.reference, &record.commit].into_iter().flatten().cloned().collect::<Vec<_>>();
    let engine = record.engine.map(|engine| engine.name().to_owned());
    let number = |number: Option<usize>| number.map(|number| number.to_string());
    let artifacts = record.artifacts.as_ref().map(|path| path.display().to_string());
    let output = record.output.map(|kind| kind.word().to_owned());
    let lines = [
        ("id", Some(record.id.to_string())),
        ("project", Some(format!("{} ({})", record.project, record.project_id))),
        ("state", Some(record.status.word().into())),
        ("started", Some(time(record.started_at))),
        ("finished", Some(time_or(record.finished_at, "-"))),
        ("exit code", number(record.exit_code.map(usize::from))),
        ("source", Some(record.source.clone())),
        ("commit", (!commit.is_empty()).then(|| commit.join(" "))),
        ("container", engine.zip(record.image.clone()).map(|(engine, image)| format!("{engine}, {image}"))),
        ("secrets", number(record.secrets)),
        ("output", output),
        ("artifacts", artifacts),
        (
            "not handed out",
            record
                .error_code
                .clone()
                .zip(record.error_message.clone())
                .map(|(code, why)| format!("{code}: {why}")),
        ),
        ("requested by", Some(record.requested_by.clone())),
        ("static allowed by", record.static_allowed_by.clone()),
    ];
    let line = |(name, value): (&str, Option<String>)| Some(format!("{name:<18} {}\n", shown(Some(&value?))));
    printer::data(&lines.into_iter().filter_map(line).collect::<String>())
}

/// Prints the log as it is stored: masked, and without characters that control a terminal.
fn logs(arguments: &BuildLogs) -> Result<()> {
    let records = Records::find()?;
    let id = records.find_one(&arguments.id)?;
    records.read(&id)?;
    let path = records.log(&id);
    match fs::read_to_string(&path) {
        Ok(text) => printer::data(&text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Fault::NoLog { id: id.to_string() }.into())
        }
        Err(error) => Err(Error::file("read", &path)(error)),
    }
}
