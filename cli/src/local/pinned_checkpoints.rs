//! Pinned audit checkpoints: the last checkpoint of each service's audit trail that this machine
//! has seen.
//!
//! The pins are kept in `<config>/audit.toml`, by service URL. The file holds no secret, but is
//! private, so that no other user can remove a pin.

use std::collections::BTreeMap;
use std::path::PathBuf;

use capy_client::ServiceUrl;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::local::Config;
use crate::local::private_file;

/// The pinned checkpoints of all services.
pub(crate) struct PinnedCheckpoints<'c> {
    config: &'c Config,
    path: PathBuf,
}

/// A checkpoint that was seen.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PinnedCheckpoint {
    pub(crate) checkpoint: u64,
    pub(crate) digest: String,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    services: BTreeMap<String, PinnedCheckpoint>,
}

impl<'c> PinnedCheckpoints<'c> {
    pub(crate) fn of(config: &'c Config) -> Self {
        Self { config, path: config.path("audit.toml") }
    }

    /// The checkpoint of a service that was seen last.
    pub(crate) fn read(&self, url: &ServiceUrl) -> Result<Option<PinnedCheckpoint>> {
        Ok(self.read_all()?.services.remove(url.as_str()))
    }

    /// Saves a checkpoint as the last one seen of a service.
    pub(crate) fn write(&self, url: &ServiceUrl, pin: &PinnedCheckpoint) -> Result<()> {
        self.config.create()?;
        let _lock = private_file::lock_beside(&self.path)?;
        let mut file = self.read_all()?;
        file.services.insert(url.as_str().to_owned(), pin.clone());
        let text = toml::to_string(&file).expect("tables of numbers and strings are always TOML");
        private_file::replace_private(&self.path, text.as_bytes()).map_err(Error::file("write", &self.path))
    }

    /// Reads all pinned checkpoints. A malformed file is an error and does not count as empty: an
    /// attacker may want capy to forget the pins.
    fn read_all(&self) -> Result<File> {
        let text = private_file::read_if_exists(&self.path)?;
        let Some(text) = text else { return Ok(File::default()) };
        toml::from_str(&text).map_err(|_| Error::CheckpointsMalformed { path: self.path.clone() })
    }
}
