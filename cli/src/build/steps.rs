//! The steps of one build, in a folder that is removed afterwards, however the build ends.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use capy_client::Service;
use capy_inliner::{Request, Severity, Within};
use capy_protocol::env_map::EnvMap;
use capy_protocol::store_keys::StoreKeys;
use zeroize::Zeroizing;

use super::artifacts::Searched;
use super::build_folder::{BuildFolder, LockNote, TempFolder};
use super::container::Runner;
use super::dotenv::Split;
use super::engine::Container;
use super::output::Output;
use super::output_kind::{self, OutputKind};
use super::record::{self, Record, Records};
use super::startup_script::{self, is_own_of_shells};
use super::{BuildOptions, Prepared, artifacts, dotenv, passwd, script, secrets, tree};
use crate::error::BuildFault as Fault;
use crate::error::{Error, Result};
use crate::printer;
use crate::process::cancellation::{Cancellation, IgnoredSignals};
use crate::settings::deadline;

pub(super) struct Steps<'a> {
    pub(super) options: &'a BuildOptions,
    pub(super) prepared: &'a Prepared,
    pub(super) keys: &'a StoreKeys,
    pub(super) service: Arc<Service>,
    pub(super) records: &'a Records,
    pub(super) cancellation: &'a Cancellation,
    pub(super) until: Instant,
}

