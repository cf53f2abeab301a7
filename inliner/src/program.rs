//! Command line of `capy-inline`, which `capy` also runs when it is called by this name.
//!
//! Parses the command line, and does all the printing and exit codes of the crate. Credentials come
//! only from the environment.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use capy_client::{help_line, private_memory, progress_bar};
use capy_protocol::env_map::EnvMap;
use capy_protocol::terminal_text::clean_lines;
use clap::{Parser, ValueEnum};
use serde::Serialize;

use crate::{Progress, Report, Request, Severity, Within};

/// What the program is called.
const NAME: &str = "capy-inline";

/// Inlines a deployment's secrets into the server bundles of a finished build
///
/// capy-inline opens SECRETS_BLOB with PROJECT_KEY (or the _CAPY_ pair) through the key service. It
/// replaces the reads of the environment in the server bundles by the values, and searches
/// everything public for them. It writes nothing if it finds a value there, or if a bundle would
/// still lack a variable that it reads.
#[derive(Parser)]
#[command(name = NAME, version = capy_client::VERSION, after_help = EXIT_CODES)]
struct Cli {
    /// Folders of applications or of builds [default: .]
    #[arg(value_name = "DIR")]
    apps: Vec<PathBuf>,
    /// A folder of server bundles, if capy does not know the layout
    #[arg(long, value_name = "DIR")]
    server: Vec<PathBuf>,
    /// One server bundle, if capy does not know the layout
    #[arg(long, value_name = "FILE")]
    file: Vec<PathBuf>,
    /// A folder that the public can fetch
    #[arg(long, value_name = "DIR")]
    public: Vec<PathBuf>,
    /// Never leave this folder [default: the repository around the given folder, else that folder]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Accept this variable's value in public files
    #[arg(long, value_name = "NAME")]
    allow_leak: Vec<String>,
    /// Inline this variable although a public script names it
    #[arg(long, value_name = "NAME")]
    allow_mention: Vec<String>,
    /// What to do about uses of the environment that cannot be inlined
    #[arg(long, value_enum, value_name = "HOW", default_value_t = Dynamic::Auto)]
    dynamic: Dynamic,
    /// Show what would be inlined and searched, and why, and do nothing; needs no credentials
    #[arg(long)]
    explain: bool,
    /// Show how long each phase took
    #[arg(long, short)]
    verbose: bool,
    /// Print the whole report to stdout, or an object with `error` if the run fails
    #[arg(long, value_enum, value_name = "FORMAT")]
    report: Option<Format>,
}

const EXIT_CODES: &str = "Exit codes: 0 done; 1 a leak, a missing variable or a file that cannot be read or written; \
                          2 a wrong command line; others as in `capy run`";

#[derive(Clone, Copy, ValueEnum)]
enum Dynamic {
    /// Set the variables that such uses may need before the program starts; fail where that is
    /// impossible
    Auto,
    /// Set all variables before the program starts
    Prelude,
    /// Set nothing; only report such uses
    Warn,
    /// Set nothing; fail if such a use may need a variable
    Error,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Json,
}

/// Whether a program called by this first argument runs as `capy-inline`: a release has one
/// executable for both, and a link to it.
pub fn is_called_by(first: &OsStr) -> bool {
    Path::new(first).file_stem().is_some_and(|stem| stem == NAME)
}

/// The command line, for the book and for a check of the pages that show commands.
#[cfg(feature = "testing")]
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// Runs the program with this process's command line, and returns its exit code.
pub fn main() -> ExitCode {
    capy_client::slow_calls::report_to(note);
    let cli = Cli::parse();
    // Credentials are in the environment, and values will soon be in memory. Nothing that could
    // need a core dump of its own is started.
    let _memory = private_memory::protect();
    if cli.explain {
        return explain(cli);
    }
    let format = cli.report;
    let here = PathBuf::from(".");
    let start = cli.apps.first().unwrap_or(&here);
    let values = match capy_client::open_from_process_env(start) {
        Ok(Some(values)) => values,
        Ok(None) => {
            let hint = "set SECRETS_BLOB and PROJECT_KEY, as `capy deploy` printed them";
            let blank = capy_client::credentials::blank(|name| std::env::var_os(name));
            let what = match blank.is_empty() {
                true => "there are no credentials in the environment".to_owned(),
                false => format!("the credentials are set but empty: {}", blank.join(", ")),
            };
            return fail(format, "CREDENTIALS_MISSING", &what, Some(hint), 2);
        }
        Err(error) => {
            return fail(
                format,
                error.code(),
                &error.to_string(),
                error.hint().as_deref(),
                error.exit_code(),
            );
        }
    };
    let verbose = cli.verbose;
    let request = request(cli, &values);
    match inline(&request) {
        Ok(report) => finish(&report, format, verbose),
        Err(error) => fail(format, error.code(), &error.to_string(), error.hint(), 1),
    }
}

