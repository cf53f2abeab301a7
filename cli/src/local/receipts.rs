//! Records of the deployments that this machine made: the options of each, and fingerprints of its
//! contents.
//!
//! There is one file per deployment, in `<config>/deployments/`. It holds names, and fingerprints
//! (see [`capy_protocol::key::ProjectKey::fingerprint`]) that are useless without the project's
//! key; it holds no value and no key. If a deployment has no record, nothing is guessed from
//! another one.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use capy_protocol::id::DeployId;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::local::Config;
use crate::local::private_file;

/// The folder with the records.
pub(crate) struct Records(PathBuf);

/// The record of one deployment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) environment: Option<String>,
    /// The names of the variables that were chosen; `None` means all of them.
    pub(crate) only: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) split: bool,
    /// The file that the blob was written to, and the path that the platform knows it by.
    pub(crate) blob_file: Option<(PathBuf, String)>,
    /// Fingerprint of the blob.
    pub(crate) blob: String,
    /// Fingerprint of the key that the platform holds beside the blob.
    pub(crate) key: String,
    /// Fingerprint of each variable that is sealed in the blob, by its name.
    pub(crate) variables: BTreeMap<String, String>,
}

impl Records {
    pub(crate) fn find() -> Result<Self> {
        Ok(Self(Config::find()?.folder("deployments")))
    }

    /// Saves the record of a deployment.
    pub(crate) fn add(&self, id: &DeployId, record: &Record) -> Result<()> {
        let path = self.path(id);
        let text = toml::to_string(record).expect("names, paths and fingerprints are always TOML");
        private_file::create_private_folder(&self.0)
            .and_then(|()| private_file::replace_private(&path, text.as_bytes()))
            .map_err(Error::file("write", &path))
    }

    /// Finds the record of a deployment; `None` if the deployment was made elsewhere, or the record
    /// is malformed.
    pub(crate) fn find_of(&self, id: &DeployId) -> Result<Option<Record>> {
        let path = self.path(id);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(toml::from_str(&text).ok()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::file("read", &path)(error)),
        }
    }

    /// Removes the record of a deployment.
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
