//! Inlines and searches what the command of `capy run` built, and names what is not known.
//!
//! Exit code 0 after a build means: known outputs hold the values, static sites were searched, and
//! bundles of unknown layout in a deployment's build were named with the command that inlines them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use capy_client::progress_bar;
use capy_client::signals::Interrupt;
use capy_inliner::{Progress, Report, Request, RootKind, Severity, Within};
use capy_protocol::env_map::EnvMap;

use crate::build_command::{Effect, Nested, effect};
use crate::cli::{Dynamic, Run};
use crate::error::{Error, Result};
use crate::printer;

/// Where the variables come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Deployment,
    EnvFile,
}

/// The most folders of unknown bundles that are named.
const MOST_NAMED: usize = 3;

/// The work after a command.
pub(super) struct AfterCommand {
    reason: Reason,
    /// The folders in which builds are looked for.
    folders: Vec<PathBuf>,
    origin: Origin,
}

/// Why there is work after the command.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// `--inline`: whatever is there is inlined, however old it is.
    Asked,
    /// `--server` or `--file`: these bundles are inlined, and no others are looked for.
    Named,
    /// An option that checks what is inlined, such as `--dynamic error`. It applies even if the
    /// command is not known to build, as a check that is skipped would seem to have passed.
    Check,
    /// The command builds.
    Build,
    /// A deployment's command that may build. `says_build` tells whether its task has a build's
    /// name.
    Unknown { says_build: bool },
}

impl AfterCommand {
    /// Plans the work; none where the command replaces this process, which it also does if a `capy
    /// run` of its own does the work.
    pub(super) fn plan(arguments: &Run, origin: Origin, nested: Nested) -> Option<Self> {
        let here = || vec![PathBuf::from(".")];
        let (reason, folders) = if arguments.no_inline || arguments.exec {
            return None;
        } else if let Some(folder) = &arguments.inline {
            (Reason::Asked, vec![folder.clone()])
        } else if !arguments.server.is_empty() || !arguments.bundle.is_empty() {
            (Reason::Named, Vec::new())
        } else {
            let is_unknown = nested.is_unknown_elsewhere && origin == Origin::Deployment;
            match effect(&arguments.command, Path::new(".")) {
                Effect::Build { folders } if is_check(arguments) => (Reason::Check, folders),
                _ if is_check(arguments) => (Reason::Check, here()),
                _ if nested.runs_capy && !nested.builds_elsewhere && !is_unknown => return None,
                Effect::Build { folders } => (Reason::Build, folders),
                Effect::Unknown { says_build } if origin == Origin::Deployment => {
                    (Reason::Unknown { says_build }, here())
                }
                Effect::Unknown { .. } | Effect::Other => return None,
            }
        };
        Some(Self { reason, folders, origin })
    }

    /// Inlines and searches what the command wrote since `began`.
    pub(super) fn carry_out(
        &self,
        arguments: &Run,
        env: &EnvMap,
        began: SystemTime,
        interrupt: &Interrupt,
    ) -> Result<()> {
        let report = self.inline(arguments, env, began, interrupt)?;
        if report.worst() == Some(Severity::Failure) {
            print(&report)?;
            return Err(Error::InlineRefused);
        }
        let has = |kind: RootKind| report.roots.iter().any(|root| root.kind == kind);
        // An output such as OpenNext's consists of single files, without a folder of server files.
        if has(RootKind::Server) || report.server_files > 0 {
            print(&report)?;
        } else if has(RootKind::Public) && !self.wants_server(arguments) {
            printer::note(&searched(&report));
        } else {
            self.nothing_known()?;
        }
        self.name_what_is_not_known(&report);
        Ok(())
    }

    fn inline(
        &self,
        arguments: &Run,
        env: &EnvMap,
        began: SystemTime,
        interrupt: &Interrupt,
    ) -> Result<Report> {
        let mut request = request(arguments, env, interrupt);
        let is_any_age = matches!(self.reason, Reason::Asked | Reason::Named);
        request.written_since = Some(began).filter(|_| !is_any_age);
        request.refuse_older = !matches!(self.reason, Reason::Unknown { says_build: false });
        request.beside_layouts = true;
        let mut report = Report::default();
        for apps in self.places() {
            request.apps = apps;
            report = match inline_shown(&request) {
                Err(stopped @ capy_inliner::Error::Stopped) => {
                    interrupt.end();
                    return Err(stopped.into());
                }
                Err(capy_inliner::Error::OlderThanRun { path }) => {
                    let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
                    return Err(Error::OutputOlder { path, folder });
                }
                result => result?,
            };
            // Folders that the command line names are in every report.
            if report.roots.iter().any(|root| root.layout != "named") {
                break;
            }
        }
        Ok(report)
    }

    /// The folders to try, in order: those that the command names, then the one where it started,
    /// as an output may lie beside its application.
    fn places(&self) -> Vec<Vec<PathBuf>> {
        let existing: Vec<PathBuf> = self.folders.iter().filter(|folder| folder.is_dir()).cloned().collect();
        let here = vec![PathBuf::from(".")];
        if matches!(self.reason, Reason::Asked | Reason::Named) {
            vec![self.folders.clone()]
        } else if existing.is_empty() || existing == here {
            vec![here]
        } else {
            vec![existing, here]
        }
    }

