//! Per-user configuration folder: API tokens, local keys and receipts, in files that only their
//! user can read.
//!
//! ```text
//! <config>/credentials.toml     API tokens by service URL
//! <config>/keys/<project id>    the project's master key, 64 hex digits
//! <config>/allowed/<hash>       a folder that was allowed: see `allowed.rs`
//! <config>/audit.toml           the last checkpoints seen: see `pinned_checkpoints.rs`
//! <config>/init/<hash>          what `capy init` changed in a folder: see `commands/init/record.rs`
//! <config>/unclaimed/<id>       an empty file: nobody holds this deployment's values
//! <config>/deployments/<id>     a deployment's receipt: its options, and marks of its contents
//! ```
//!
//! `<config>` is `CAPY_CONFIG_DIR`, else `XDG_CONFIG_HOME/capy`, else `~/.config/capy`. On Windows
//! it is `CAPY_CONFIG_DIR`, else `%APPDATA%\capy`, and access lists take the place of modes. Files
//! are 0600, and folders 0700. Before anything is written, an existing `<config>` is set to 0700,
//! too, but only if its name is `capy`: a folder of another name may be shared, and keeps its mode.

pub(crate) mod allowed;
pub(crate) mod deployments;
pub(crate) mod pinned_checkpoints;
pub(crate) mod private_file;

use std::collections::BTreeMap;
use std::env;
use std::fs::File;
use std::io::ErrorKind;
use std::path::PathBuf;

use capy_client::service::ApiToken;
use capy_client::{ServiceUrl, github};
use capy_protocol::id::ProjectId;
use capy_protocol::key::MasterKey;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::error::{Error, Result};
use crate::settings;
use crate::settings::deadline;

/// The configuration folder.
pub(crate) struct Config(PathBuf);

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Logins {
    #[serde(default)]
    services: BTreeMap<String, Login>,
}

#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct Login {
    token: String,
}

impl Config {
    /// Finds the configuration folder, which need not exist.
    pub(crate) fn find() -> Result<Self> {
        path_in("CAPY_CONFIG_DIR").or_else(of_user).map(Self).ok_or(Error::NoConfigFolder)
    }

    /// The path of a file or a folder in the configuration folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Creates the configuration folder, if it is missing. Restricts it to this user, if it is
    /// capy's own.
    pub(crate) fn create(&self) -> Result<()> {
        private_file::create_private_folder(&self.0).map_err(Error::file("create", &self.0))?;
        if self.0.file_name() == Some("capy".as_ref()) {
            private_file::make_folder_private(&self.0).map_err(Error::file("protect", &self.0))?;
        }
        Ok(())
    }

    /// Creates a folder in the configuration folder, if it is missing, and restricts it to this
    /// user.
    pub(crate) fn create_folder(&self, name: &str) -> Result<PathBuf> {
        self.create()?;
        let folder = self.path(name);
        private_file::create_private_folder(&folder)
            .and_then(|()| private_file::make_folder_private(&folder))
            .map_err(Error::file("create", &folder))?;
        Ok(folder)
    }

    /// The API token for a service: `CAPY_TOKEN`, else the token of the login, else the OIDC
    /// identity of a job on GitHub Actions.
    pub(crate) fn token(&self, url: &ServiceUrl) -> Result<ApiToken> {
        if let Some(token) = token_from_env()? {
            return Ok(token);
        }
        let logins = self.read_logins()?;
        let login = logins.services.get(url.as_str());
        if let Some(token) = login.and_then(|login| ApiToken::parse(&login.token)) {
            return Ok(token);
        }
        let identity = github::bearer(|name| env::var_os(name), url, deadline()?)?;
        identity.ok_or_else(|| Error::NotLoggedIn { url: url.clone() })
    }

    /// The service URLs of all logins.
    pub(crate) fn services(&self) -> Result<Vec<String>> {
        Ok(self.read_logins()?.services.into_keys().collect())
    }

    /// Saves a login.
    pub(crate) fn save_login(&self, url: &ServiceUrl, token: &ApiToken) -> Result<PathBuf> {
        self.create()?;
        let _lock = self.lock_logins()?;
        let mut logins = self.read_logins()?;
        let token = token.expose_secret().to_owned();
        logins.services.insert(url.as_str().to_owned(), Login { token });
        self.write_logins(&logins)
    }

