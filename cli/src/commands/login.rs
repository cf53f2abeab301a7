//! `capy login`: checks an API token against the service and keeps it, readable for this user alone.

use std::path::Path;

use capy_client::service::ApiToken;
use capy_client::{Service, ServiceUrl};
use capy_protocol::api::tokens::Bearer;
use capy_protocol::scope::Scope;

use crate::cli::Login;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::project::{Project, deadline, plain_http};
use crate::table::{shown, time};
use crate::{input, printer};

pub(super) fn run(arguments: &Login) -> Result<()> {
    let url = service_url(arguments.url.as_deref())?;
    let config = Config::find()?;
    let typed = input::secret(&format!("API token for {url}: "))?;
    let token = ApiToken::parse(&typed).ok_or(Error::NothingTyped)?;
    if token.is_mistyped() {
        return Err(Error::TokenMistyped);
    }
    let service = Service::new(url).with_token(token.clone());
    let bearer = service.bearer(deadline()?)?;
    let path = config.save_login(service.url(), &token)?;
    printer::note(&describe(service.url(), &bearer));
    printer::note(&format!("the token is in {}", path.display()));
    Ok(())
}

fn describe(url: &ServiceUrl, bearer: &Bearer) -> String {
    let scopes: Vec<_> = bearer.scopes.iter().map(Scope::to_string).collect();
    let end = bearer.expires_at.map(|at| format!(", until {}", time(at))).unwrap_or_default();
    format!("logged in to {url} as {} ({}){end}", shown(Some(&bearer.actor)), scopes.join(", "))
}

/// `--url`, else `CAPY_SERVICE_URL`, else the service of the project here.
pub(super) fn service_url(named: Option<&str>) -> Result<ServiceUrl> {
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
