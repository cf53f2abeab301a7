//! Parses a scope as it is typed.

use capy_protocol::scope::Scope;

use crate::error::{Error, Result};
use crate::project::Project;

/// Parses a scope. `deploy` and `read` alone mean this folder's project.
pub(super) fn parse(text: &str) -> Result<Scope> {
    match text {
        "deploy" => Ok(Scope::Deploy(Project::find()?.id().clone())),
        "read" => Ok(Scope::Read(Project::find()?.id().clone())),
        _ => Scope::parse(text).map_err(|_| Error::ScopeMalformed { text: text.into() }),
    }
}
