//! Sets a deployment's variables by the platform's own command line.
//!
//! Values go to a program's stdin and nowhere else, neither into its arguments nor into its
//! environment; Heroku's go to its API (`heroku`). A program's output is redacted before it is
//! shown, as some programs print the values that they got. Afterwards the platform is asked what it
//! holds: values that it shows are compared, names without values are reported as listed, and what
//! could not be found out is reported as unknown.

mod heroku;
mod program;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use capy_client::credentials::{self, Placeholder};
use capy_inliner::Redactor;
use capy_protocol::terminal_text::is_terminal_control;
use serde::Serialize;
use zeroize::Zeroizing;

pub(crate) use program::find;

use crate::deployment::{CheckedRequest, Deployment, Variable, json_object, lines};
use crate::error::{DeploymentFault, Error, Result};
use crate::platforms::{Platform, Push, Stdin};
use program::{Captured, End};

/// The most characters that are kept of what a program printed.
const LONGEST_MESSAGE: usize = 600;
/// The fewest bytes in a row of a value that are redacted. Fewer may be a coincidence.
const SHORTEST_MATCH: usize = 8;

/// What stands in place of a redacted value.
const PLACEHOLDER: &str = "…";

/// The commands to run for a deployment.
pub(crate) struct PushPlan<'a> {
    pub(crate) push: &'a Push,
    platform: &'a Platform,
    program: Option<PathBuf>,
    environment: Option<&'a str>,
    project: Option<&'a str>,
    variables: &'a [Variable],
}

/// The command lines that `--push` would run. Nothing is run or called for that.
pub(crate) fn commands_of(checked: &CheckedRequest, project: Option<&str>) -> Result<Vec<String>> {
    let CheckedRequest { request, names, .. } = checked;
    let without_value = |name: &&'static str| Variable { name, value: Zeroizing::default() };
    let variables: Vec<_> = names.iter().map(without_value).collect();
    let plan = PushPlan::new(&request.platform, request.environment.as_deref(), project, &variables)?;
    plan.check()?;
    Ok(plan.command_lines())
}

/// The result of a push, by variable.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    /// Stored: the platform showed exactly this value afterwards.
    pub(crate) stored: Vec<&'static str>,
    /// The platform lists the name without its value, which may be empty or cut short.
    pub(crate) listed: Vec<&'static str>,
    /// The platform showed another value afterwards: an empty one, a part, or somebody else's.
    pub(crate) altered: Vec<&'static str>,
    /// The program said that it stored them, and the platform does not list them.
    pub(crate) missing: Vec<&'static str>,
    /// Unknown: the program did not end, or the platform could not be asked.
    pub(crate) unknown: Vec<&'static str>,
    /// Not stored.
    pub(crate) failed: Vec<&'static str>,
    /// Variables of another deployment that are still there: with them, the program would open no
    /// deployment when it starts.
    pub(crate) left_over: Vec<&'static str>,
    /// The commands that remove the left-over variables.
    pub(crate) removals: Vec<String>,
    /// What the program printed when it failed, without values.
    pub(crate) program_message: Option<String>,
}

impl Report {
    /// Whether the platform holds the deployment, and no variable that keeps it from opening.
    pub(crate) fn is_complete(&self) -> bool {
        self.not_set().is_empty() && self.unknown.is_empty() && self.left_over.is_empty()
    }

    /// Whether the platform certainly holds none of the variables.
    pub(crate) fn nothing_was_set(&self) -> bool {
        [&self.stored, &self.listed, &self.altered, &self.missing, &self.unknown]
            .iter()
            .all(|names| names.is_empty())
    }

    /// The variables that the platform does not hold as they were given.
    pub(crate) fn not_set(&self) -> Vec<&'static str> {
        [self.missing.as_slice(), self.altered.as_slice(), self.failed.as_slice()].concat()
    }
}

/// What a platform shows of a variable that it holds.
enum Listed {
    Name,
    Value(Zeroizing<String>),
}

/// One run of the platform's program.
struct Run<'a> {
    arguments: Vec<String>,
    stdin: Zeroizing<String>,
    variables: &'a [Variable],
}

impl<'a> PushPlan<'a> {
    /// The push of a deployment that was made.
    pub(crate) fn of(deployment: &'a Deployment, project: Option<&'a str>) -> Result<Self> {
        Self::new(&deployment.platform, deployment.environment.as_deref(), project, &deployment.variables)
    }

    fn new(
        platform: &'a Platform,
        environment: Option<&'a str>,
        project: Option<&'a str>,
        variables: &'a [Variable],
    ) -> Result<Self> {
        let push = platform.push()?;
        Ok(Self { push, platform, program: find(&push.program), environment, project, variables })
    }

