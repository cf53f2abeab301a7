//! Records, logs and artifacts of builds, on the machine that built.
//!
//! ```text
//! <state>/builds/<id>/record.json    what was built, when, for whom, and what came of it      0600
//! <state>/builds/<id>/log            what it printed, masked                                  0600
//! <state>/builds/<id>/artifacts/     its output, where no other place was named
//! ```
//! `<state>` is `CAPY_STATE_DIR`, else `XDG_STATE_HOME/capy`, else `~/.local/state/capy`. A record
//! is written when a build begins and when it ends. If a build was killed, the next build sets its
//! record to `lost`.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use serde::{Deserialize, Serialize};

use super::engine::Engine;
use super::id::BuildId;
use super::output_kind::OutputKind;
use crate::error::BuildFault as Fault;
use crate::local::private_file;
use crate::printer::now;

/// The state of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Running,
    Passed,
    Failed,
    TimedOut,
    Interrupted,
    /// The output was built, but not handed out.
    Blocked,
    /// The process was killed.
    Lost,
}

/// The record of a build: names, times and numbers, no value.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) id: BuildId,
    pub(crate) project_id: String,
    pub(crate) project: String,
    pub(crate) status: Status,
    /// Milliseconds since the Unix epoch.
    pub(crate) started_at: u64,
    pub(crate) finished_at: Option<u64>,
    /// The exit code of `capy build`; none if a signal ended it.
    pub(crate) exit_code: Option<u8>,
    /// Where the build's folder is while the build runs.
    pub(crate) temp: PathBuf,
    /// The repository's address without user and password, or the folder.
    pub(crate) source: String,
    pub(crate) reference: Option<String>,
    pub(crate) commit: Option<String>,
    pub(crate) engine: Option<Engine>,
    pub(crate) image: Option<String>,
    /// The number of secrets in the build.
    pub(crate) secrets: Option<usize>,
    pub(crate) output: Option<OutputKind>,
    pub(crate) artifacts: Option<PathBuf>,
    /// The stable code of the error that ended the build, so that it handed out no output.
    pub(crate) error_code: Option<String>,
    /// The same error as a text for people.
    pub(crate) error_message: Option<String>,
    pub(crate) requested_by: String,
    /// Who let static files through, although the project has secrets.
    pub(crate) static_allowed_by: Option<String>,
}

/// The folder of all records.
pub(crate) struct Records(PathBuf);

impl Status {
    /// The word for the status, as in the record.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Interrupted => "interrupted",
            Self::Blocked => "blocked",
            Self::Lost => "lost",
        }
    }
}

/// The folder for data that programs keep and nobody edits.
pub(super) fn state_folder() -> Result<PathBuf, Fault> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("CAPY_STATE_DIR")
        .or_else(|| Some(set("XDG_STATE_HOME").filter(|path| path.is_absolute())?.join("capy")))
        .or_else(|| Some(set("HOME")?.join(".local/state/capy")))
        .ok_or(Fault::NoStateFolder)
}

impl Records {
    /// Finds the folder of the records, which need not exist.
    pub(crate) fn find() -> Result<Self, Fault> {
        Ok(Self(state_folder()?.join("builds")))
    }

    /// Creates a build's folder and writes its first record.
    pub(super) fn begin(&self, record: &Record) -> Result<(), Fault> {
        let folder = self.folder(&record.id);
        private_file::create_private_folder(&folder).map_err(Fault::file("create", &folder))?;
        self.write(record)
    }

    /// Writes a record, in place of the previous one.
    pub(super) fn write(&self, record: &Record) -> Result<(), Fault> {
        let path = self.folder(&record.id).join("record.json");
        let mut text = serde_json::to_vec_pretty(record).expect("words and numbers are always JSON");
        text.push(b'\n');
        private_file::replace_private(&path, &text).map_err(Fault::file("write", &path))
    }

