//! What the user chooses on the setup page, as JSON.

use std::num::NonZeroU64;

use capy_protocol::api::Credential;
use capy_protocol::blob::Format;
use capy_protocol::id::DeployId;
use serde::{Deserialize, Serialize};

use crate::deployment::{BlobPlace, PartialRequest};

/// What the user chose on the page; to begin with, the options of the command line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Choice {
    pub(crate) platform: Option<String>,
    pub(crate) environment: Option<String>,
    pub(crate) only: Option<Vec<String>>,
    pub(crate) label: Option<String>,
    #[serde(default)]
    pub(crate) credential: Credential,
    #[serde(default)]
    pub(crate) format: Format,
    #[serde(default)]
    pub(crate) blob: Blob,
    /// The blob's file may replace the blob of a live deployment.
    #[serde(default)]
    pub(crate) replace: bool,
    /// A time such as `90d`.
    pub(crate) expires: Option<String>,
    pub(crate) max_uses: Option<NonZeroU64>,
}

impl From<PartialRequest> for Choice {
    fn from(request: PartialRequest) -> Self {
        Self {
            platform: request.platform,
            environment: request.environment,
            only: request.only,
            label: request.label,
            credential: request.credential,
            format: request.format,
            blob: match request.blob {
                BlobPlace::Variable => Blob::Variable,
                BlobPlace::Split => Blob::Split,
                BlobPlace::File(_) => Blob::File,
            },
            replace: false,
            expires: request.terms.expires.map(|time| humantime::format_duration(time).to_string()),
            max_uses: request.terms.max_uses.and_then(NonZeroU64::new),
        }
    }
}

/// Where the blob goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Blob {
    #[default]
    Variable,
    Split,
    File,
}

/// One deployment, or one of its variables.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Selection {
    pub(crate) deploy_id: DeployId,
    #[serde(default)]
    pub(crate) name: String,
}

/// One deployment, and the project that it is pushed to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PushTo {
    pub(crate) deploy_id: DeployId,
    pub(crate) project: Option<String>,
}