    /// Whether the platform's program is on this machine.
    pub(crate) fn is_installed(&self) -> bool {
        self.program.is_some()
    }

    /// Refuses, before anything runs, what is known to be impossible.
    pub(crate) fn check(&self) -> Result<()> {
        if !self.platform.sets(self.environment) {
            let only = self.platform.only_environment.as_deref().unwrap_or_default();
            let why = format!("{} sets variables for the environment {only} only", self.push.program);
            return Err(DeploymentFault::PushUnsupported { platform: self.platform.name.clone(), why }.into());
        }
        if self.project.is_some() && self.push.project.is_none() {
            return Err(DeploymentFault::ProjectUnsupported { program: self.push.program.clone() }.into());
        }
        if self.push.stdin == Stdin::HerokuApi {
            heroku::check_app(self.project)?;
        }
        Ok(())
    }

    /// The command lines that are going to be run.
    pub(crate) fn command_lines(&self) -> Vec<String> {
        if self.push.stdin == Stdin::HerokuApi {
            let url = heroku::url(self.project.unwrap_or("APP"));
            return vec![self.command_line(&self.push.run), format!("PATCH {url}")];
        }
        let runs = self.runs().into_iter().map(|run| run.arguments);
        runs.chain([self.arguments(&self.push.list, None)])
            .map(|arguments| self.command_line(&arguments))
            .collect()
    }

    fn command_line(&self, arguments: &[String]) -> String {
        let program =
            self.program.as_deref().filter(|path| path.parent().is_some_and(|bin| bin.ends_with(".bin")));
        let here = std::env::current_dir().unwrap_or_default();
        let program = program.map(|path| path.strip_prefix(here).unwrap_or(path).display().to_string());
        let program = program.unwrap_or_else(|| self.push.program.clone());
        format!("{} {}", shell_words::quote(&program), shell_words::join(arguments))
    }

    /// Runs the commands, then asks the platform what it holds. Fails only if nothing was run.
    pub(crate) fn run(&self, stop: &AtomicBool) -> Result<Report> {
        self.check()?;
        let missing = || Error::PushProgramMissing { program: self.push.program.clone() };
        let program = self.program.as_deref().ok_or_else(missing)?;
        if self.push.stdin == Stdin::HerokuApi {
            return self.call_heroku(program, stop);
        }
        let mut report = Report::default();
        let set = self.set(program, &mut report, stop)?;
        if !set.is_empty() {
            self.verify(program, set, &mut report, stop);
        }
        Ok(report)
    }

