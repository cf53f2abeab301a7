//! Requests of the setup page, as JSON.

use std::num::NonZeroU64;

use capy_protocol::api::Credential;
use capy_protocol::blob::Format;
use capy_protocol::id::DeployId;
use serde::{Deserialize, Serialize};

/// What the user chose so far.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Choice {
    pub(crate) platform: String,
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
