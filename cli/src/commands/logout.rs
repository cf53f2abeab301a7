//! `capy logout`: deletes an API token from this machine. The service still accepts the token from
//! anybody else who has it.

use crate::cli::Logout;
use crate::error::{Error, Result};
use crate::key_service;
use crate::local::Config;
use crate::printer;

pub(super) fn run(arguments: &Logout) -> Result<()> {
    let url = key_service::url(arguments.url.as_deref())?;
    if !Config::find()?.remove_login(&url)? {
        return Err(Error::NotLoggedIn { url });
    }
    printer::note(&format!("logged out of {url}"));
    Ok(())
}