    /// Runs the commands that set variables. Returns the names for which they ended well; the
    /// report gets the others.
    fn set(&self, program: &Path, report: &mut Report, stop: &AtomicBool) -> Result<Vec<&'static str>> {
        let mut set = Vec::new();
        for run in self.runs() {
            let names = run.variables.iter().map(|variable| variable.name);
            // What made one variable fail, such as a missing login, makes the others fail, too.
            if report.program_message.is_some() {
                report.failed.extend(names);
                continue;
            }
            match program::run(program, &run.arguments, &run.stdin, stop) {
                Ok(captured) if captured.end == End::Success => set.extend(names),
                Ok(captured) => {
                    let is_killed = captured.end == End::Killed;
                    let into = if is_killed { &mut report.unknown } else { &mut report.failed };
                    into.extend(names);
                    report.program_message = Some(self.message_of(&captured));
                }
                Err(source) if set.is_empty() => {
                    return Err(Error::CommandNotExecutable { program: self.push.program.clone(), source });
                }
                Err(error) => {
                    report.failed.extend(names);
                    report.program_message = Some(error.to_string());
                }
            }
        }
        Ok(set)
    }

    /// Asks the platform which of the variables that were set it lists.
    fn verify(&self, program: &Path, set: Vec<&'static str>, report: &mut Report, stop: &AtomicBool) {
        match program::run(program, &self.arguments(&self.push.list, None), "", stop) {
            Ok(list) if list.end == End::Success => {
                self.compare(set, report, |name| self.listed_in(&list.out, name));
            }
            failed => {
                report.unknown.extend(set);
                let message =
                    failed.map_or_else(|error| error.to_string(), |captured| self.message_of(&captured));
                report.program_message.get_or_insert(message);
            }
        }
    }

    /// What the program's list shows of a variable.
    fn listed_in(&self, list: &[u8], name: &str) -> Option<Listed> {
        let value = self.push.shows_values.then(|| value_in(list, name)).flatten();
        value.map(Listed::Value).or_else(|| mentions(list, name).then_some(Listed::Name))
    }

    /// Compares the variables that were set with what the platform lists, and finds variables of
    /// other deployments.
    fn compare(&self, set: Vec<&'static str>, report: &mut Report, listed: impl Fn(&str) -> Option<Listed>) {
        let is_listed = |name: &str| listed(name).is_some();
        let ours: Vec<_> = self.variables.iter().map(|variable| variable.name).collect();
        let others = credentials::all().filter(|name| !ours.contains(name) && is_listed(name));
        // Where a program gets only the variables that its configuration names, others may stay.
        report.left_over = others.filter(|_| !self.push.named_only).collect();
        let removal = |name: &&'static str| self.command_line(&self.arguments(&self.push.remove, Some(name)));
        report.removals = report.left_over.iter().map(removal).collect();
        for name in set {
            let into = match listed(name) {
                None => &mut report.missing,
                Some(Listed::Value(value)) if self.is_given(name, &value) => &mut report.stored,
                Some(Listed::Value(value))
                    if credentials::find_placeholder(&value) != Some(Placeholder::Hidden) =>
                {
                    &mut report.altered
                }
                Some(_) => &mut report.listed,
            };
            into.push(name);
        }
    }

    fn is_given(&self, name: &str, value: &str) -> bool {
        self.variables.iter().any(|variable| variable.name == name && variable.value.as_str() == value)
    }

    /// Sets all variables or none by Heroku's API, then compares them with what the app holds.
    fn call_heroku(&self, program: &Path, stop: &AtomicBool) -> Result<Report> {
        let app = heroku::check_app(self.project)?;
        let names: Vec<_> = self.variables.iter().map(|variable| variable.name).collect();
        let failed =
            |message| Report { failed: names.clone(), program_message: Some(message), ..Report::default() };
        let unknown =
            |message| Report { unknown: names.clone(), program_message: Some(message), ..Report::default() };
        let captured = program::run(program, &self.push.run, "", stop);
        let mut captured = captured
            .map_err(|source| Error::CommandNotExecutable { program: self.push.program.clone(), source })?;
        let token = Zeroizing::new(String::from_utf8_lossy(&captured.out).into_owned());
        if captured.end != End::Success || token.trim().is_empty() {
            // What it printed may be a token, which no message shows.
            captured.out = Zeroizing::default();
            return Ok(failed(self.message_of(&captured)));
        }
        let vars = match heroku::ConfigVars::of(app, &token) {
            Ok(vars) => vars,
            Err(error) => return Ok(failed(error.text)),
        };
        match vars.set(&json_object(self.variables)) {
            Ok(()) => {}
            Err(error) if error.is_final => return Ok(failed(self.without_values(&error.text))),
            Err(error) => return Ok(unknown(self.without_values(&error.text))),
        }
        match vars.values() {
            Ok(values) => {
                let mut report = Report::default();
                let listed = |name: &str| values.get(name).cloned().map(Listed::Value);
                self.compare(names, &mut report, listed);
                Ok(report)
            }
            Err(error) => Ok(unknown(self.without_values(&error.text))),
        }
    }

    fn runs(&self) -> Vec<Run<'a>> {
        let variables = self.variables;
        match self.push.stdin {
            Stdin::Value => variables
                .iter()
                .map(|variable| Run {
                    arguments: self.arguments_of_run(Some(variable.name)),
                    stdin: variable.value.clone(),
                    variables: std::slice::from_ref(variable),
                })
                .collect(),
            Stdin::HerokuApi => Vec::new(),
            Stdin::Lines => vec![self.one_run(lines(variables))],
            Stdin::Json => vec![self.one_run(json_object(variables))],
        }
    }

    fn one_run(&self, stdin: Zeroizing<String>) -> Run<'a> {
        Run { arguments: self.arguments_of_run(None), stdin, variables: self.variables }
    }

    /// The arguments that set variables, unreadable ones if the program can be told so.
    fn arguments_of_run(&self, name: Option<&str>) -> Vec<String> {
        let is_allowed = |environments: &[String]| {
            environments.iter().any(|known| Some(known.as_str()) == self.environment)
        };
        let secret = self.push.secret.as_ref().filter(|secret| is_allowed(&secret.environments));
        let option = secret.map(|secret| secret.option.clone());
        self.arguments(&self.push.run, name).into_iter().chain(option).collect()
    }

    fn arguments(&self, words: &[String], name: Option<&str>) -> Vec<String> {
        let word = |word: &String| match (word.as_str(), name) {
            ("{environment}", _) => self.environment.unwrap_or_default().to_owned(),
            ("{NAME}", Some(name)) => name.to_owned(),
            _ => word.clone(),
        };
        let option = |option: &'a Option<String>, value: Option<&'a str>| {
            option.as_deref().zip(value).map(|(option, value)| [option.to_owned(), value.to_owned()])
        };
        let environment = option(&self.push.environment, self.environment);
        let project = option(&self.push.project, self.project);
        words.iter().map(word).chain(environment.into_iter().chain(project).flatten()).collect()
    }

    /// The end of a program's output, without any value.
    fn message_of(&self, captured: &Captured) -> String {
        let is_silent = captured.err.trim_ascii().is_empty();
        let output = if is_silent { &captured.out } else { &captured.err };
        let text = Zeroizing::new(String::from_utf8_lossy(output).into_owned());
        let text = self.without_values(text.trim());
        let text = match (captured.end, text.is_empty()) {
            (End::Killed, true) => "it did not end".into(),
            (End::Killed, false) => format!("{text}; it did not end"),
            (_, true) => "it said nothing".into(),
            (_, false) => text,
        };
        let skip = text.chars().count().saturating_sub(LONGEST_MESSAGE);
        text.chars().skip(skip).collect()
    }

    fn without_values(&self, text: &str) -> String {
        let secrets = self.variables.iter().filter(|variable| variable.is_secret());
        let secrets: Vec<_> = secrets.map(|variable| variable.value.as_str()).collect();
        let text = redact(text, &secrets);
        text.chars().filter(|letter| *letter == '\n' || !is_terminal_control(*letter)).collect()
    }
}

