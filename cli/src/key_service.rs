//! Which key service a command asks, and as whom.

use std::path::Path;

use capy_client::{Service, ServiceUrl};

use crate::error::{Error, Result};
use crate::local::Config;
use crate::project::Project;
use crate::settings::plain_http;

/// `--url`, else `CAPY_SERVICE_URL`, else the service of the project here.
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

/// The service of [`url`], with the API token of its login.
pub(crate) fn with_token(named: Option<&str>) -> Result<Service> {
    let url = url(named)?;
    let token = Config::find()?.token(&url)?;
    Ok(Service::new(url).with_token(token))
}
