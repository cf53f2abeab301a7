//! Opening a `.env`: reads the file, checks that its folder is allowed, reports ambiguous lines and
//! decrypts sealed values.

use std::path::{Path, PathBuf};

use capy_protocol::Error as ProtocolError;
use capy_protocol::env_map::{EnvMap, SecretValue};
use capy_protocol::env_value;
use capy_protocol::key::ProjectKey;

use super::text::{self, PipeInput};
use super::{Entry, EnvFile};
use crate::error::{Error, Reasons, Result};
use crate::local::Config;
use crate::local::allowed::{self, Folder};
use crate::project::Project;
use crate::{names, printer};

/// The `.env` to use: the one that is named, else the project's, else the current folder's.
pub(crate) fn env_path(named: Option<PathBuf>, project: Option<&Project>) -> PathBuf {
    named.unwrap_or_else(|| project.map_or_else(|| PathBuf::from(".env"), Project::env_path))
}

/// Reads and parses a `.env`; `None` when there is none.
pub(crate) fn read_env_file(path: &Path, pipe_input: PipeInput) -> Result<Option<EnvFile>> {
    Ok(text::read(path, pipe_input)?.map(EnvFile::parse))
}

/// Requires that the folder was allowed, if its `.env` sets variables that run code (`loaders`), or
/// has sealed values and this machine has the key for them: see [`crate::local::allowed`].
///
/// Variables from a pipe need no permission: a command that the user typed wrote them, and no
/// folder did.
pub(crate) fn require_allowed<'a>(
    path: &Path,
    project: Option<&Project>,
    loaders: impl Iterator<Item = &'a str>,
    opens_values: bool,
) -> Result<()> {
    let mut reasons = allowed::reasons_of(loaders);
    if !path.is_file() {
        reasons.loaders.clear();
    }
    if opens_values
        && let Some(project) = project
        && Config::find()?.key_path(project.id()).exists()
    {
        reasons.key_of = Some(project.id().clone());
    }
    if reasons.is_empty() {
        return Ok(());
    }
    let own = Folder::of(path.parent().unwrap_or(Path::new(".")), None)?;
    let of_project = project.map(Project::allowable).transpose()?;
    if let Some(folder) = of_project.as_ref().filter(|folder| folder.contains(&own)) {
        return folder.require(reasons);
    }
    // The file is in another folder: that folder must be allowed to set its variables, and the
    // project's folder to use the project's key.
    let key_of = reasons.key_of.take();
    if !reasons.is_empty() {
        own.require(reasons)?;
    }
    match of_project.filter(|_| key_of.is_some()) {
        Some(folder) => folder.require(Reasons { key_of, ..Reasons::default() }),
        None => Ok(()),
    }
}

/// Warns on stderr of lines that may be meant differently than they are read.
pub(crate) fn report_ambiguities(file: &EnvFile, path: &Path) {
    for ambiguity in file.ambiguities() {
        printer::note(&format!("warning: line {} of {} {}", ambiguity.line, path.display(), ambiguity.kind));
    }
}

/// Refuses a file with an ambiguous line, for commands that would make half a secret of it.
pub(crate) fn refuse_ambiguities(file: &EnvFile, path: &Path) -> Result<()> {
    match file.ambiguities().split_first() {
        None => Ok(()),
        Some((ambiguity, _)) => {
            report_ambiguities(file, path);
            Err(Error::EnvFileAmbiguous { path: path.into(), ambiguity: *ambiguity })
        }
    }
}

/// The effective values of a `.env`, with sealed ones decrypted. The local key is loaded only if a
/// value is sealed.
pub(crate) fn open_env_file(file: &EnvFile, path: &Path, project: Option<&Project>) -> Result<EnvMap> {
    report_ambiguities(file, path);
    tell_names_that_shells_drop(file.effective().map(|entry| entry.name.as_str()));
    let mut key = None;
    let mut env = EnvMap::new();
    for entry in file.effective() {
        if names::is_reserved(&entry.name) {
            printer::note(&format!(
                "warning: capy ignores {} in {}, because the name is reserved for capy",
                entry.name,
                path.display()
            ));
            continue;
        }
        let value = open_entry(entry, path, project, &mut key)?;
        env.try_insert(&entry.name, value).map_err(|_| Error::ValueUnusable)?;
    }
    Ok(env)
}

/// Warns on stderr of variables that a shell drops if it runs between capy and the program.
pub(crate) fn tell_names_that_shells_drop<'a>(all: impl Iterator<Item = &'a str>) {
    let dropped: Vec<_> = all.filter(|name| !names::is_kept_by_shells(name)).collect();
    if !dropped.is_empty() {
        printer::note(&format!(
            "warning: a shell that starts the program, as in `npm run`, drops variables with such names: {}",
            dropped.join(", ")
        ));
    }
}

fn open_entry(
    entry: &Entry,
    path: &Path,
    project: Option<&Project>,
    key: &mut Option<ProjectKey>,
) -> Result<SecretValue> {
    if !env_value::is_sealed(entry.value.expose_secret()) {
        return Ok(entry.value.clone());
    }
    let project = project.ok_or(Error::NotInitialised)?;
    let key = match key {
        Some(key) => key,
        None => key.insert(project.key()?),
    };
    open_sealed(entry, path, project, key)
}

/// Decrypts one sealed value.
pub(crate) fn open_sealed(
    entry: &Entry,
    path: &Path,
    project: &Project,
    key: &ProjectKey,
) -> Result<SecretValue> {
    env_value::open(key, project.id(), &entry.name, entry.value.expose_secret()).map_err(|fault| {
        Error::SealedValue {
            name: entry.name.clone(),
            line: entry.line,
            path: path.into(),
            reason: match fault {
                ProtocolError::Unauthentic => "it was altered, or sealed for another name or project",
                ProtocolError::MalformedSealedValue => "it was sealed by a newer capy",
                _ => "it is damaged",
            },
        }
    })
}
