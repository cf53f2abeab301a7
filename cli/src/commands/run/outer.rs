//! A `capy run` inside of another one, as in `capy run -- npm run build` where the script of
//! `package.json` is `capy run -- next build`.
//!
//! The outer one opens the values and sets them; it hands on their names, and no credentials. The
//! inner one takes the values from its environment, without a key, a `.env` or the service, and
//! inlines them: it is beside the build, and its options are meant for that build. So values are
//! opened once and inlined once. The outer one still inlines what else its command builds, and if
//! it was told to.
//!
//! Values of a deployment are for everything inside, as its credentials would be. Values of `.env`
//! are for the same project only: an inner one with another `.env`, or whose `.env` has changed
//! since, opens that one, and its values replace those of the outer one.

use std::time::SystemTime;

use capy_protocol::env_map::{EnvMap, SecretValue};
use serde::{Deserialize, Serialize};

use super::inline::Origin;
use crate::cli::Run;
use crate::env_file::open::env_path;
use crate::error::{Error, Result};
use crate::names::{self, OUTER_RUN};
use crate::printer;
use crate::project::Project;

/// What the inner `capy run` is told, as JSON.
#[derive(Serialize, Deserialize)]
pub(super) struct OuterRun {
    names: Vec<String>,
    /// Those of the names that were not set, or not to this value, around the outermost `capy run`.
    opened: Vec<String>,
    /// `None` for a deployment's values.
    env_file: Option<ProjectEnvFile>,
}

/// The `.env` that `capy run` opens in a folder without further options.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct ProjectEnvFile {
    path: String,
    /// When it was last written, in nanoseconds since 1970; `None` if it does not exist.
    modified: Option<u64>,
}

/// The variables for a command that runs `capy run` itself: with the names of all of them.
pub(super) fn hand_on(env: &EnvMap, origin: Origin) -> Result<EnvMap> {
    let around = told();
    let mut handed = EnvMap::new();
    for (name, value) in env.iter().filter(|(name, _)| !names::is_reserved(name)) {
        handed.try_insert(name, value.clone()).map_err(|_| Error::ValueUnusable)?;
    }
    let is_opened = |(name, value): &(&str, &SecretValue)| {
        std::env::var_os(name).is_none_or(|set| set != value.expose_secret())
            || around.as_ref().is_some_and(|around| around.has_opened(name))
    };
    let outer = OuterRun {
        names: handed.names().map(str::to_owned).collect(),
        opened: handed.iter().filter(is_opened).map(|(name, _)| name.to_owned()).collect(),
        env_file: match origin {
            Origin::Deployment => None,
            Origin::EnvFile => Some(ProjectEnvFile::here(Project::find_if_any()?.as_ref())?),
        },
    };
    let text = serde_json::to_string(&outer).map_err(|_| Error::ValueUnusable)?;
    handed.try_insert(OUTER_RUN, SecretValue::new(text)).map_err(|_| Error::ValueUnusable)?;
    Ok(handed)
}

/// What an outer `capy run` says; `None` if there is none.
pub(super) fn told() -> Option<OuterRun> {
    serde_json::from_str(&std::env::var(OUTER_RUN).ok()?).ok()
}

impl OuterRun {
    /// Whether the outer `capy run` set this variable, and no one around it.
    pub(super) fn has_opened(&self, name: &str) -> bool {
        self.opened.iter().any(|opened| opened == name)
    }

    /// The variables that it has set; `None` if they are for another `.env` than the one that is to
    /// be opened here.
    pub(super) fn take_over(&self, arguments: &Run) -> Result<Option<(EnvMap, Origin)>> {
        let origin = match &self.env_file {
            None => Origin::Deployment,
            Some(_) if arguments.file.env_file.is_some() || arguments.override_existing => return Ok(None),
            Some(env_file) if env_file.is_for_here()? => Origin::EnvFile,
            Some(_) => return Ok(None),
        };
        let (mut env, mut lacking) = (EnvMap::new(), Vec::new());
        for name in self.names.iter().filter(|name| !names::is_reserved(name)) {
            match std::env::var(name) {
                Ok(value) => {
                    env.try_insert(name, SecretValue::new(value)).map_err(|_| Error::ValueUnusable)?;
                }
                Err(_) => lacking.push(name.as_str()),
            }
        }
        if !lacking.is_empty() {
            printer::note(&format!(
                "warning: something between the outer `capy run` and this one took these variables away, so \
                 they are not inlined: {}",
                lacking.join(", ")
            ));
        }
        Ok(Some((env, origin)))
    }
}

impl ProjectEnvFile {
    fn here(project: Option<&Project>) -> Result<Self> {
        let path = env_path(None, project);
        let path = std::path::absolute(&path).map_err(Error::file("find", &path))?;
        // The file may be missing, or be a link that a build replaces.
        let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
        let modified = path.metadata().and_then(|data| data.modified()).ok();
        let since = modified.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
        Ok(Self {
            path: folder.map_or(path, |folder| folder.join(".env")).to_string_lossy().into_owned(),
            modified: since.map(|since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)),
        })
    }

    /// Whether `capy run` opens the same file here, or finds nothing of its own.
    fn is_for_here(&self) -> Result<bool> {
        let project = Project::find_if_any()?;
        let own = Self::here(project.as_ref())?;
        Ok(match own.modified {
            Some(_) => own == *self,
            None => project.is_none() || own.path == self.path,
        })
    }
}