    /// Whether a server's bundle was explicitly asked for. `--allow-leak` does not count, as it is
    /// used for static sites, too.
    fn wants_server(&self, arguments: &Run) -> bool {
        self.reason == Reason::Asked || arguments.dynamic.is_some() || !arguments.allow_mention.is_empty()
    }

    /// Reports that no known output was found: an error if inlining was asked for, else a note or
    /// nothing.
    fn nothing_known(&self) -> Result<()> {
        let folder = self.folders.first().cloned().unwrap_or_else(|| PathBuf::from("."));
        let error = Error::NothingToInline { path: folder };
        match self.reason {
            Reason::Asked | Reason::Check => return Err(error),
            Reason::Named | Reason::Unknown { says_build: false } => {}
            Reason::Build | Reason::Unknown { says_build: true } => {
                let hint = error.hint().unwrap_or_default();
                printer::note(&format!("note: nothing was inlined: {error}\n\nhint: {hint}"));
            }
        }
        Ok(())
    }

    /// Names outputs that the command did not write, and bundles that it wrote and that were not
    /// inlined.
    fn name_what_is_not_known(&self, report: &Report) {
        for path in &report.older_than_run {
            let (path, folder) = (path.display(), path.parent().unwrap_or(Path::new(".")).display());
            printer::note(&format!(
                "note: {path} is older than this command and was not inlined; to inline it, pass --inline={folder}"
            ));
        }
        if self.origin == Origin::EnvFile {
            return;
        }
        for path in report.unrecognised.iter().take(MOST_NAMED) {
            let flag = if path.is_dir() { "--server" } else { "--file" };
            let path = shell_words::quote(&path.to_string_lossy()).into_owned();
            printer::note(&format!(
                "note: the command wrote scripts in {path}, whose layout is not known, so their reads stay: if a \
                 server runs them, run it again with `capy run {flag} {path} -- …`"
            ));
        }
        let more = report.unrecognised.len().saturating_sub(MOST_NAMED);
        if more > 0 {
            printer::note(&format!("note: {more} more folders contain such scripts"));
        }
    }
}

fn is_check(arguments: &Run) -> bool {
    arguments.dynamic.is_some()
        || !arguments.allow_leak.is_empty()
        || !arguments.allow_mention.is_empty()
        || !arguments.public.is_empty()
}

/// The request that the command line's options describe, without applications.
pub(super) fn request<'a>(arguments: &Run, env: &'a EnvMap, interrupt: &'a Interrupt) -> Request<'a> {
    let mut request = Request::new(env);
    request.server.clone_from(&arguments.server);
    request.files.clone_from(&arguments.bundle);
    request.public.clone_from(&arguments.public);
    request.within = arguments.root.clone().map_or(Within::Repository, Within::Root);
    request.allow_leak.extend(arguments.allow_leak.iter().cloned());
    request.allow_mention.extend(arguments.allow_mention.iter().cloned());
    request.dynamic = arguments.dynamic.map(dynamic).unwrap_or_default();
    request.stop = Some(interrupt.stop());
    request
}

/// Inlines with a progress bar.
pub(super) fn inline_shown(request: &Request<'_>) -> Result<Report, capy_inliner::Error> {
    let progress = Progress::default();
    let request = Request { progress: Some(&progress), ..request.clone() };
    let step = || {
        let step = progress.step();
        progress_bar::Step { what: step.phase.name(), done: step.done, all: step.files }
    };
    progress_bar::during(step, || capy_inliner::inline(&request))
}

fn dynamic(choice: Dynamic) -> capy_inliner::Dynamic {
    match choice {
        Dynamic::Auto => capy_inliner::Dynamic::Auto,
        Dynamic::Prelude => capy_inliner::Dynamic::Prelude,
        Dynamic::Warn => capy_inliner::Dynamic::Warn,
        Dynamic::Error => capy_inliner::Dynamic::Error,
    }
}

pub(super) fn print(report: &Report) -> Result<()> {
    let mut table = Vec::new();
    report.print(&mut table).map_err(Error::Output)?;
    printer::note(String::from_utf8_lossy(&table).trim_end());
    Ok(())
}

/// Describes what was searched of a site without a server, and what was not.
pub(super) fn searched(report: &Report) -> String {
    let folders: BTreeSet<String> = report.roots.iter().map(|root| root.path.display().to_string()).collect();
    let folders: Vec<String> = folders.into_iter().collect();
    let files = report.scanned_files;
    let found =
        if report.leaks.is_empty() { "none contains a value" } else { "they contain only allowed values" };
    let mut text = format!(
        "note: {} contains only static files, so nothing was inlined; {files} files were searched: {found}",
        folders.join(", ")
    );
    let skipped: Vec<&str> = report
        .variables
        .iter()
        .filter(|variable| variable.not_searched.is_some())
        .map(|variable| variable.name.as_str())
        .collect();
    if !skipped.is_empty() {
        text += &format!(
            "\nnote: not searched for, because too short, too common or public by name: {}",
            skipped.join(", ")
        );
    }
    for file in &report.unscanned_files {
        text += &format!("\nnote: {} could not be searched", file.file.display());
    }
    text
}
