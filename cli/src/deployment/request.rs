//! The request for a deployment: its options in one form, whether they come from the command line,
//! the setup page, prompts or the receipt of an older deployment.

use std::path::{Path, PathBuf};
use std::time::Duration;

use capy_protocol::api::Credential;
use capy_protocol::blob::Format;
use capy_protocol::id::DeployId;
use capy_protocol::limits::is_label;
use capy_protocol::network::Network;

use crate::error::{DeploymentFault, Error, Result};
use crate::local::deployments::Receipt;
use crate::platforms::{self, Platform};

/// The options that are given so far. A missing option is asked for, or has a default.
#[derive(Debug, Clone, Default)]
pub(crate) struct PartialRequest {
    pub(crate) platform: Option<String>,
    pub(crate) environment: Option<String>,
    pub(crate) only: Option<Vec<String>>,
    pub(crate) label: Option<String>,
    pub(crate) terms: Terms,
    pub(crate) credential: Credential,
    pub(crate) format: Format,
    pub(crate) blob: BlobPlace,
}

/// The complete options of a deployment.
#[derive(Debug)]
pub(crate) struct DeployRequest {
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

/// Restrictions of a deployment. By default it can be opened from anywhere until it is revoked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Terms {
    /// For how long the service releases the key.
    pub(crate) expires: Option<Duration>,
    /// How often the service releases the key.
    pub(crate) max_uses: Option<u64>,
    /// The networks that the service releases the key to; all if none is named.
    pub(crate) cidr: Vec<Network>,
}

/// Parses a lifetime of at least one second. Only its whole seconds are sent to the service.
pub(crate) fn lifetime(text: &str) -> Result<Duration, String> {
    let parsed = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if parsed.as_secs() == 0 { Err("at least one second".into()) } else { Ok(parsed) }
}

/// Where the platform holds the blob.
#[derive(Debug, Clone, Default)]
pub(crate) enum BlobPlace {
    /// One variable.
    #[default]
    Variable,
    /// As many variables as the blob needs, each as long as the platform allows.
    Split,
    /// A file beside the code.
    File(BlobFile),
}

/// The file that the blob is written to here, and the path that the platform knows it by.
#[derive(Debug, Clone)]
pub(crate) struct BlobFile {
    pub(crate) path: PathBuf,
    pub(crate) name: String,
    pub(crate) replaces: Replaces,
}

/// Which live deployment's blob may be replaced in a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Replaces {
    #[default]
    None,
    One(DeployId),
    Any,
}

impl BlobFile {
    /// The default name.
    pub(crate) const NAME: &str = "capy.blob";

    /// A file with the same path here and on the platform.
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), name: path.display().to_string(), replaces: Replaces::None }
    }

    /// A file of the default name in the top folder of what is deployed.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self { path: folder.join(Self::NAME), name: Self::NAME.into(), replaces: Replaces::None }
    }
}

impl BlobPlace {
    /// The place that the options `--split` and `--blob-file` choose.
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

    /// Allows the blob of a live deployment to be replaced in the file.
    pub(crate) fn replace(&mut self, which: Replaces) {
        if let Self::File(file) = self {
            file.replaces = which;
        }
    }
}

impl From<&Receipt> for BlobPlace {
    fn from(receipt: &Receipt) -> Self {
        match &receipt.blob_file {
            Some((path, name)) => {
                Self::File(BlobFile { path: path.clone(), name: name.clone(), replaces: Replaces::None })
            }
            None if receipt.split => Self::Split,
            None => Self::Variable,
        }
    }
}

impl PartialRequest {
    /// Completes the options with the defaults of the platform.
    ///
    /// # Errors
    ///
    /// [`Error::PlatformMissing`]; an error for a platform, an environment or a label that cannot
    /// be.
    pub(crate) fn complete(self) -> Result<DeployRequest> {
        let platform = platforms::find(self.platform.as_deref().ok_or(Error::PlatformMissing)?)?;
        let environment = platform.environment(self.environment.as_deref())?;
        Ok(DeployRequest {
            platform,
            label: label(self.label.as_deref())?.or_else(|| environment.clone()),
            environment,
            only: self.only,
            terms: self.terms,
            credential: self.credential,
            format: self.format,
            blob: self.blob,
        })
    }
}

/// Checks a label by the service's rules, so that nothing is registered with a label that the
/// service refuses. A blank label is none.
fn label(text: Option<&str>) -> Result<Option<String>> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if !is_label(text) {
        return Err(DeploymentFault::LabelMalformed.into());
    }
    Ok(Some(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use capy_protocol::limits::LABEL_MAX;

    use super::*;

    fn labelled(text: Option<&str>, platform: &str, environment: Option<&str>) -> Result<Option<String>> {
        let request = PartialRequest {
            platform: Some(platform.into()),
            environment: environment.map(str::to_owned),
            label: text.map(str::to_owned),
            ..PartialRequest::default()
        };
        Ok(request.complete()?.label)
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
