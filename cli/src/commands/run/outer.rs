//! A `capy run` inside of another one, as in `capy run -- npm run build` where the script of
//! `package.json` is `capy run -- next build`.
//!
//! The outer one opens the values and sets them; it hands on their names, and no credentials. The
//! inner one takes the values from its environment, without a key, a `.env` or the service, and
//! inlines them: it is beside the build, and its options are meant for that build. So values are
//! opened once and inlined once. The outer one still inlines what else its command builds, and if
//! it was told to.

use capy_protocol::env_map::{EnvMap, SecretValue};

use super::inline::Origin;
use crate::cli::Run;
use crate::error::{Error, Result};
use crate::names::{self, OUTER_RUN};

/// The variables for a command that runs `capy run` itself: with the names of all of them.
pub(super) fn hand_on(env: &EnvMap, origin: Origin) -> Result<EnvMap> {
    let mut handed = EnvMap::new();
    let mut names = match origin {
        Origin::Deployment => "deployment",
        Origin::EnvFile => "env-file",
    }
    .to_owned();
    for (name, value) in env.iter().filter(|(name, _)| !names::is_reserved(name)) {
        handed.try_insert(name, value.clone()).map_err(|_| Error::ValueUnusable)?;
        names.push(' ');
        names.push_str(name);
    }
    handed.try_insert(OUTER_RUN, SecretValue::new(names)).map_err(|_| Error::ValueUnusable)?;
    Ok(handed)
}

/// The variables that an outer `capy run` has set; `None` if there is none, or the user names a
/// `.env`.
pub(super) fn take_over(arguments: &Run) -> Result<Option<(EnvMap, Origin)>> {
    if arguments.file.env_file.is_some() || arguments.override_existing {
        return Ok(None);
    }
    let Ok(told) = std::env::var(OUTER_RUN) else { return Ok(None) };
    let mut words = told.split(' ');
    let origin = match words.next() {
        Some("deployment") => Origin::Deployment,
        Some("env-file") => Origin::EnvFile,
        _ => return Ok(None),
    };
    let mut env = EnvMap::new();
    for name in words.filter(|name| !names::is_reserved(name)) {
        // A variable that something in between took away, or that is not UTF-8, cannot be inlined.
        if let Ok(value) = std::env::var(name) {
            env.try_insert(name, SecretValue::new(value)).map_err(|_| Error::ValueUnusable)?;
        }
    }
    Ok(Some((env, origin)))
}