impl Steps<'_> {
    /// Runs all steps. A folder that cannot be removed fails a build that passed.
    pub(super) fn run(&self, temp: &TempFolder, output: Output, record: &mut Record) -> Result<()> {
        let note = LockNote {
            build: record.id.clone(),
            engine: record.engine,
            image: record.image.clone(),
            partial: artifacts::partial_path(&self.place_of_artifacts(record), &record.id),
        };
        let place = temp.create_folder(&self.prepared.project.name, note, self.cancellation)?;
        let result = self.build(&place, output, record);
        match (place.remove(), result) {
            (Err(left), Ok(())) => Err(left.into()),
            (Err(left), Err(error)) => {
                printer::note(&format!("warning: {left}"));
                Err(error)
            }
            (Ok(()), result) => result,
        }
    }

    fn build(&self, place: &BuildFolder, output: Output, record: &mut Record) -> Result<()> {
        let folder = place.folder();
        output.say(&format!("build {} of {}, from {}", record.id, record.project, record.source));
        self.fetch_source(folder, &output, record)?;
        let output = Arc::new(output);
        let values = self.values()?;
        record.secrets = Some(values.len());
        output.mask(&values);
        let passwd = self.passwd(place, &output, record)?;
        let env = self.commands(folder, passwd.as_deref(), &values, &output, record)?;
        self.cancellation.check()?;
        let made = artifacts::output(
            folder,
            self.prepared.project.recipe.output_directory.as_deref(),
            self.cancellation,
        )?;
        if artifacts::remove_env_copies(&made, &env, self.cancellation)? > 0 {
            output.say("note: copies of .env were taken out of the output");
        }
        self.check_output(folder, &made, &values, &output, record)?;
        self.hand_out(&made, record)
    }

    fn fetch_source(&self, folder: &Path, output: &Output, record: &mut Record) -> Result<()> {
        let fetched = self.prepared.source.fetch(folder, self.cancellation, self.until)?;
        record.commit = fetched.commit;
        record.commit.iter().for_each(|commit| output.say(&format!("commit {commit}")));
        for file in &fetched.set_aside {
            output.say(&format!(
                "note: the source's own {} is set aside: secrets come from the store",
                file.display()
            ));
        }
        Ok(())
    }

    fn values(&self) -> Result<EnvMap> {
        let (service, id, deadline) =
            (Arc::clone(&self.service), self.prepared.project.project_id.clone(), deadline()?);
        let rows = self
            .cancellation
            .run(self.until, IgnoredSignals::None, move || service.store_rows(&id, deadline))??;
        Ok(secrets::open(self.keys, &self.prepared.project.project_id, &rows)?)
    }

    fn runner<'a>(&'a self, output: &'a Arc<Output>, record: &'a Record) -> Option<(Runner<'a>, &'a str)> {
        let (engine, image) = self.prepared.engine.as_ref()?;
        let (cancellation, until) = (self.cancellation, self.until);
        Some((Runner { engine: *engine, build: &record.id, output, cancellation, until }, image))
    }

    /// Writes the file that is mounted over the image's `/etc/passwd`, if the image's file lacks
    /// this user.
    fn passwd(&self, place: &BuildFolder, output: &Arc<Output>, record: &Record) -> Result<Option<PathBuf>> {
        let Some((runner, image)) = self.runner(output, record) else { return Ok(None) };
        let Some(text) = passwd::with_this_user(&runner.ask(image, passwd::READ)?) else { return Ok(None) };
        let path = place.passwd_path();
        // Other users in the container read the file, too.
        let create = || {
            OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o644)
                .open(&path)?
                .write_all(text.as_bytes())
        };
        create().map_err(Fault::file("write", &path))?;
        Ok(Some(path))
    }

    /// Runs the install and the build command, then removes `.env`. Returns what was written to
    /// `.env`.
    fn commands(
        &self,
        folder: &Path,
        passwd: Option<&Path>,
        values: &EnvMap,
        output: &Arc<Output>,
        record: &Record,
    ) -> Result<Zeroizing<String>> {
        let (Some((runner, image)), Some(commands)) =
            (self.runner(output, record), script(&self.prepared.project.recipe))
        else {
            return Ok(Zeroizing::default());
        };
        let split = dotenv::split(values);
        tell(values, &split, output);
        let written = dotenv::write(folder, &split)?;
        let settings = settings(values);
        let container = Container {
            build: &record.id,
            folder,
            image,
            passwd,
            limits: &self.options.limits,
            settings: &settings,
        };
        let ran = runner.run(&container, startup_script::write(values, &commands));
        let removed = dotenv::remove(folder);
        let logged = output.finish(values);
        ran?;
        removed?;
        logged?;
        // Makes sure that no link leads out, before anything reads what the build left.
        tree::check_ways_out(folder, self.cancellation)?;
        Ok(written)
    }

    /// Decides whether the output may be handed out, and inlines if that is asked for.
    fn check_output(
        &self,
        folder: &Path,
        made: &Path,
        values: &EnvMap,
        output: &Output,
        record: &mut Record,
    ) -> Result<()> {
        let found = output_kind::of(folder, made, self.cancellation)?;
        record.output = Some(found);
        if values.is_empty() {
            return Ok(());
        }
        if found == OutputKind::Static && !self.options.static_if_clean {
            return Err(Fault::Static.into());
        }
        let servers = if self.options.inline {
            output_kind::server_places(folder, self.cancellation)?
        } else {
            Vec::new()
        };
        let searched = artifacts::search(made, values, &servers, output, self.cancellation)?;
        if found == OutputKind::Static {
            if searched == Searched::InPart {
                return Err(Fault::StaticInPart.into());
            }
            record.static_allowed_by = Some(record::requester());
        }
        if self.options.inline { self.inline(folder, values, output) } else { Ok(()) }
    }

    fn inline(&self, folder: &Path, values: &EnvMap, output: &Output) -> Result<()> {
        let mut request = Request::new(values);
        request.apps.push(folder.into());
        request.within = Within::Named;
        request.stop = Some(self.cancellation.flag());
        let report = match capy_inliner::inline(&request) {
            Err(capy_inliner::Error::Stopped) => return Err(self.cancellation.reason().into()),
            Err(capy_inliner::Error::UnknownLayout { .. }) => return Err(Fault::NothingToInline.into()),
            Err(error @ capy_inliner::Error::LinkLeavesTree { .. }) => {
                return Err(tree::fault(error, self.cancellation).into());
            }
            report => report?,
        };
        if report.server_files == 0 {
            return Err(Fault::NothingToInline.into());
        }
        let mut table = Vec::new();
        report.print(&mut table).map_err(Error::Output)?;
        output.say(String::from_utf8_lossy(&table).trim_end());
        if report.worst() == Some(Severity::Failure) { Err(Error::InlineRefused) } else { Ok(()) }
    }

    fn hand_out(&self, made: &Path, record: &mut Record) -> Result<()> {
        let to = self.place_of_artifacts(record);
        let partial = artifacts::partial_path(&to, &record.id);
        artifacts::hand_out(made, &partial, &to, self.options.inline, self.cancellation)?;
        record.artifacts = Some(to);
        Ok(())
    }

    fn place_of_artifacts(&self, record: &Record) -> PathBuf {
        let to = self.options.artifacts.clone().unwrap_or_else(|| self.records.artifacts(&record.id));
        std::path::absolute(&to).unwrap_or(to)
    }
}

/// Reports, before anything runs, which secrets are treated differently than the user may expect.
fn tell(values: &EnvMap, split: &Split<'_>, output: &Output) {
    let not_masked = output.not_masked();
    if !not_masked.is_empty() {
        output
            .say(&format!("note: too short, too common or public, so not masked: {}", not_masked.join(", ")));
    }
    for reason in split.reasons() {
        output.say(&format!("note: in the environment and not in .env, as it {reason}"));
    }
    let of_shells: Vec<&str> = values.names().filter(|name| is_own_of_shells(name)).collect();
    if !of_shells.is_empty() {
        output.say(&format!(
            "warning: shells set variables of these names by themselves and may not pass the secret on: {}",
            of_shells.join(", ")
        ));
    }
}

/// Variables that every build gets: a home folder, without which packages cannot be installed, and
/// settings that turn off questions and colours. A secret of the same name wins.
fn settings(values: &EnvMap) -> Vec<&'static str> {
    const ALL: [(&str, &str); 3] = [("HOME", "HOME=/tmp"), ("CI", "CI=true"), ("NO_COLOR", "NO_COLOR=1")];
    let is_free = |(name, _): &(&str, &str)| values.get(name).is_none();
    ALL.into_iter().filter(is_free).map(|(_, setting)| setting).collect()
}
