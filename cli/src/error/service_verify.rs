//! Errors of `capy service verify`: a release that cannot be read, and calls to Cloudflare's API.

use std::io;
use std::path::PathBuf;

use capy_client::authorities::Unusable;

use super::exit;

/// Why a release cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReleaseFault {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is not a release of the key service: it has no wrangler.toml", path.display())]
    NoSettings { path: PathBuf },
    #[error("{} is not a release of the key service: {reason}", path.display())]
    Malformed { path: PathBuf, reason: String },
}

/// Why Cloudflare's API cannot be called, or what is wrong with its answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CloudflareFault {
    #[error("{0} is not set")]
    Unset(&'static str),
    #[error("{0} has an invalid value")]
    Malformed(&'static str),
    #[error(transparent)]
    Authorities(#[from] Unusable),
    #[error("{name:?} is not a Worker's name: a name has lower-case letters, digits, - and _")]
    Name { name: String },
    #[error("Cloudflare does not accept CLOUDFLARE_API_TOKEN for this account: {text}")]
    Unauthorized { text: String },
    #[error("the account has no deployed Worker {name}")]
    WorkerUnknown { name: String },
    #[error("Cloudflare refused: {text}")]
    Refused { text: String },
    #[error("Cloudflare did not answer: {0}")]
    Unreachable(#[source] Box<ureq::Error>),
    #[error("Cloudflare's answer is not what its API documents: {what}")]
    Protocol { what: &'static str },
    #[error("somebody deployed another version in the meantime")]
    Changed,
}

/// The hint for a token that is missing, or may not do what is asked.
const RIGHTS: &str = "set CLOUDFLARE_API_TOKEN to a token that may read Workers scripts of this account";

impl CloudflareFault {
    capy_client::error_codes! {
        pub(crate) fn facts;
        Self::Unset("CLOUDFLARE_ACCOUNT_ID") => ("CLOUDFLARE_NOT_SET_UP", exit::NOT_SET_UP,
            "set it to the account's id, which `npx wrangler whoami` shows"),
        Self::Unset(_) => ("CLOUDFLARE_NOT_SET_UP", exit::NOT_SET_UP, RIGHTS),
        Self::Malformed("CLOUDFLARE_API_BASE_URL") => ("CLOUDFLARE_SETTING_MALFORMED", exit::USAGE,
            "unset it: it is for tests only"),
        Self::Malformed(_) => ("CLOUDFLARE_SETTING_MALFORMED", exit::USAGE,
            "copy it again from Cloudflare's dashboard"),
        Self::Authorities(_) => ("CA_FILE_UNUSABLE", exit::USAGE, Unusable::HINT),
        Self::Name { .. } => ("WORKER_NAME_MALFORMED", exit::USAGE, "pass the Worker's name with --name"),
        Self::Unauthorized { .. } => ("CLOUDFLARE_UNAUTHORIZED", exit::UNAUTHORIZED, RIGHTS),
        Self::WorkerUnknown { .. } => ("WORKER_UNKNOWN", exit::WORKER_UNKNOWN,
            "pass the Worker's name with --name"),
        Self::Refused { .. } => ("CLOUDFLARE_REFUSED", exit::SERVICE_ERROR, "try again"),
        Self::Unreachable(_) => ("CLOUDFLARE_UNREACHABLE", exit::SERVICE_UNREACHABLE, "try again"),
        Self::Protocol { .. } => ("CLOUDFLARE_ERROR", exit::SERVICE_ERROR),
        Self::Changed => ("DEPLOYED_MEANWHILE", exit::SERVICE_ERROR, "try again"),
    }
}
