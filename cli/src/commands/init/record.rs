//! What `capy init` changed in a project's files, so that `capy init --undo` can take it back.
//!
//! There is one file per folder, `<config>/init/<SHA-256 of the real path>`. It holds positions,
//! names, the forms in which values were written, and hashes of the files as `capy init` left them.
//! It holds no value: undoing a seal opens the values of `.env` itself.

use std::path::{Path, PathBuf};

use capy_protocol::id::ProjectId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::env_file::written_form::WrittenForm;
use crate::error::{Error, Result};
use crate::local::Config;
use crate::local::private_file;

/// The name of the folder with the records.
const FOLDER: &str = "init";

/// The changes in one folder; the last one of each file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InitRecord {
    /// A project that was made anew in the same folder has no record yet.
    project: ProjectId,
    pub(super) gitignore: Option<Appended>,
    pub(super) package: Option<Inserted>,
    pub(super) env: Option<Sealed>,
}

/// Lines at the end of a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Appended {
    /// SHA-256 of the file afterwards.
    pub(super) after: String,
    /// The length of the file before; `None` if there was none.
    pub(super) before_len: Option<usize>,
    pub(super) text: String,
}

/// A text inside of a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Inserted {
    /// SHA-256 of the file afterwards.
    pub(super) after: String,
    /// The script of `package.json`.
    pub(super) script: String,
    pub(super) at: usize,
    pub(super) text: String,
}

/// Sealed values of `.env`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sealed {
    /// SHA-256 of the file afterwards.
    pub(super) after: String,
    /// A fingerprint of the file before, under the project's key: nobody can test guesses against
    /// it without that key.
    pub(super) before: String,
    pub(super) values: Vec<SealedValue>,
}

/// One value that was sealed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SealedValue {
    pub(super) name: String,
    /// Its place among the assignments of the file, counted from 0.
    pub(super) entry: usize,
    pub(super) form: WrittenForm,
}

impl InitRecord {
    /// Reads the record of a folder; an empty one if there is none for this project, or the file is
    /// malformed.
    pub(super) fn read(folder: &Path, project: &ProjectId) -> Result<Self> {
        let path = path_of(folder)?;
        let text = private_file::read_if_exists(&path)?;
        let known = text.and_then(|text| toml::from_str::<Self>(&text).ok());
        let known = known.filter(|known| known.project == *project);
        Ok(known.unwrap_or(Self { project: project.clone(), gitignore: None, package: None, env: None }))
    }

    /// Saves the record of a folder; removes the file if the record is empty.
    pub(super) fn save(&self, folder: &Path) -> Result<()> {
        let path = path_of(folder)?;
        if self.is_empty() {
            return private_file::remove_if_exists(&path).map(drop).map_err(Error::file("remove", &path));
        }
        Config::find()?.create_folder(FOLDER)?;
        let text = toml::to_string(self).expect("numbers, hashes and forms are always TOML");
        private_file::replace_private(&path, text.as_bytes()).map_err(Error::file("write", &path))
    }

    /// Whether there is nothing to take back.
    pub(super) fn is_empty(&self) -> bool {
        self.gitignore.is_none() && self.package.is_none() && self.env.is_none()
    }
}

/// The hash by which a record recognises a file.
pub(super) fn hash(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

fn path_of(folder: &Path) -> Result<PathBuf> {
    let real = folder.canonicalize().map_err(Error::file("find", folder))?;
    Ok(Config::find()?.path(FOLDER).join(hash(real.as_os_str().as_encoded_bytes())))
}