/// The text with one placeholder for each part of a value.
fn redact(text: &str, values: &[&str]) -> String {
    let redacted = Redactor::of_parts(values, SHORTEST_MATCH, PLACEHOLDER).redact(text.as_bytes());
    let mut text = String::from_utf8_lossy(&redacted).into_owned();
    // A program may cut a value short with the same sign.
    while text.contains(&PLACEHOLDER.repeat(2)) {
        text = text.replace(&PLACEHOLDER.repeat(2), PLACEHOLDER);
    }
    text
}

/// Whether a list has the name as a whole word.
fn mentions(list: &[u8], name: &str) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    list.split(|byte| !is_part(byte)).any(|word| word == name.as_bytes())
}

/// The value of a `NAME=value` line, which may be empty.
fn value_in(list: &[u8], name: &str) -> Option<Zeroizing<String>> {
    let lines = list.split(|byte| *byte == b'\n');
    let mut values = lines.filter_map(|line| line.strip_prefix(name.as_bytes())?.strip_prefix(b"="));
    let value = values.next()?;
    Some(Zeroizing::new(String::from_utf8_lossy(value.strip_suffix(b"\r").unwrap_or(value)).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_back_from_its_own_line_only() {
        let list = b"A_PROJECT_KEY=1\nPROJECT_KEY=a=b \r\nSECRETS_BLOB=\nCAPY_SERVICE_URL (encrypted)\n";
        let value = |name| value_in(list, name).map(|value| value.to_string());
        assert_eq!(value("PROJECT_KEY").as_deref(), Some("a=b "));
        assert_eq!(value("SECRETS_BLOB").as_deref(), Some(""));
        assert_eq!(value("CAPY_SERVICE_URL"), None);
        assert_eq!(value("KEY"), None);
    }

    #[test]
    fn a_name_is_listed_only_as_a_whole_word() {
        let list = b"name\n_CAPY_SECRETS_BLOB  \x1b[1mSECRETS_BLOB_FILE\x1b[0m\n\"PROJECT_KEY\": \"x\"\n";
        assert!(!mentions(list, "SECRETS_BLOB") && mentions(list, "_CAPY_SECRETS_BLOB"));
        assert!(mentions(list, "PROJECT_KEY"));
    }

    #[test]
    fn no_part_of_a_value_is_left_however_it_is_printed() {
        let blob: String = (0..200).map(|n| char::from(b'a' + (n * 7 % 26) as u8)).collect();
        let key = "0123456789abcdef";
        let said = format!(
            "invalid value {}… for X\n{}\n{}\n\"{key}\" and nothing else",
            &blob[..20],
            &blob[..64],
            &blob[64..128]
        );
        let shown = redact(&said, &[&blob, key]);
        assert_eq!(shown, "invalid value … for X\n…\n…\n\"…\" and nothing else");
    }

    #[test]
    fn what_is_no_value_stays_as_it_is() {
        let said = "Fehler: nö, die Datei «0123456» gibt es nicht\n";
        assert_eq!(redact(said, &["0123456789abcdef", "https:"]), said);
    }
}
