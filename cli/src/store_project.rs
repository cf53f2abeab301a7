//! Projects of the service's store, found by name or id, and secrets in the form in which they are
//! sent there.

use std::path::Path;

use capy_client::Service;
use capy_protocol::api::SecretText;
use capy_protocol::api::projects::{NewSecret, ProjectDetail};
use capy_protocol::env_map::{EnvMap, SecretValue};
use capy_protocol::id::ProjectId;

use crate::env_file::open::{open_env_file, read_env_file, refuse_ambiguities};
use crate::env_file::text::PipeInput;
use crate::error::{Error, Result};
use crate::project::Project;
use crate::settings::deadline;

/// Prefix of project ids that were generated at random.
const DRAWN: &str = "prj_";

/// Finds a project by its id, or by its name among the projects that the API token may see. An id
/// with the prefix `prj_` is returned without asking the service.
///
/// # Errors
///
/// `ProjectUnknown`, and [`Error::ProjectAmbiguous`] if several projects have the name.
pub(crate) fn find(service: &Service, named: &str) -> Result<ProjectId> {
    if let Ok(id) = ProjectId::parse(named)
        && named.starts_with(DRAWN)
    {
        return Ok(id);
    }
    let projects = service.projects(deadline()?)?;
    if let Some(project) = projects.iter().find(|project| project.project_id.as_str() == named) {
        return Ok(project.project_id.clone());
    }
    let mut ids =
        projects.into_iter().filter(|project| project.name == named).map(|project| project.project_id);
    match (ids.next(), ids.next()) {
        (None, _) => Err(capy_client::Error::ProjectUnknown { url: service.url().clone() }.into()),
        (Some(id), None) => Ok(id),
        (Some(first), Some(second)) => {
            let all = [first, second].into_iter().chain(ids).map(|id| id.to_string()).collect();
            Err(Error::ProjectAmbiguous { name: named.into(), candidates: all })
        }
    }
}

/// Gets a project by its name or id, as the service shows it.
pub(crate) fn detail(service: &Service, named: &str) -> Result<ProjectDetail> {
    let id = find(service, named)?;
    Ok(service.project(&id, deadline()?)?)
}

/// Reads all variables of a `.env` file, and decrypts sealed ones. A file with an ambiguous line is
/// refused.
pub(crate) fn read(path: &Path) -> Result<EnvMap> {
    let file =
        read_env_file(path, PipeInput::Allow)?.ok_or_else(|| Error::NoEnvFile { path: path.into() })?;
    refuse_ambiguities(&file, path)?;
    open_env_file(&file, path, Project::find_if_any()?.as_ref())
}

/// The variables as they are sent to the service.
pub(crate) fn secrets(env: &EnvMap) -> Vec<NewSecret> {
    env.iter().map(|(name, value)| secret(name, value)).collect()
}

/// One variable as it is sent to the service.
pub(crate) fn secret(name: &str, value: &SecretValue) -> NewSecret {
    NewSecret { key: name.to_owned(), value: SecretText::from(value) }
}
