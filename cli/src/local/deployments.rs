//! The deployments that this machine made: the receipt of each, and which of them nobody holds.
//!
//! A receipt has the options of a deployment, and fingerprints of its contents. There is one file
//! per deployment, in `<config>/deployments/`. It holds names, and fingerprints (see
//! [`capy_protocol::key::ProjectKey::fingerprint`]) that are useless without the project's key; it
//! holds no value and no key. If a deployment has no receipt, nothing is guessed from another one.
//!
//! An unclaimed deployment was made but never handed over, so that nobody holds its values. There
//! is one empty file per deployment, in `<config>/unclaimed/`, which also survives if the process
//! is killed. It is written before the deployment is registered. It is removed once the
//! deployment's key, or all of its variables together, were shown, copied, printed or pushed, and
//! also when the deployment is revoked or its registration certainly failed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use capy_protocol::id::DeployId;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::local::Config;
use crate::local::private_file;

/// The name of the folder with the receipts.
const RECEIPTS: &str = "deployments";
/// The name of the folder with one empty file per deployment.
const UNCLAIMED: &str = "unclaimed";

/// The receipts of all deployments.
pub(crate) struct Receipts(Config);

/// The receipt of one deployment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Receipt {
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

impl Receipts {
    pub(crate) fn find() -> Result<Self> {
        Config::find().map(Self)
    }

    /// Saves the receipt of a deployment.
    pub(crate) fn add(&self, id: &DeployId, receipt: &Receipt) -> Result<()> {
        let path = self.0.create_folder(RECEIPTS)?.join(id.to_string());
        let text = toml::to_string(receipt).expect("names, paths and fingerprints are always TOML");
        private_file::replace_private(&path, text.as_bytes()).map_err(Error::file("write", &path))
    }

    /// Reads the receipt of a deployment; `None` if the deployment was made elsewhere, or the
    /// receipt is malformed.
    pub(crate) fn read(&self, id: &DeployId) -> Result<Option<Receipt>> {
        let path = self.path(id);
        let text = private_file::read_if_exists(&path)?;
        Ok(text.and_then(|text| toml::from_str(&text).ok()))
    }

    /// Removes the receipt of a deployment.
    pub(crate) fn remove(&self, id: &DeployId) -> Result<()> {
        remove(&self.path(id))
    }

    fn path(&self, id: &DeployId) -> PathBuf {
        self.0.path(RECEIPTS).join(id.to_string())
    }
}

/// The deployments whose values nobody holds.
pub(crate) struct Unclaimed(Config);

impl Unclaimed {
    pub(crate) fn find() -> Result<Self> {
        Config::find().map(Self)
    }

    /// Notes that nobody holds the deployment's values yet.
    pub(crate) fn add(&self, id: &DeployId) -> Result<()> {
        let path = self.0.create_folder(UNCLAIMED)?.join(id.to_string());
        private_file::replace_private(&path, b"").map_err(Error::file("write", &path))
    }

    /// Removes the note: somebody holds the values, or nobody needs them any more.
    pub(crate) fn remove(&self, id: &DeployId) -> Result<()> {
        remove(&self.path(id))
    }

    /// Whether the deployment is noted as one whose values nobody holds.
    pub(crate) fn contains(&self, id: &DeployId) -> bool {
        self.path(id).exists()
    }

    fn path(&self, id: &DeployId) -> PathBuf {
        self.0.path(UNCLAIMED).join(id.to_string())
    }
}

fn remove(path: &Path) -> Result<()> {
    private_file::remove_if_exists(path).map(drop).map_err(Error::file("remove", path))
}
