//! Settings from environment variables that hold for every command.

use std::env;

use capy_client::Deadline;
use capy_client::service_url::PlainHttp;

use crate::error::Result;

/// Whether plain HTTP to another machine is allowed.
pub(crate) fn plain_http() -> PlainHttp {
    PlainHttp::from_env(|name| std::env::var_os(name))
}

/// The deadline of a command's calls to the service.
pub(crate) fn deadline() -> Result<Deadline> {
    Ok(Deadline::from_env(|name| std::env::var_os(name))?)
}

/// Whether the user, and not a file of the repository, chooses the key service.
pub(crate) fn service_url_is_set() -> bool {
    is_set("CAPY_SERVICE_URL")
}

/// Whether a variable is set; blank counts as unset.
pub(crate) fn is_set(name: &str) -> bool {
    env::var_os(name).is_some_and(|text| !text.to_string_lossy().trim().is_empty())
}
