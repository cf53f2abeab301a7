//! `capy login`: checks an API token against the service and keeps it, readable for this user alone.

use capy_client::service::ApiToken;
use capy_client::{Service, ServiceUrl};
use capy_protocol::id::ProjectId;

use crate::cli::Login;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::project::{Project, deadline, plain_http};
use crate::{input, printer};

pub(super) fn run(arguments: &Login) -> Result<()> {
    let url = service_url(arguments.url.as_deref())?;
    let config = Config::find()?;
    let typed = input::secret(&format!("API token for {url}: "))?;
    let token = ApiToken::parse(&typed).ok_or(Error::NothingTyped)?;
    check(&url, &typed)?;
    let path = config.save_login(&url, &token)?;
    printer::note(&format!("logged in to {url}; the token is in {}", path.display()));
    Ok(())
}

/// `--url`, else the service of the project here.
pub(super) fn service_url(named: Option<&str>) -> Result<ServiceUrl> {
    match named {
        Some(text) => Ok(ServiceUrl::parse(text, "--url", plain_http())?),
        None => match Project::find_if_any()? {
            Some(project) => project.service_url(),
            None => Err(Error::WhichService { known: Vec::new() }),
        },
    }
}

/// Asks for the deployments of a project that nobody has: nothing comes back, but a wrong token is refused.
fn check(url: &ServiceUrl, typed: &str) -> Result<()> {
    let token = ApiToken::parse(typed).ok_or(Error::NothingTyped)?;
    let nobodys = ProjectId::parse("login-check").expect("a valid id");
    let service = Service::new(url.clone()).with_token(token);
    service.list(&nobodys, deadline()?)?;
    Ok(())
}
