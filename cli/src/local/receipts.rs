//! What this machine remembers of the deployments that it made: how each was wished, and marks of what is inside.
//!
//! One file per deployment in `<config>/deployments/`. It holds names, and marks that say nothing without the project's
//! key: no value, no key. Where there is no record nothing is guessed from another deployment.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use capy_protocol::id::DeployId;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::local::Config;
use crate::local::private_file;

/// The folder.
pub(crate) struct Records(PathBuf);

/// One deployment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) environment: Option<String>,
    /// The names that were chosen; all of them where there is no list.
    pub(crate) only: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) split: bool,
    /// Where its blob was written, and what the platform calls that place.
    pub(crate) blob_file: Option<(PathBuf, String)>,
    /// Of the blob.
    pub(crate) blob: String,
    /// Of what the platform holds beside it.
    pub(crate) key: String,
    /// Of each variable inside.
    pub(crate) variables: BTreeMap<String, String>,
}

impl Records {
    pub(crate) fn find() -> Result<Self> {
        Ok(Self(Config::find()?.folder("deployments")))
    }

    /// Keeps one.
    pub(crate) fn add(&self, id: &DeployId, record: &Record) -> Result<()> {
        let path = self.path(id);
        let text = toml::to_string(record).expect("names, paths and marks are always TOML");
        private_file::create_private_folder(&self.0)
            .and_then(|()| private_file::replace_private(&path, text.as_bytes()))
            .map_err(Error::file("write", &path))
    }

    /// Finds one; `None` for a deployment that was made elsewhere, and for a record that cannot be understood.
    pub(crate) fn find_of(&self, id: &DeployId) -> Result<Option<Record>> {
        let path = self.path(id);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(toml::from_str(&text).ok()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::file("read", &path)(error)),
        }
    }

    /// Forgets one.
    pub(crate) fn remove(&self, id: &DeployId) -> Result<()> {
        let path = self.path(id);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::file("remove", &path)(error)),
            _ => Ok(()),
        }
    }

    fn path(&self, id: &DeployId) -> PathBuf {
        self.0.join(id.to_string())
    }
}
