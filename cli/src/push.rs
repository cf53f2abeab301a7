//! Hands a deployment's variables to the platform's own command line.
//!
//! Values go to a program's stdin and nowhere else: not into its arguments, not into its environment. What a program
//! prints is searched and never shown as it is: some print the values that they were given. What was really stored
//! is asked of the platform afterwards.

mod heroku;

use std::io::{self, Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde::Serialize;
use zeroize::Zeroizing;

use crate::deployment::Variable;
use crate::error::{Error, Result};
use crate::names;
use crate::platforms::{Push, Stdin};

/// No such program needs longer, but for one that waits for somebody.
const PATIENCE: Duration = Duration::from_secs(120);
const TICK: Duration = Duration::from_millis(20);
/// Of what a program says when it fails.
const LONGEST_COMPLAINT: usize = 600;

/// What is going to be run for a deployment.
pub(crate) struct Pushing<'a> {
    pub(crate) push: &'a Push,
    environment: &'a str,
    project: Option<&'a str>,
    variables: &'a [Variable],
}

/// What became of it.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    /// Stored, and listed by the platform afterwards.
    pub(crate) stored: Vec<&'static str>,
    /// The program said that it stored them, and the platform does not list them.
    pub(crate) missing: Vec<&'static str>,
    /// Not stored.
    pub(crate) failed: Vec<&'static str>,
    /// What the program said when it failed, without values.
    pub(crate) complaint: Option<String>,
}

impl Report {
    pub(crate) fn is_whole(&self) -> bool {
        self.missing.is_empty() && self.failed.is_empty()
    }
}

struct Run<'a> {
    arguments: Vec<String>,
    stdin: Zeroizing<String>,
    variables: &'a [Variable],
}

struct Ended {
    success: bool,
    out: Zeroizing<Vec<u8>>,
    err: Zeroizing<Vec<u8>>,
}

impl<'a> Pushing<'a> {
    pub(crate) fn new(
        push: &'a Push,
        environment: Option<&'a str>,
        project: Option<&'a str>,
        variables: &'a [Variable],
    ) -> Self {
        Self { push, environment: environment.unwrap_or_default(), project, variables }
    }

    /// Refuses what is known to be impossible.
    pub(crate) fn check(&self) -> Result<()> {
        match self.push.stdin {
            Stdin::HerokuApi => heroku::check_app(self.project).map(drop),
            _ => Ok(()),
        }
    }

    /// The command lines, as they are going to be run.
    pub(crate) fn shown(&self) -> Vec<String> {
        if self.push.stdin == Stdin::HerokuApi {
            let url = heroku::url(self.project.unwrap_or("APP"));
            return vec![
                format!("{} {}", self.push.program, shell_words::join(&self.push.run)),
                format!("PATCH {url}"),
            ];
        }
        let lists = [self.arguments(&self.push.list, None)];
        let all = self.runs().into_iter().map(|run| run.arguments).chain(lists);
        all.map(|arguments| format!("{} {}", self.push.program, shell_words::join(arguments))).collect()
    }

    /// Runs them, then asks the platform what it holds.
    pub(crate) fn run(&self) -> Result<Report> {
        if self.push.stdin == Stdin::HerokuApi {
            return self.call_heroku();
        }
        let mut report = Report::default();
        let mut set = Vec::new();
        for run in self.runs() {
            let names = run.variables.iter().map(|variable| variable.name);
            // Whatever kept one out, such as a missing login, keeps the others out, too.
            if report.complaint.is_some() {
                report.failed.extend(names);
                continue;
            }
            let ended = self.execute(&run.arguments, &run.stdin)?;
            if ended.success {
                set.extend(names);
            } else {
                report.failed.extend(names);
                report.complaint = Some(self.complaint(&ended));
            }
        }
        if set.is_empty() {
            return Ok(report);
        }
        let listed = self.execute(&self.arguments(&self.push.list, None), "")?;
        if !listed.success {
            report.complaint.get_or_insert_with(|| self.complaint(&listed));
        }
        let (stored, missing) =
            set.into_iter().partition(|name| listed.success && mentions(&listed.out, name));
        Ok(Report { stored, missing, ..report })
    }

    /// All or none; then the names that are there.
    fn call_heroku(&self) -> Result<Report> {
        let app = heroku::check_app(self.project)?;
        let names: Vec<_> = self.variables.iter().map(|variable| variable.name).collect();
        let refused =
            |complaint| Report { failed: names.clone(), complaint: Some(complaint), ..Report::default() };
        let token = self.execute(&self.push.run, "")?;
        let text = Zeroizing::new(String::from_utf8_lossy(&token.out).into_owned());
        if !token.success || text.trim().is_empty() {
            return Ok(refused(self.complaint(&token)));
        }
        let held = heroku::ConfigVars::of(app, &text);
        if let Err(complaint) = held.set(&crate::deployment::json_object(self.variables)) {
            return Ok(refused(complaint));
        }
        let (listed, complaint) = match held.names() {
            Ok(listed) => (listed, None),
            Err(complaint) => (Vec::new(), Some(complaint)),
        };
        let is_listed = |name: &&str| listed.iter().any(|known| known == name);
        let (stored, missing) = names.iter().copied().partition(is_listed);
        Ok(Report { stored, missing, complaint, failed: Vec::new() })
    }

