//! Commands that upload to Cloudflare: the values are inlined before the upload.
//!
//! A Worker is bundled by wrangler, inlined, and uploaded by wrangler without bundling it again. What
//! another tool built (Pages, OpenNext) is inlined where it lies. If a value leaks, or a read cannot
//! be replaced, nothing is uploaded.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use capy_client::private_memory::PrivateMemory;
use capy_client::signals::Interrupt;
use capy_inliner::{BundledWorker, Report, Request, Severity};
use capy_protocol::env_map::EnvMap;

use super::inline::{inline_shown, print, request, searched};
use crate::build_command::{Upload, WranglerCommand, upload};
use crate::cli::Run;
use crate::error::{Error, Result};
use crate::process::child;
use crate::process::signals::SignalForwarder;
use crate::wrangler::{Step, WorkerUpload, pages_folder};
use crate::{git, printer};

/// A command that uploads, and what it runs with.
pub(super) struct UploadRun<'a> {
    pub(super) arguments: &'a Run,
    /// The values to inline.
    pub(super) env: &'a EnvMap,
    /// The variables of the commands: the values, with their names for a `capy run` inside.
    pub(super) handed: &'a EnvMap,
    pub(super) memory: &'a PrivateMemory,
}

/// The upload that the command does, unless nothing is to be inlined.
///
/// # Errors
/// When the command uploads and leaves no time to inline before it.
pub(super) fn planned(arguments: &Run) -> Result<Option<Upload>> {
    if arguments.no_inline || arguments.exec {
        return Ok(None);
    }
    match upload(&arguments.command, Path::new(".")) {
        Some(Upload::Hidden) => Err(Error::UploadHidden),
        found => Ok(found),
    }
}

impl UploadRun<'_> {
    /// Inlines and uploads.
    pub(super) fn carry_out(&self, upload: &Upload, signals: &SignalForwarder) -> Result<ExitCode> {
        let interrupt = Interrupt::default();
        if let Upload::Worker(command) = upload {
            return self.worker(command, signals, &interrupt);
        }
        signals.pass_to(&interrupt);
        match upload {
            Upload::Pages(command) => self.inline_pages(command, &interrupt)?,
            Upload::OpenNext { folder } => self.inline_built(folder, &interrupt, Request::clone)?,
            Upload::Worker(_) | Upload::Hidden => {}
        }
        let step = Step { command: Vec::new(), folder: PathBuf::from(".") };
        match self.step(&step, self.handed, signals, &interrupt) {
            Ok(child::Exit::Success) => Ok(ExitCode::SUCCESS),
            Ok(child::Exit::Failure(code)) => Ok(child::exit_with(code)),
            Err(error) => {
                interrupt.end();
                Err(error)
            }
        }
    }

    /// Runs a step; one without a command is the person's own.
    fn step(
        &self,
        step: &Step,
        env: &EnvMap,
        signals: &SignalForwarder,
        interrupt: &Interrupt,
    ) -> Result<child::Exit> {
        let words: Vec<OsString> = step.command.iter().map(OsString::from).collect();
        let command = if words.is_empty() { &self.arguments.command } else { &words };
        child::run(command, &step.folder, env, self.memory, signals, interrupt)
    }

    fn worker(
        &self,
        command: &WranglerCommand,
        signals: &SignalForwarder,
        interrupt: &Interrupt,
    ) -> Result<ExitCode> {
        let worker = WorkerUpload::begin(command)?;
        let done = self.bundle_and_upload(&worker, signals, interrupt);
        if let Err(error) = worker.close() {
            printer::note(&format!("warning: {error}\n\nhint: remove the folder, which contains values"));
        }
        match done {
            Ok(child::Exit::Success) => Ok(ExitCode::SUCCESS),
            Ok(child::Exit::Failure(code)) => Ok(child::exit_with(code)),
            Err(error) => {
                // A signal that came meanwhile ends this process.
                interrupt.end();
                Err(error)
            }
        }
    }

    fn bundle_and_upload(
        &self,
        worker: &WorkerUpload<'_>,
        signals: &SignalForwarder,
        interrupt: &Interrupt,
    ) -> Result<child::Exit> {
        printer::note("note: wrangler bundles the Worker, without an upload");
        let variables = worker.bundling_variables(self.handed)?;
        let exit = self.step(&worker.bundling(), &variables, signals, interrupt)?;
        if matches!(exit, child::Exit::Failure(_)) {
            return Ok(exit);
        }
        let bundled = worker.bundled(self.env)?;
        let mut request = request(self.arguments, self.env, interrupt);
        request.public.extend(bundled.public.iter().cloned());
        request.workers.push(BundledWorker {
            output: bundled.output.clone(),
            entry: bundled.entry.clone(),
            configuration: bundled
                .configuration
                .as_ref()
                .map(|configuration| configuration.path().to_owned()),
            project: worker.project().to_owned(),
        });
        let report = inline_shown(&request)?;
        accept(&report)?;
        print(&report)?;
        let step = worker.uploading(&bundled)?;
        let variables = worker.uploading_variables(self.handed)?;
        if interrupt.stop().load(std::sync::atomic::Ordering::SeqCst) {
            return Err(capy_inliner::Error::Stopped.into());
        }
        printer::note("note: wrangler uploads the Worker with the values in it");
        self.step(&step, &variables, signals, interrupt)
    }

    fn inline_pages(&self, command: &WranglerCommand, interrupt: &Interrupt) -> Result<()> {
        let folder = pages_folder(command, self.env)?;
        let worker = folder.join("_worker.js");
        let sources = [worker.clone(), worker.join("index.js")];
        if let Some(path) = sources.into_iter().find(|path| git::is_tracked(path) == Some(true)) {
            return Err(Error::TrackedWorker { path });
        }
        if !worker.exists() && command.folder.join("functions").is_dir() {
            printer::note(
                "warning: wrangler bundles functions/ while it uploads, so the reads in it stay\n\nhint: `wrangler \
                 pages functions build --outdir` makes a _worker.js of it, which capy inlines",
            );
        }
        self.inline_built(&command.folder, interrupt, |request| {
            let mut request = request.clone();
            if worker.is_dir() { &mut request.server } else { &mut request.files }
                .extend(worker.exists().then(|| worker.clone()));
            request.public.push(folder.clone());
            request
        })
    }

    /// Inlines what was built in a folder before.
    fn inline_built<'r>(
        &'r self,
        folder: &Path,
        interrupt: &'r Interrupt,
        named: impl FnOnce(&Request<'r>) -> Request<'r>,
    ) -> Result<()> {
        let mut request = named(&request(self.arguments, self.env, interrupt));
        request.apps.push(folder.to_owned());
        request.beside_layouts = true;
        let report = match inline_shown(&request) {
            Err(stopped @ capy_inliner::Error::Stopped) => {
                interrupt.end();
                return Err(stopped.into());
            }
            report => report?,
        };
        accept(&report)?;
        if report.server_files > 0 {
            print(&report)?;
        } else if report.roots.is_empty() {
            printer::note(&format!(
                "warning: nothing was inlined before the upload, because capy knows no build output in {}",
                folder.display()
            ));
        } else {
            printer::note(&searched(&report));
        }
        Ok(())
    }
}

/// Refuses an upload that would leak a value or lack one.
fn accept(report: &Report) -> Result<()> {
    if report.worst() != Some(Severity::Failure) {
        return Ok(());
    }
    print(report)?;
    printer::note("note: nothing was uploaded");
    Err(Error::InlineRefused)
}
