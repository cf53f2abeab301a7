//! The project around the current folder: its `capy.toml`, its `.env`, its local key.

use std::path::{Path, PathBuf};

use capy_client::project_file::check_owner;
use capy_client::{ProjectFile, Service, ServiceUrl};
use capy_protocol::id::ProjectId;
use capy_protocol::key::ProjectKey;
use capy_protocol::scope::Scope;

use crate::error::{Error, Reasons, Result};
use crate::local::Config;
use crate::local::allowed::Folder;

/// A project, with the path and the content of its `capy.toml`.
pub(crate) struct Project {
    path: PathBuf,
    file: ProjectFile,
}

impl Project {
    /// Finds the nearest `capy.toml` at or above the current folder.
    pub(crate) fn find() -> Result<Self> {
        Self::find_if_any()?.ok_or(Error::NotInitialised)
    }

    /// [`Project::find`], but `None` if there is no project. If `capy.toml` is in a folder above
    /// the current one, that file and the `.env` beside it must belong to this user or an
    /// administrator.
    pub(crate) fn find_if_any() -> Result<Option<Self>> {
        let here = std::env::current_dir().map_err(Error::file("find", Path::new(".")))?;
        Self::find_at(&here)
    }

    /// [`Project::find_if_any`] for another folder than the current one.
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

    /// The project's id.
    pub(crate) fn id(&self) -> &ProjectId {
        &self.file.project_id
    }

    /// The path of `capy.toml`.
    pub(crate) fn file_path(&self) -> PathBuf {
        self.path.clone()
    }

    /// The folder of `capy.toml`.
    pub(crate) fn folder(&self) -> PathBuf {
        self.path.parent().unwrap_or(Path::new(".")).to_owned()
    }

    /// The path of the `.env` beside `capy.toml`.
    pub(crate) fn env_path(&self) -> PathBuf {
        self.path.with_file_name(".env")
    }

    /// The project's folder, in the form in which `capy allow` records it.
    pub(crate) fn allowable(&self) -> Result<Folder> {
        Folder::of(&self.folder(), Some(self.id()))
    }

    /// Requires that the user allowed this folder to use the project's key: any repository can name
    /// any project.
    pub(crate) fn require_allowed(&self) -> Result<()> {
        self.allowable()?.require(Reasons { key_of: Some(self.id().clone()), ..Reasons::default() })
    }

    /// The key that seals this project's values, from the local master key.
    pub(crate) fn key(&self) -> Result<ProjectKey> {
        let master = Config::find()?.master_key(self.id())?;
        self.require_allowed()?;
        Ok(master.project_key(self.id(), self.file.epoch))
    }

    /// Derives this project's key from a given master key.
    pub(crate) fn key_of(&self, master: &capy_protocol::key::MasterKey) -> ProjectKey {
        master.project_key(self.id(), self.file.epoch)
    }

    /// A client for the project's service, with its API token.
    pub(crate) fn service(&self) -> Result<Service> {
        let url = self.service_url()?;
        let token = Config::find()?.token(&url)?;
        Ok(Service::new(url).with_token(token))
    }

    /// The URL of the service: `CAPY_SERVICE_URL`, else the one in `capy.toml`.
    pub(crate) fn service_url(&self) -> Result<ServiceUrl> {
        Ok(capy_client::service_url(
            |name| std::env::var_os(name),
            self.path.parent().unwrap_or(Path::new(".")),
        )?)
    }
}

/// Parses the scope of an API token or a trust, as it is typed. `deploy` and `read` alone mean this
/// folder's project.
pub(crate) fn parse_scope(text: &str) -> Result<Scope> {
    match text {
        "deploy" => Ok(Scope::Deploy(Project::find()?.id().clone())),
        "read" => Ok(Scope::Read(Project::find()?.id().clone())),
        _ => Scope::parse(text).map_err(|_| Error::ScopeMalformed { text: text.into() }),
    }
}
