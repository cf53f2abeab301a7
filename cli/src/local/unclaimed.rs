//! Unclaimed deployments: they were made but never handed over, so that nobody holds their values.
//!
//! There is one empty file per deployment, in `<config>/unclaimed/`, which also survives if the
//! process is killed. It is written before the deployment is registered. It is removed once the
//! deployment's key, or all of its variables together, were shown, copied, printed or pushed, and
//! also when the deployment is revoked or its registration certainly failed.

use std::path::PathBuf;

use capy_protocol::id::DeployId;

use crate::error::{Error, Result};
use crate::local::Config;
use crate::local::private_file;

/// The name of the folder with one empty file per deployment.
const FOLDER: &str = "unclaimed";

/// The deployments whose values nobody holds.
pub(crate) struct Unclaimed(Config);

impl Unclaimed {
    pub(crate) fn find() -> Result<Self> {
        Config::find().map(Self)
    }

    /// Notes that nobody holds the deployment's values yet.
    pub(crate) fn add(&self, id: &DeployId) -> Result<()> {
        let path = self.0.create_folder(FOLDER)?.join(id.to_string());
        private_file::replace_private(&path, b"").map_err(Error::file("write", &path))
    }

    /// Removes the note: somebody holds the values, or nobody needs them any more.
    pub(crate) fn remove(&self, id: &DeployId) -> Result<()> {
        let path = self.path(id);
        private_file::remove_if_exists(&path).map(drop).map_err(Error::file("remove", &path))
    }

    /// Whether the deployment is noted as one whose values nobody holds.
    pub(crate) fn contains(&self, id: &DeployId) -> bool {
        self.path(id).exists()
    }

    fn path(&self, id: &DeployId) -> PathBuf {
        self.0.path(FOLDER).join(id.to_string())
    }
}
