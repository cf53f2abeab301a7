//! The project around the current folder: its `capy.toml`, its `.env`, its local key.

use std::path::{Path, PathBuf};

use capy_client::project_file::check_owner;
use capy_client::{ProjectFile, Service, ServiceUrl};
use capy_protocol::id::ProjectId;
use capy_protocol::key::ProjectKey;

use crate::error::{Error, Reasons, Result};
use crate::local::Config;
use crate::local::allowed::Folder;

/// A project that was found.
pub(crate) struct Project {
    path: PathBuf,
    file: ProjectFile,
}

impl Project {
    /// The nearest `capy.toml` at or above the current folder.
    pub(crate) fn find() -> Result<Self> {
        Self::find_if_any()?.ok_or(Error::NotInitialised)
    }

    /// The same, `None` when there is none. Neither it nor its `.env` is taken from another user's hands.
    pub(crate) fn find_if_any() -> Result<Option<Self>> {
        let here = std::env::current_dir().map_err(Error::file("find", Path::new(".")))?;
        Self::find_at(&here)
    }

    /// The same of another folder.
    pub(crate) fn find_at(here: &Path) -> Result<Option<Self>> {
        let Some((path, file)) = ProjectFile::find(here)? else {
            return Ok(None);
        };
        let project = Self { path, file };
        if project.path.parent() != Some(here) {
            check_owner(&project.env_path())?;
        }
        Ok(Some(project))
    }

    /// Its id.
    pub(crate) fn id(&self) -> &ProjectId {
        &self.file.project_id
    }

    /// Its `capy.toml`.
    pub(crate) fn file_path(&self) -> PathBuf {
        self.path.clone()
    }

    /// The folder of `capy.toml`.
    pub(crate) fn folder(&self) -> PathBuf {
        self.path.parent().unwrap_or(Path::new(".")).to_owned()
    }

    /// `.env` beside `capy.toml`.
    pub(crate) fn env_path(&self) -> PathBuf {
        self.path.with_file_name(".env")
    }

    /// Its folder, as `capy allow` keeps it.
    pub(crate) fn allowable(&self) -> Result<Folder> {
        Folder::of(&self.folder(), Some(self.id()))
    }

    /// Goes on where somebody allowed this folder to ask for the project's key: any repository can name any project.
    pub(crate) fn require_allowed(&self) -> Result<()> {
        self.allowable()?.require(Reasons { key_of: Some(self.id().clone()), ..Reasons::default() })
    }

    /// The key that seals this project's values, from the local master key.
    pub(crate) fn key(&self) -> Result<ProjectKey> {
        let master = Config::find()?.master_key(self.id())?;
        self.require_allowed()?;
        Ok(master.project_key(self.id(), self.file.epoch))
    }

    /// The key that a master key makes for this project.
    pub(crate) fn key_of(&self, master: &capy_protocol::key::MasterKey) -> ProjectKey {
        master.project_key(self.id(), self.file.epoch)
    }

    /// The service, with the API token of its login.
    pub(crate) fn service(&self) -> Result<Service> {
        let url = self.service_url()?;
        let token = Config::find()?.token(&url)?;
        Ok(Service::new(url).with_token(token))
    }

    /// `CAPY_SERVICE_URL`, else what `capy.toml` says.
    pub(crate) fn service_url(&self) -> Result<ServiceUrl> {
        Ok(capy_client::service_url(
            |name| std::env::var_os(name),
            self.path.parent().unwrap_or(Path::new(".")),
        )?)
    }
}
