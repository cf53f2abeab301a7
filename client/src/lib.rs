//! The client library of `capy` and `capy-inline`: from credentials in the environment to decrypted
//! variables.
//!
//! It chooses the credentials, finds the service, calls it with retries and a deadline, and defines
//! the errors with their stable codes. It prints nothing but the progress bar of [`progress_bar`], and keeps
//! nothing on disk. Functions take the environment as a parameter: only [`open_from_process_env`]
//! reads credentials and settings from the process's own. Direct reads are `SSL_CERT_FILE` and
//! proxy variables for connections, and `TERM` for the bar. All calls block, without an async
//! runtime: both programs make one call and go on.

pub mod authorities;
mod credential_names;
mod credential_text;
pub mod credentials;
mod error;
mod error_codes;
pub mod exit;
pub mod github;
mod help_line;
mod http;
pub mod private_memory;
pub mod progress_bar;
pub mod project_file;
pub mod regular_file;
mod retry;
pub mod service;
pub mod service_url;
#[cfg_attr(windows, path = "signals/windows.rs")]
pub mod signals;
pub mod slow_calls;

use std::ffi::OsString;
use std::path::Path;

use capy_protocol::env_map::EnvMap;

pub use credentials::Credentials;
pub use error::Error;
pub use help_line::help_line;
pub use project_file::ProjectFile;
pub use project_file::service_url;
pub use retry::Deadline;
pub use service::Service;
pub use service_url::ServiceUrl;

/// Result with this crate's [`Error`].
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// The text of `--version` after the program's name: version, commit and target.
pub const VERSION: &str =
    concat!(env!("CARGO_PKG_VERSION"), " (", env!("CAPY_BUILT_FROM"), ", ", env!("CAPY_TARGET"), ")");

/// Decrypts the deployment's variables with the credentials in this process's environment.
///
/// `None` when no credential is set. The service is `CAPY_SERVICE_URL`, else the `service_url` of
/// the nearest `capy.toml` at or above `start_dir`; the deadline is `CAPY_TIMEOUT` seconds, else
/// 30.
///
/// # Errors
/// Every [`Error`] that is not about an API token.
pub fn open_from_process_env(start_dir: &Path) -> Result<Option<EnvMap>> {
    open_from_env(|name| std::env::var_os(name), start_dir)
}

/// The same as [`open_from_process_env`], with any environment.
///
/// # Errors
/// As [`open_from_process_env`].
pub fn open_from_env(lookup: impl Fn(&str) -> Option<OsString>, start_dir: &Path) -> Result<Option<EnvMap>> {
    let Some(credentials) = Credentials::from_env(&lookup)? else {
        return Ok(None);
    };
    let deadline = Deadline::from_env(&lookup)?;
    let service = Service::new(service_url(&lookup, start_dir)?);
    open(&credentials, &service, deadline).map(Some)
}

/// Decrypts the deployment's variables with the help of `service`.
///
/// # Errors
/// Those of [`Service::decrypt`], then those of [`Credentials::open`].
pub fn open(credentials: &Credentials, service: &Service, deadline: Deadline) -> Result<EnvMap> {
    let answer = service.decrypt(credentials, deadline)?;
    credentials.open(&answer, service.url())
}

/// The text of a variable; `None` if the variable is unset, empty or blank, because platforms keep
/// emptied variables.
pub(crate) fn text_of(
    lookup: impl Fn(&str) -> Option<OsString>,
    name: &'static str,
) -> Result<Option<String>> {
    match lookup(name).map(OsString::into_string) {
        None => Ok(None),
        Some(Ok(text)) if text.trim().is_empty() => Ok(None),
        Some(Ok(text)) => Ok(Some(text)),
        Some(Err(_)) => Err(Error::VariableNotUnicode { variable: name }),
    }
}