    /// Reads one build's record.
    pub(crate) fn read(&self, id: &BuildId) -> Result<Record, Fault> {
        let path = self.folder(id).join("record.json");
        match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(Fault::BuildUnknown { id: id.to_string() })
            }
            Err(error) => Err(Fault::file("read", &path)(error)),
            Ok(text) => serde_json::from_slice(&text).map_err(|_| Fault::RecordMalformed { path }),
        }
    }

    /// All records, newest first. Records that cannot be read are skipped.
    pub(crate) fn all(&self) -> Result<Vec<Record>, Fault> {
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            result => result.map_err(Fault::file("read", &self.0))?,
        };
        let ids = entries.flatten().filter_map(|entry| BuildId::parse(entry.file_name().to_str()?));
        let mut records: Vec<Record> = ids.filter_map(|id| self.read(&id).ok()).collect();
        records.sort_by(|a, b| (b.started_at, &b.id).cmp(&(a.started_at, &a.id)));
        Ok(records)
    }

    /// The only build whose id begins with a text of at least four digits, with or without `bld_`.
    /// A whole id is returned without looking for its record.
    pub(crate) fn find_one(&self, text: &str) -> Result<BuildId, Fault> {
        let text = text.trim();
        let wanted = if text.starts_with("bld_") { text.to_owned() } else { format!("bld_{text}") };
        let unknown = || Fault::BuildUnknown { id: text.into() };
        if let Some(id) = BuildId::parse(&wanted) {
            return Ok(id);
        }
        let mut found = self
            .all()?
            .into_iter()
            .filter(|record| record.id.as_str().starts_with(&wanted) && wanted.len() >= 8);
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one.id),
            _ => Err(unknown()),
        }
    }

    /// Sets the record of a running build to `lost`.
    pub(super) fn mark_lost(&self, id: &BuildId) {
        if let Ok(record) = self.read(id)
            && record.status == Status::Running
        {
            let lost = Record { status: Status::Lost, finished_at: Some(now()), ..record };
            let _ = self.write(&lost);
        }
    }

    pub(crate) fn log(&self, id: &BuildId) -> PathBuf {
        self.folder(id).join("log")
    }

    pub(super) fn artifacts(&self, id: &BuildId) -> PathBuf {
        self.folder(id).join("artifacts")
    }

    fn folder(&self, id: &BuildId) -> PathBuf {
        self.0.join(id.as_str())
    }
}

/// Who builds: this machine's user, by uid and, if `/etc/passwd` has it, by name.
pub(super) fn requester() -> String {
    let uid = rustix::process::getuid().as_raw();
    let line = |text: String| {
        let of_uid = |line: &&str| line.split(':').nth(2) == Some(&uid.to_string());
        text.lines().find(of_uid).and_then(|line| line.split(':').next()).map(str::to_owned)
    };
    let name = fs::read_to_string(Path::new("/etc/passwd")).ok().and_then(line);
    name.map_or_else(|| format!("uid {uid}"), |name| format!("{name} (uid {uid})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, started_at: u64) -> Record {
        let text = format!(
            r#"{{"id":"{id}","project_id":"prj_a","project":"shop","status":"running","started_at":{started_at},
                "temp":"/tmp/a","source":"/srv/shop","requested_by":"me"}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn records_are_private_found_by_their_beginning_and_lost_once() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records(folder.path().join("builds"));
        assert!(records.all().unwrap().is_empty());
        let ids = ["bld_0123456789abcdef", "bld_0123ffffffffffff"];
        ids.iter().zip([2, 1]).for_each(|(id, at)| records.begin(&record(id, at)).unwrap());
        let listed: Vec<String> = records.all().unwrap().iter().map(|record| record.id.to_string()).collect();
        assert_eq!(listed, ids);
        assert_eq!(records.find_one("bld_01234567").unwrap().to_string(), ids[0]);
        assert_eq!(records.find_one("0123f").unwrap().to_string(), ids[1]);
        for unknown in ["0123", "bld_", "", "../..", "bld_9999"] {
            assert!(records.find_one(unknown).is_err(), "{unknown}");
        }
        let id = BuildId::parse(ids[0]).unwrap();
        records.mark_lost(&id);
        assert_eq!(records.read(&id).unwrap().status, Status::Lost);
        let finished = Record { status: Status::Passed, ..records.read(&id).unwrap() };
        records.write(&finished).unwrap();
        records.mark_lost(&id);
        assert_eq!(records.read(&id).unwrap().status, Status::Passed);
        use std::os::unix::fs::PermissionsExt;
        let data = fs::metadata(records.folder(&id).join("record.json")).unwrap();
        assert_eq!(data.permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn an_id_is_drawn_and_read() {
        let id = BuildId::draw().unwrap();
        assert_eq!(BuildId::parse(&id.to_string()), Some(id));
        for bad in ["", "bld_", "bld_0123", "bld_0123456789ABCDEF", "bld_../../../../../"] {
            assert_eq!(BuildId::parse(bad), None, "{bad}");
        }
    }
}
