//! `capy login` and `capy logout`: the API token of a key service on this machine, readable for
//! this user alone.

use std::io::{self, IsTerminal};

use capy_client::service::ApiToken;
use capy_client::{Service, ServiceUrl};
use capy_protocol::api::tokens::Bearer;
use capy_protocol::scope::Scope;

use crate::cli::{Login, Logout};
use crate::error::{Error, Result};
use crate::input;
use crate::key_service;
use crate::local::Config;
use crate::printer::{self, shown, time};
use crate::project::Project;
use crate::settings::{self, deadline};

/// Checks an API token with the service, and stores it.
pub(super) fn login(arguments: &Login) -> Result<()> {
    let config = Config::find()?;
    let url = key_service::url(arguments.url.as_deref())?;
    if arguments.url.is_none() && !settings::service_url_is_set() {
        confirm(&url, &config)?;
    }
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

/// Deletes an API token from this machine. The service still accepts the token from anybody else
/// who has it.
pub(super) fn logout(arguments: &Logout) -> Result<()> {
    let url = key_service::url(arguments.url.as_deref())?;
    if !Config::find()?.remove_login(&url)? {
        return Err(Error::NotLoggedIn { url });
    }
    printer::note(&format!("logged out of {url}"));
    Ok(())
}

/// Confirms an address that only `capy.toml` names: it may belong to a stranger who wrote the
/// repository that was pulled. A token from a pipe is never sent there, and at a terminal the user
/// is asked about an address that no login knows.
fn confirm(url: &ServiceUrl, config: &Config) -> Result<()> {
    let path = Project::find()?.file_path();
    let unconfirmed = || Error::ServiceUnconfirmed { url: url.clone(), path: path.clone() };
    if !io::stdin().is_terminal() {
        return Err(unconfirmed());
    }
    if config.services()?.iter().any(|known| known == url.as_str()) {
        return Ok(());
    }
    let question = format!(
        "{} names the key service {url}, to which nobody logged in on this machine.\nSend an API token there?",
        path.display()
    );
    input::confirm(&question, false).map_err(|error| match error {
        Error::NotConfirmed => unconfirmed(),
        other => other,
    })
}

fn describe(url: &ServiceUrl, bearer: &Bearer) -> String {
    let scopes: Vec<_> = bearer.scopes.iter().map(Scope::to_string).collect();
    let end = bearer.expires_at.map(|at| format!(", until {}", time(at))).unwrap_or_default();
    format!("logged in to {url} as {} ({}){end}", shown(Some(&bearer.actor)), scopes.join(", "))
}
