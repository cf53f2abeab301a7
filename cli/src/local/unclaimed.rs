//! Deployments that were made but never handed over, so that nobody holds their values.
//!
//! There is one empty file per deployment, in `<config>/unstored/`, which also survives if the
//! process is killed. It is written before the deployment is registered. It is removed once the
//! deployment's key, or all of its variables together, were shown, copied, printed or pushed, and
//! also when the deployment is revoked or its registration certainly failed.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use capy_protocol::id::DeployId;

use crate::error::{Error, Result};
use crate::local::Config;
use crate::local::private_file;

/// The folder with one empty file per deployment.
pub(crate) struct Unstored(PathBuf);

impl Unstored {
    pub(crate) fn find() -> Result<Self> {
        Ok(Self(Config::find()?.folder("unstored")))
    }

    /// Notes that nobody holds the deployment's values yet.
    pub(crate) fn add(&self, id: &DeployId) -> Result<()> {
        let path = self.0.join(id.to_string());
        private_file::create_private_folder(&self.0)
            .and_then(|()| fs::write(&path, ""))
            .map_err(Error::file("write", &path))
    }

    /// Removes the note: somebody holds the values, or nobody needs them any more.
    pub(crate) fn remove(&self, id: &DeployId) -> Result<()> {
        let path = self.0.join(id.to_string());
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::file("remove", &path)(error)),
            _ => Ok(()),
        }
    }

    /// Whether the deployment is noted as one whose values nobody holds.
    pub(crate) fn has(&self, id: &DeployId) -> bool {
        self.0.join(id.to_string()).exists()
    }
}
