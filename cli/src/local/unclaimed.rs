//! Which deployments were made and never handed over: nobody holds their values.
//!
//! One empty file per deployment in `<config>/unstored/`, written when a deployment is made and removed when one of
//! its values was shown, copied, printed or pushed. It survives a kill.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use capy_protocol::id::DeployId;

use crate::error::{Error, Result};
use crate::local::Config;
use crate::local::private_file;

/// The folder.
pub(crate) struct Unstored(PathBuf);

impl Unstored {
    pub(crate) fn find() -> Result<Self> {
        Ok(Self(Config::find()?.folder("unstored")))
    }

    /// Notes that nobody holds the values yet.
    pub(crate) fn add(&self, id: &DeployId) -> Result<()> {
        let path = self.0.join(id.to_string());
        private_file::create_private_folder(&self.0)
            .and_then(|()| fs::write(&path, ""))
            .map_err(Error::file("write", &path))
    }

    /// Notes that somebody does, or that nobody needs to any more.
    pub(crate) fn remove(&self, id: &DeployId) -> Result<()> {
        let path = self.0.join(id.to_string());
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::file("remove", &path)(error)),
            _ => Ok(()),
        }
    }

    /// Whether nobody ever got the values.
    pub(crate) fn has(&self, id: &DeployId) -> bool {
        self.0.join(id.to_string()).exists()
    }
}
