//! Projects of the service's store as a person names them, and secrets on their way there.

use std::path::Path;

use capy_client::Service;
use capy_protocol::api::SecretText;
use capy_protocol::api::projects::{NewSecret, ProjectDetail};
use capy_protocol::env_map::{EnvMap, SecretValue};
use capy_protocol::id::ProjectId;

use crate::env_file::open::{open_env_file, read_env_file, refuse_doubts};
use crate::env_file::text::Pipes;
use crate::error::{Error, Result};
use crate::project::Project;
use crate::settings::deadline;

/// What ids begin with that were drawn.
const DRAWN: &str = "prj_";

/// The project with this id, else the only one of this name that the API token may see.
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

/// The project of this name or id, as the service shows it.
pub(crate) fn detail(service: &Service, named: &str) -> Result<ProjectDetail> {
    let id = find(service, named)?;
    Ok(service.project(&id, deadline()?)?)
}

/// All variables of a `.env` file, sealed ones opened. A file with a line that may be meant otherwise is refused.
pub(crate) fn read(path: &Path) -> Result<EnvMap> {
    let file = read_env_file(path, Pipes::Read)?.ok_or_else(|| Error::NoEnvFile { path: path.into() })?;
    refuse_doubts(&file, path)?;
    open_env_file(&file, path, Project::find_if_any()?.as_ref())
}

/// As they are sent.
pub(crate) fn secrets(env: &EnvMap) -> Vec<NewSecret> {
    env.iter().map(|(name, value)| secret(name, value)).collect()
}

/// As it is sent.
pub(crate) fn secret(name: &str, value: &SecretValue) -> NewSecret {
    NewSecret { key: name.to_owned(), value: SecretText::from(value) }
}