/// Prints a line to stderr. A failed write does not stop the run.
fn note(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", clean_lines(line));
}

fn request(cli: Cli, values: &EnvMap) -> Request<'_> {
    let mut request = Request::new(values);
    request.apps = if cli.apps.is_empty() && cli.server.is_empty() && cli.file.is_empty() {
        vec![PathBuf::from(".")]
    } else {
        cli.apps
    };
    request.server = cli.server;
    request.files = cli.file;
    request.public = cli.public;
    request.within = cli.root.map_or(Within::Repository, Within::Root);
    request.allow_leak = BTreeSet::from_iter(cli.allow_leak);
    request.allow_mention = BTreeSet::from_iter(cli.allow_mention);
    request.dynamic = match cli.dynamic {
        Dynamic::Auto => crate::Dynamic::Auto,
        Dynamic::Prelude => crate::Dynamic::Prelude,
        Dynamic::Warn => crate::Dynamic::Warn,
        Dynamic::Error => crate::Dynamic::Error,
    };
    request
}

fn explain(cli: Cli) -> ExitCode {
    let (format, values) = (cli.report, EnvMap::new());
    let explanation = match crate::explain(&request(cli, &values)) {
        Ok(explanation) => explanation,
        Err(error) => return fail(format, error.code(), &error.to_string(), error.hint(), 1),
    };
    let printed = match format {
        None => explanation.print(&mut io::stdout().lock()),
        Some(Format::Json) => print_json(&explanation),
    };
    ExitCode::from(u8::from(printed.is_err()))
}

fn print_json(value: &impl Serialize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value)?;
    writeln!(out)
}

/// Runs with a progress bar.
fn inline_shown(request: &Request<'_>) -> Result<Report, crate::Error> {
    let progress = Progress::default();
    let request = Request { progress: Some(&progress), ..request.clone() };
    let step = || {
        let step = progress.step();
        progress_bar::Step { what: step.phase.name(), done: step.done, all: step.files }
    };
    progress_bar::during(step, || crate::inline(&request))
}

/// Runs until done or signalled: a signal stops the work, which removes its temporary files, and
/// then ends the program.
fn inline(request: &Request<'_>) -> Result<Report, crate::Error> {
    let Ok(interrupt) = capy_client::signals::Interrupt::catch() else {
        return inline_shown(request);
    };
    let result = inline_shown(&Request { stop: Some(interrupt.stop()), ..request.clone() });
    if matches!(result, Err(crate::Error::Stopped)) {
        interrupt.end();
    }
    result
}

fn finish(report: &Report, format: Option<Format>, verbose: bool) -> ExitCode {
    let mut out = io::stderr().lock();
    let told =
        report.print(&mut out).and_then(|()| if verbose { report.print_phases(&mut out) } else { Ok(()) });
    let printed = told.and_then(|()| match format {
        None => Ok(()),
        Some(Format::Json) => print_json(report),
    });
    let failed = printed.is_err() || report.worst() == Some(Severity::Failure);
    ExitCode::from(u8::from(failed))
}

fn fail(format: Option<Format>, stable: &str, what: &str, hint: Option<&str>, code: u8) -> ExitCode {
    if let Some(Format::Json) = format {
        // If printing fails, the exit code still reports the error.
        let _ = print_json(&serde_json::json!({ "error": { "code": stable, "message": what } }));
    }
    let hint = hint.map(|hint| format!("hint: {hint}\n")).unwrap_or_default();
    let text = format!("error[{stable}]: {what}\n\n{hint}{}\n", help_line(stable));
    // A failed write to stderr cannot be reported.
    let _ = io::stderr().write_all(clean_lines(&text).as_bytes());
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_it_is_called_by_decides() {
        for name in ["capy-inline", "/usr/bin/capy-inline", "./capy-inline.exe"] {
            assert!(is_called_by(OsStr::new(name)), "{name}");
        }
        for name in ["", "capy", "capy-inline/capy", "capy-inliner", "/"] {
            assert!(!is_called_by(OsStr::new(name)), "{name}");
        }
    }
}
