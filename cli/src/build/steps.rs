//! The steps of one build, in a folder that is removed after them, however they end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use capy_client::Service;
use capy_inliner::{Request, Severity};
use capy_protocol::env_map::EnvMap;
use capy_protocol::store_keys::StoreKeys;
use zeroize::Zeroizing;

use super::artifacts::Searched;
use super::engine::Container;
use super::error::Fault;
use super::kind::{self, Kind};
use super::output::Output;
use super::record::{self, Record, Records};
use super::stops::Stops;
use super::temp::{Note, Temp};
use super::{Order, Prepared, artifacts, container, dotenv, script, secrets};
use crate::error::{Error, Result};
use crate::printer;
use crate::project::deadline;

pub(super) struct Steps<'a> {
    pub(super) order: &'a Order,
    pub(super) prepared: &'a Prepared,
    pub(super) keys: &'a StoreKeys,
    pub(super) service: Arc<Service>,
    pub(super) records: &'a Records,
    pub(super) stops: &'a Stops,
    pub(super) until: Instant,
}

impl Steps<'_> {
    /// All of them. A folder that could not be removed fails a build that passed.
    pub(super) fn run(&self, temp: &Temp, output: Output, record: &mut Record) -> Result<()> {
        let note = Note {
            build: record.id.clone(),
            engine: record.engine,
            image: record.image.clone(),
            half: artifacts::half(&self.place_of_artifacts(record), &record.id),
        };
        let place = temp.place(&self.prepared.project.name, note, self.stops)?;
        let result = self.build(place.folder(), output, record);
        match (place.remove(), result) {
            (Err(left), Ok(())) => Err(left.into()),
            (Err(left), Err(error)) => {
                printer::note(&format!("warning: {left}"));
                Err(error)
            }
            (Ok(()), result) => result,
        }
    }

    fn build(&self, folder: &Path, output: Output, record: &mut Record) -> Result<()> {
        output.say(&format!("build {} of {}, from {}", record.id, record.project, record.source));
        self.bring(folder, &output, record)?;
        let values = self.values()?;
        record.secrets = Some(values.len());
        let output = Arc::new(output.masking(&values));
        let env = self.commands(folder, &values, &output, record)?;
        self.stops.check()?;
        let made = artifacts::output(folder, self.prepared.project.recipe.output_directory.as_deref())?;
        if artifacts::remove_env_copies(&made, &env)? > 0 {
            output.say("note: copies of .env were taken out of the output");
        }
        self.judge(folder, &made, &values, &output, record)?;
        self.hand_out(&made, record)
    }

    fn bring(&self, folder: &Path, output: &Output, record: &mut Record) -> Result<()> {
        let brought = self.prepared.source.bring(folder, self.stops, self.until)?;
        record.commit = brought.commit;
        record.commit.iter().for_each(|commit| output.say(&format!("commit {commit}")));
        for file in &brought.set_aside {
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
        let rows = self.stops.during(move || service.store_rows(&id, deadline))??;
        Ok(secrets::open(self.keys, &self.prepared.project.project_id, &rows)?)
    }

    /// Runs install and build command, and takes `.env` away again. What was written there is returned.
    fn commands(
        &self,
        folder: &Path,
        values: &EnvMap,
        output: &Arc<Output>,
        record: &Record,
    ) -> Result<Zeroizing<String>> {
        let (Some((engine, image)), Some(script)) =
            (&self.prepared.engine, script(&self.prepared.project.recipe))
        else {
            return Ok(Zeroizing::default());
        };
        if !output.not_masked().is_empty() {
            let names = output.not_masked().join(", ");
            output.say(&format!("note: too short, too common or public, so not masked: {names}"));
        }
        let split = dotenv::split(values, *engine)?;
        let written = dotenv::write(folder, &split)?;
        let container = Container {
            build: &record.id,
            folder,
            image,
            script: &script,
            limits: &self.order.limits,
            by_name: &split.by_name,
            settings: &settings(values),
        };
        let ran = container::run(*engine, &container, values, output, self.stops, self.until);
        let removed = dotenv::remove(folder);
        let logged = output.finish(values);
        ran?;
        removed?;
        logged?;
        Ok(written)
    }

    /// Whether the output may be handed out, and inlining where it is asked for.
    fn judge(
        &self,
        folder: &Path,
        made: &Path,
        values: &EnvMap,
        output: &Output,
        record: &mut Record,
    ) -> Result<()> {
        let found = kind::of(folder, made);
        record.output = Some(found);
        if values.is_empty() {
            return Ok(());
        }
        if found == Kind::Static && !self.order.static_if_clean {
            return Err(Fault::Static.into());
        }
        let servers = if self.order.inline { kind::server_places(folder) } else { Vec::new() };
        let searched = artifacts::search(made, values, &servers, output, self.stops)?;
        if found == Kind::Static {
            if searched == Searched::InPart {
                return Err(Fault::StaticInPart.into());
            }
            record.static_allowed_by = Some(record::requester());
        }
        if self.order.inline { self.inline(folder, values, output) } else { Ok(()) }
    }

    fn inline(&self, folder: &Path, values: &EnvMap, output: &Output) -> Result<()> {
        let mut request = Request::new(values);
        request.apps.push(folder.into());
        request.stop = Some(self.stops.flag());
        let report = match capy_inliner::inline(&request) {
            Err(capy_inliner::Error::Stopped) => return Err(Fault::Stopped.into()),
            Err(capy_inliner::Error::UnknownLayout { .. }) => return Err(Fault::NothingToInline.into()),
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
        let half = artifacts::half(&to, &record.id);
        artifacts::hand_out(made, &half, &to, self.order.inline, self.stops)?;
        record.artifacts = Some(to);
        Ok(())
    }

    fn place_of_artifacts(&self, record: &Record) -> PathBuf {
        let to = self.order.artifacts.clone().unwrap_or_else(|| self.records.artifacts(&record.id));
        std::path::absolute(&to).unwrap_or(to)
    }
}

/// A user without a home cannot install packages; and nobody is there to be asked, or to see colours. A secret of such a
/// name counts more.
fn settings(values: &EnvMap) -> Vec<&'static str> {
    const ALL: [(&str, &str); 3] = [("HOME", "HOME=/tmp"), ("CI", "CI=true"), ("NO_COLOR", "NO_COLOR=1")];
    let is_free = |(name, _): &(&str, &str)| values.get(name).is_none();
    ALL.into_iter().filter(is_free).map(|(_, setting)| setting).collect()
}