    /// Removes a login. Returns whether there was one.
    pub(crate) fn remove_login(&self, url: &ServiceUrl) -> Result<bool> {
        if !self.logins_path().exists() {
            return Ok(false);
        }
        self.create()?;
        let _lock = self.lock_logins()?;
        let mut logins = self.read_logins()?;
        let known = logins.services.remove(url.as_str()).is_some();
        if known {
            self.write_logins(&logins)?;
        }
        Ok(known)
    }

    /// The project's master key.
    pub(crate) fn master_key(&self, project: &ProjectId) -> Result<MasterKey> {
        let path = self.key_path(project);
        match private_file::read_private(&path) {
            Ok(None) => Err(Error::LocalKeyExposed { path }),
            Ok(Some(text)) => {
                MasterKey::parse_hex(text.trim()).map_err(|_| Error::LocalKeyMalformed { path })
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(Error::LocalKeyMissing { project: project.clone() })
            }
            Err(error) if error.kind() == ErrorKind::InvalidData => Err(Error::LocalKeyMalformed { path }),
            Err(error) => Err(Error::file("read", &path)(error)),
        }
    }

    /// Saves a project's master key in a new file.
    pub(crate) fn save_master_key(&self, project: &ProjectId, key: &MasterKey) -> Result<PathBuf> {
        let path = self.create_folder("keys")?.join(project.as_str());
        private_file::create_private(&path, key_text(key).as_bytes())?;
        Ok(path)
    }

    /// Replaces a file that holds no key with a project's master key.
    pub(crate) fn replace_master_key(&self, project: &ProjectId, key: &MasterKey) -> Result<()> {
        let path = self.key_path(project);
        private_file::replace_private(&path, key_text(key).as_bytes()).map_err(Error::file("write", &path))
    }

    /// The path of a project's master key.
    pub(crate) fn key_path(&self, project: &ProjectId) -> PathBuf {
        self.path("keys").join(project.as_str())
    }

    /// Locks the logins, so that two logins at the same time are both saved.
    fn lock_logins(&self) -> Result<File> {
        private_file::lock_beside(&self.logins_path())
    }

    fn logins_path(&self) -> PathBuf {
        self.path("credentials.toml")
    }

    fn read_logins(&self) -> Result<Logins> {
        let path = self.logins_path();
        let text = private_file::read_if_exists(&path)?;
        let Some(text) = text.map(Zeroizing::new) else { return Ok(Logins::default()) };
        toml::from_str(&text).map_err(|_| Error::LoginsMalformed {
            path,
            // The parser's own message quotes the line, and the line may hold a token.
            reason: "it is not the TOML that `capy login` writes".into(),
        })
    }

    fn write_logins(&self, logins: &Logins) -> Result<PathBuf> {
        let path = self.logins_path();
        let text = Zeroizing::new(toml::to_string(logins).expect("tables of strings are always TOML"));
        private_file::replace_private(&path, text.as_bytes()).map_err(Error::file("write", &path))?;
        Ok(path)
    }
}

fn key_text(key: &MasterKey) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(2 * 32 + 1));
    text.push_str(&key.serialize_hex());
    text.push('\n');
    text
}

#[cfg(unix)]
fn of_user() -> Option<PathBuf> {
    let shared = path_in("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
    shared.map(|path| path.join("capy")).or_else(|| Some(path_in("HOME")?.join(".config/capy")))
}

#[cfg(windows)]
fn of_user() -> Option<PathBuf> {
    Some(path_in("APPDATA").filter(|path| path.is_absolute())?.join("capy"))
}

fn path_in(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The API token in `CAPY_TOKEN`; blank counts as unset, as everywhere.
///
/// `CAPY_SERVICE_URL` must be set, too. Otherwise the nearest `capy.toml`, for example one in a
/// pull request, could choose the service that the token is sent to.
fn token_from_env() -> Result<Option<ApiToken>> {
    if !settings::is_set("CAPY_TOKEN") {
        return Ok(None);
    }
    if !settings::service_url_is_set() {
        return Err(Error::TokenWithoutUrl);
    }
    let text = env::var("CAPY_TOKEN").map(Zeroizing::new);
    let token = text.ok().and_then(|text| ApiToken::parse(&text)).ok_or(Error::TokenMalformed)?;
    if token.is_mistyped() { Err(Error::TokenMistyped) } else { Ok(Some(token)) }
}
