//! A scope, as it is typed.

use capy_protocol::scope::Scope;

use crate::error::{Error, Result};
use crate::project::Project;

/// `deploy` and `read` alone mean the project here.
pub(super) fn parse(text: &str) -> Result<Scope> {
    match text {
        "deploy" => Ok(Scope::Deploy(Project::find()?.id().clone())),
        "read" => Ok(Scope::Read(Project::find()?.id().clone())),
        _ => Scope::parse(text).map_err(|_| Error::ScopeMalformed { text: text.into() }),
    }
}
