//! What is wished of a deployment: from the command line, the page or the terminal's questions, in one form.

use std::path::{Path, PathBuf};

use std::time::Duration;

use capy_protocol::api::Credential;
use capy_protocol::blob::Format;
use capy_protocol::id::DeployId;
use capy_protocol::network::Network;
use capy_worker::policy::LABEL_MAX;
use serde::Serialize;

use crate::error::DeploymentFault as Fault;
use crate::error::{Error, Result};
use crate::platforms::{self, Platform};

/// What somebody said of a deployment so far; what is missing is asked, or has a default.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Wishes {
    pub(crate) platform: Option<String>,
    pub(crate) environment: Option<String>,
    pub(crate) only: Option<Vec<String>>,
    pub(crate) label: Option<String>,
    #[serde(skip)]
    pub(crate) terms: Terms,
    pub(crate) credential: Credential,
    pub(crate) format: Format,
    #[serde(skip)]
    pub(crate) blob: BlobPlace,
}

/// What is to be deployed, and how.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) platform: Platform,
    pub(crate) environment: Option<String>,
    /// All variables when there is no list.
    pub(crate) only: Option<Vec<String>>,
    pub(crate) label: Option<String>,
    pub(crate) terms: Terms,
    pub(crate) credential: Credential,
    pub(crate) format: Format,
    pub(crate) blob: BlobPlace,
}

/// What a deployment is allowed. Nothing given: until it is revoked, from anywhere.
#[derive(Debug, Clone, Default)]
pub(crate) struct Terms {
    /// For how long the service releases the key.
    pub(crate) expires: Option<Duration>,
    /// How often.
    pub(crate) max_uses: Option<u64>,
    /// To which addresses; to all where none is named.
    pub(crate) cidr: Vec<Network>,
}

/// A time in whole seconds, one at least.
pub(crate) fn lifetime(text: &str) -> Result<Duration, String> {
    let parsed = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if parsed.as_secs() == 0 { Err("a second at least".into()) } else { Ok(parsed) }
}

/// What takes the blob.
#[derive(Debug, Clone, Default)]
pub(crate) enum BlobPlace {
    /// One variable.
    #[default]
    Variable,
    /// As many as it needs, each as long as the platform's may be.
    Split,
    /// A file beside the code.
    File(BlobFile),
}

/// Where the blob is written here, and what the platform calls that place.
#[derive(Debug, Clone)]
pub(crate) struct BlobFile {
    pub(crate) path: PathBuf,
    pub(crate) name: String,
    pub(crate) replaces: Replaces,
}

/// Which live deployment's blob a file may lose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Replaces {
    #[default]
    None,
    One(DeployId),
    Any,
}

impl BlobFile {
    /// Its name where nobody chose another.
    pub(crate) const NAME: &str = "capy.blob";

    /// At a path that is the same here and there.
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), name: path.display().to_string(), replaces: Replaces::None }
    }

    /// At the top of what is deployed.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self { path: folder.join(Self::NAME), name: Self::NAME.into(), replaces: Replaces::None }
    }
}

impl BlobPlace {
    /// What the options say.
    pub(crate) fn of(split: bool, blob_file: Option<&Path>) -> Self {
        match blob_file {
            Some(path) => Self::File(BlobFile::at(path)),
            None if split => Self::Split,
            None => Self::Variable,
        }
    }

    pub(crate) fn file(&self) -> Option<&BlobFile> {
        match self {
            Self::File(file) => Some(file),
            Self::Variable | Self::Split => None,
        }
    }

    /// Lets the file lose a live deployment's blob.
    pub(crate) fn replace(&mut self, which: Replaces) {
        if let Self::File(file) = self {
            file.replaces = which;
        }
    }
}

impl Wishes {
    /// The whole wish, when nothing is left to be asked.
    pub(crate) fn wish(&self) -> Result<Wish> {
        let platform = platforms::find(self.platform.as_deref().ok_or(Error::PlatformMissing)?)?;
        let environment = platform.environment(self.environment.as_deref())?;
        Ok(Wish {
            platform,
            label: label(self.label.as_deref())?.or_else(|| environment.clone()),
            environment,
            only: self.only.clone(),
            terms: self.terms.clone(),
            credential: self.credential,
            format: self.format,
            blob: self.blob.clone(),
        })
    }
}

/// As the service takes it: what it would refuse is known before anything is made. Blank is none.
fn label(text: Option<&str>) -> Result<Option<String>> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if text.chars().count() > LABEL_MAX || text.chars().any(char::is_control) {
        return Err(Fault::LabelMalformed.into());
    }
    Ok(Some(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labelled(text: Option<&str>, platform: &str, environment: Option<&str>) -> Result<Option<String>> {
        let wishes = Wishes {
            platform: Some(platform.into()),
            environment: environment.map(str::to_owned),
            label: text.map(str::to_owned),
            ..Wishes::default()
        };
        Ok(wishes.wish()?.label)
    }

    #[test]
    fn a_label_is_what_was_typed_else_the_environment() {
        for (text, platform, environment, label) in [
            (Some(" for main "), "vercel", Some("preview"), Some("for main")),
            (Some(" "), "vercel", Some("preview"), Some("preview")),
            (None, "vercel", None, Some("production")),
            (None, "docker", None, None),
        ] {
            assert_eq!(labelled(text, platform, environment).unwrap().as_deref(), label, "{text:?}");
        }
        let fits = "é".repeat(LABEL_MAX);
        assert_eq!(labelled(Some(&fits), "docker", None).unwrap(), Some(fits.clone()));
        for bad in [format!("{fits}x"), "a\u{1b}[2Jb".into()] {
            assert_eq!(labelled(Some(&bad), "docker", None).unwrap_err().code(), "LABEL_MALFORMED");
        }
    }
}
