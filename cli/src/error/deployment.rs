//! Errors of making, pushing, checking and rotating a deployment, and limits that it exceeds.

use std::fmt;
use std::path::PathBuf;

use capy_client::ServiceUrl;
use capy_protocol::limits::LABEL_MAX;
use serde::Serialize;

use super::exit;

/// Why work on a deployment stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("a label has at most {LABEL_MAX} characters, and no control characters")]
    LabelMalformed,
    #[error("the file {} holds the blob of deployment {short}, which is live", path.display())]
    BlobFileInUse { path: PathBuf, short: String },
    #[error("the file {} exists, and what it holds is no blob", path.display())]
    BlobFileTaken { path: PathBuf },
    #[error("deployment {short} is live, and what is inside is not known here: another machine made it")]
    ContentsUnknown { short: String },
    #[error("another machine made deployment {short}: its environment and its variables are not known here")]
    SuccessorUnknown { short: String },
    #[error("{program} has no option that names a project")]
    ProjectUnsupported { program: String },
    #[error("{}", push_incomplete(platform, unset, unknown))]
    PushIncomplete {
        platform: String,
        unset: Vec<&'static str>,
        unknown: Vec<&'static str>,
        live: Option<String>,
    },
    #[error("{platform} still holds {} of another deployment: with both, nothing would open", names.join(", "))]
    PushLeftOver { platform: String, names: Vec<&'static str>, removals: Vec<String> },
    #[error("{platform} is not pushed to: {why}")]
    PushUnsupported { platform: String, why: String },
    #[error("the platform asks {there}, and this project's deployments are made at {here}")]
    OtherService { there: ServiceUrl, here: ServiceUrl },
}

impl Fault {
    capy_client::error_codes! {
        pub(crate) fn facts;
        Self::LabelMalformed => ("LABEL_MALFORMED", exit::USAGE, "shorten it"),
        Self::BlobFileInUse { short, .. } => ("BLOB_FILE_IN_USE", exit::FAILED,
            format!(
                "name another file, `capy deploy revoke {short}` first, or pass --yes to replace the blob"
            )),
        Self::BlobFileTaken { .. } => ("BLOB_FILE_TAKEN", exit::FAILED, "name another file with --blob-file"),
        Self::ContentsUnknown { .. } => ("CONTENTS_UNKNOWN", exit::FAILED,
            "check it where it was made, or pass --open to look inside, which takes a use"),
        Self::SuccessorUnknown { .. } => ("SUCCESSOR_UNKNOWN", exit::USAGE,
            "pass --environment NAME, and --only NAMES or --all"),
        Self::ProjectUnsupported { .. } => ("PROJECT_UNSUPPORTED", exit::USAGE,
            "leave --project away, and run this in a folder that is linked to the project"),
        Self::PushIncomplete { live: None, .. } => ("PUSH_INCOMPLETE", exit::FAILED,
            "repair what it complains of and run the same again: it sets all of them anew"),
        Self::PushIncomplete { live: Some(short), .. } => ("PUSH_INCOMPLETE", exit::FAILED,
            format!(
                "repair what it complains of and run the same again: it makes a new deployment; \
                 then `capy deploy revoke {short}`"
            )),
        Self::PushLeftOver { removals, .. } => ("PUSH_LEFT_OVER", exit::FAILED,
            format!("remove them: {}", removals.join("; "))),
        Self::PushUnsupported { .. } => ("PUSH_UNSUPPORTED", exit::USAGE,
            "set the variables by hand: --print shows them and the steps"),
        Self::OtherService { here, .. } => ("OTHER_SERVICE", exit::FAILED,
            format!("set CAPY_SERVICE_URL to {here} there")),
    }
}

fn push_incomplete(platform: &str, unset: &[&str], unknown: &[&str]) -> String {
    let unset =
        (!unset.is_empty()).then(|| format!("not everything was set on {platform}: {}", unset.join(", ")));
    let unknown = (!unknown.is_empty())
        .then(|| format!("it is not known whether {platform} holds {}", unknown.join(", ")));
    [unset, unknown].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// A size limit of a platform that the variables exceed, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LimitExceeded {
    /// The value of one variable is too long.
    Value { name: String, bytes: usize, limit: usize },
    /// All variables together are too large.
    Total { bytes: usize, limit: usize },
}

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value { name, bytes, limit } => {
                write!(f, "{name} has {bytes} bytes, {limit} are allowed in one variable")
            }
            Self::Total { bytes, limit } => {
                write!(f, "the variables have {bytes} bytes, {limit} are allowed in all of them together")
            }
        }
    }
}

/// Which other places for the blob would fit the platform: several variables, or a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Alternatives {
    pub(crate) split: bool,
    pub(crate) file: bool,
}

impl Alternatives {
    /// The hint of the command line, as one sentence.
    pub(crate) fn hint(self) -> &'static str {
        match (self.split, self.file) {
            (true, true) => {
                "deploy fewer variables with --only, split the blob with --split, or keep it beside the code with --blob-file capy.blob"
            }
            (true, false) => "deploy fewer variables with --only, or split the blob with --split",
            (false, true) => {
                "deploy fewer variables with --only, or keep the blob beside the code with --blob-file capy.blob"
            }
            (false, false) => "deploy fewer variables with --only",
        }
    }
}
