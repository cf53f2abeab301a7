//! The key service that a command calls, and the API token for it.

use std::path::Path;

use capy_client::{Service, ServiceUrl};

use crate::error::{Error, Result};
use crate::local::Config;
use crate::project::Project;
use crate::settings::plain_http;

/// The URL of the service: `--url`, else `CAPY_SERVICE_URL`, else that of the current folder's
/// project.
pub(crate) fn url(named: Option<&str>) -> Result<ServiceUrl> {
    match named {
        Some(text) => Ok(ServiceUrl::parse(text, "--url", plain_http())?),
        None => match Project::find_if_any()? {
            Some(project) => project.service_url(),
            None => {
                capy_client::service_url(|name| std::env::var_os(name), Path::new(".")).map_err(|error| {
                    match error {
                        capy_client::Error::ServiceUrlMissing => Error::WhichService { known: Vec::new() },
                        other => other.into(),
                    }
                })
            }
        },
    }
}

/// A client for the service of [`url`], with its API token.
pub(crate) fn with_token(named: Option<&str>) -> Result<Service> {
    let url = url(named)?;
    let token = Config::find()?.token(&url)?;
    Ok(Service::new(url).with_token(token))
}