    fn runs(&self) -> Vec<Run<'a>> {
        let variables = self.variables;
        match self.push.stdin {
            Stdin::Value => variables
                .iter()
                .map(|variable| Run {
                    arguments: self.arguments(&self.push.run, Some(variable.name)),
                    stdin: variable.value.clone(),
                    variables: std::slice::from_ref(variable),
                })
                .collect(),
            Stdin::HerokuApi => Vec::new(),
            Stdin::Lines => vec![self.one_run(crate::deployment::lines(variables))],
            Stdin::Json => vec![self.one_run(crate::deployment::json_object(variables))],
        }
    }

    fn one_run(&self, stdin: Zeroizing<String>) -> Run<'a> {
        Run { arguments: self.arguments(&self.push.run, None), stdin, variables: self.variables }
    }

    fn arguments(&self, words: &[String], name: Option<&str>) -> Vec<String> {
        let word = |word: &String| match (word.as_str(), name) {
            ("{environment}", _) => self.environment.to_owned(),
            ("{NAME}", Some(name)) => name.to_owned(),
            _ => word.clone(),
        };
        let project = self.push.project.iter().zip(self.project);
        let project = project.flat_map(|(option, project)| [option.clone(), project.to_owned()]);
        words.iter().map(word).chain(project).collect()
    }

    fn execute(&self, arguments: &[String], stdin: &str) -> Result<Ended> {
        let program = &self.push.program;
        let failure = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => Error::PushProgramMissing { program: program.clone() },
            _ => Error::CommandNotExecutable { program: program.clone(), source },
        };
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(names::is_reserved) {
                command.env_remove(name);
            }
        }
        let mut child = command.spawn().map_err(failure)?;
        let writing = write_all(&mut child, stdin);
        let (out, err) = (read_all(child.stdout.take()), read_all(child.stderr.take()));
        let success = wait(&mut child).map_err(failure)?;
        let _ = writing.join();
        let collect = |reading: JoinHandle<Zeroizing<Vec<u8>>>| reading.join().unwrap_or_default();
        Ok(Ended { success, out: collect(out), err: collect(err) })
    }

    /// The end of what a program said, without any value.
    fn complaint(&self, ended: &Ended) -> String {
        let said = if ended.err.trim_ascii().is_empty() { &ended.out } else { &ended.err };
        let mut text = Zeroizing::new(String::from_utf8_lossy(said).into_owned());
        for variable in self.variables {
            *text = text.replace(variable.value.as_str(), "…");
        }
        let text = text.trim();
        let skip = text.chars().count().saturating_sub(LONGEST_COMPLAINT);
        let text: String = text.chars().skip(skip).collect();
        if text.is_empty() { "it said nothing".into() } else { text }
    }
}

fn write_all(child: &mut Child, text: &str) -> JoinHandle<()> {
    let stdin = child.stdin.take();
    let text = Zeroizing::new(text.to_owned());
    thread::spawn(move || {
        // A program that does not read its input closes it.
        let _ = stdin.map(|mut stdin| stdin.write_all(text.as_bytes()));
    })
}

fn read_all(stream: Option<impl Read + Send + 'static>) -> JoinHandle<Zeroizing<Vec<u8>>> {
    thread::spawn(move || {
        let mut bytes = Zeroizing::new(Vec::new());
        let _ = stream.map(|mut stream| stream.read_to_end(&mut bytes));
        bytes
    })
}

/// Whether it ended well; one that waits for ever is killed.
fn wait(child: &mut Child) -> io::Result<bool> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        if start.elapsed() > PATIENCE {
            child.kill()?;
            return Ok(child.wait().is_ok_and(|_| false));
        }
        thread::sleep(TICK);
    }
}

/// Whether a list has the name as a whole word.
fn mentions(list: &[u8], name: &str) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    list.split(|byte| !is_part(byte)).any(|word| word == name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_listed_only_as_a_whole_word() {
        let list = b"name\n_CAPY_SECRETS_BLOB  \x1b[1mSECRETS_BLOB_FILE\x1b[0m\n\"PROJECT_KEY\": \"x\"\n";
        assert!(!mentions(list, "SECRETS_BLOB") && mentions(list, "_CAPY_SECRETS_BLOB"));
        assert!(mentions(list, "PROJECT_KEY"));
    }
}
