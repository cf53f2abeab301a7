//! Folders that the user allowed to run code by the variables of their `.env`, and to use a local
//! key by their `capy.toml`.
//!
//! There is one file per folder, `<config>/allowed/<SHA-256 of the real path>`. `capy allow` writes
//! it, `capy init` does in its own folder, and so does the answer "yes" when a command asks. A
//! permission holds for the folder at its real path as long as the folder has the same owner and
//! its `capy.toml` names the same project: after a move, or a pull that names another project, the
//! user is asked again. It does not depend on the content: `.env` is edited every day, and whoever
//! is asked every day no longer reads the question.

use std::io::{self, ErrorKind, IsTerminal};
use std::path::{Path, PathBuf};

use capy_client::regular_file;
use capy_protocol::id::ProjectId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Reasons, Result};
use crate::local::Config;
use crate::local::private_file;
use crate::{input, loader_names};

/// The name of the folder with one file per allowed folder.
const FOLDER: &str = "allowed";

/// The most bytes that are read of a file that allows a folder.
const MAX_BYTES: u64 = 64 * 1024;

/// A folder, with the permission that it needs.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    permission: Permission,
}

/// The content of the file that allows a folder.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Permission {
    /// The path for people to read: it may be inexact, as a path need not be text.
    folder: String,
    project: Option<ProjectId>,
    owner: Owner,
}

/// The owner of a folder.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Owner {
    /// A user id, on Unix.
    Id(u32),
    /// A security identifier, on Windows.
    Sid(String),
}

impl Folder {
    /// Describes the folder at its real path; `project` is the id in its `capy.toml`.
    pub(crate) fn of(path: &Path, project: Option<&ProjectId>) -> Result<Self> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let (path, owner) = path
            .canonicalize()
            .and_then(|path| Owner::of(&path).map(|owner| (path, owner)))
            .map_err(Error::file("find", path))?;
        let permission = Permission { folder: path.display().to_string(), project: project.cloned(), owner };
        Ok(Self { path, permission })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the other folder is this one, or is below it.
    pub(crate) fn contains(&self, other: &Self) -> bool {
        other.path.starts_with(&self.path)
    }

    /// Whether the user allowed this folder.
    pub(crate) fn is_allowed(&self) -> Result<bool> {
        // Without a configuration folder, nothing can have been allowed.
        let Ok(config) = Config::find() else { return Ok(false) };
        let path = config.path(FOLDER).join(self.file_name());
        let text = match regular_file::read_to_string(&path, MAX_BYTES) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(Error::file("read", &path)(error)),
        };
        // A file that cannot be parsed allows nothing.
        Ok(toml::from_str::<Permission>(&text).is_ok_and(|permission| permission == self.permission))
    }

    /// Records that the user allows this folder.
    pub(crate) fn allow(&self) -> Result<()> {
        let path = Config::find()?.create_folder(FOLDER)?.join(self.file_name());
        let text = toml::to_string(&self.permission).expect("strings and a number are always TOML");
        private_file::replace_private(&path, text.as_bytes()).map_err(Error::file("write", &path))
    }

    /// Removes the permission. Returns whether there was one.
    pub(crate) fn deny(&self) -> Result<bool> {
        let path = Config::find()?.path(FOLDER).join(self.file_name());
        private_file::remove_if_exists(&path).map_err(Error::file("remove", &path))
    }

    /// Returns if the folder is allowed; otherwise asks the user at a terminal, and fails if there
    /// is none.
    ///
    /// # Errors
    ///
    /// [`Error::FolderNotAllowed`] if the answer is not "yes", or nobody can be asked.
    pub(crate) fn require(&self, reasons: Reasons) -> Result<()> {
        if self.is_allowed()? {
            return Ok(());
        }
        let refused = Error::FolderNotAllowed { folder: self.path.clone(), reasons };
        if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
            return Err(refused);
        }
        match input::confirm(&format!("{refused}.\nAllow it? Read those files first."), false) {
            Ok(()) => self.allow(),
            Err(Error::NotConfirmed) => Err(refused),
            Err(error) => Err(error),
        }
    }

    fn file_name(&self) -> String {
        hex::encode(Sha256::digest(self.path.as_os_str().as_encoded_bytes()))
    }
}

impl Owner {
    fn of(folder: &Path) -> io::Result<Self> {
        let text = capy_access::owner(folder)?;
        Ok(text.parse().map_or(Self::Sid(text), Self::Id))
    }
}

/// Which of these variables of a `.env` run code, as reasons to ask for permission.
pub(crate) fn reasons_of<'a>(names: impl Iterator<Item = &'a str>) -> Reasons {
    let loader = |name: &str| Some((name.to_owned(), loader_names::reason(name)?));
    Reasons { loaders: names.filter_map(loader).collect(), key_of: None }
}
