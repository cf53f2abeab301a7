//! Variables that the platform, or the system on it, sets in every program, whatever the user sets.
//!
//! This module warns if a variable of `.env` has the name of one of these. It refuses none, because
//! either value may be the intended one.

use serde::Deserialize;

use super::{Pattern, Platform};

/// Variables that the system, the shell or the image sets (POSIX, "Environment Variables"; Docker's
/// run reference), and `NODE_ENV`, which JavaScript's build tools set.
const EVERYWHERE: [&str; 9] =
    ["HOME", "HOSTNAME", "LOGNAME", "NODE_ENV", "PATH", "PWD", "SHELL", "TERM", "USER"];

/// A platform's own variables.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sets {
    /// Exact names, or prefixes that end in `*`.
    pub(super) names: Vec<String>,
    /// The page of the platform's documentation that lists them.
    pub(super) source: String,
    /// The year and month in which that page was read.
    pub(super) read: String,
}

impl Sets {
    fn has(&self, name: &str) -> bool {
        self.names.iter().any(|known| match known.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => known == name,
        })
    }
}

impl Platform {
    /// Which of these variables the platform, or the system there, sets itself, and whose value
    /// counts: one line for the platform and one for the system, as far as they set any.
    pub(crate) fn sets_itself<'a>(&self, names: impl Iterator<Item = &'a str>) -> Vec<String> {
        let is_own = |name: &&str| self.own_variables.as_ref().is_some_and(|sets| sets.has(name));
        let (own, others): (Vec<_>, Vec<_>) = names.partition(is_own);
        let everywhere: Vec<_> = others.into_iter().filter(|name| EVERYWHERE.contains(name)).collect();
        let whose = match self.pattern {
            Pattern::Build => {
                "the build gets your value and inlines it; code that reads it at run time gets the platform's value"
            }
            Pattern::Boot => "`capy run` gives the program your value, but the platform uses its own",
        };
        let source = self.own_variables.as_ref().map(|sets| format!(" ({}, {})", sets.source, sets.read));
        [
            (self.name.as_str(), source.unwrap_or_default(), own),
            ("the system there", String::new(), everywhere),
        ]
        .into_iter()
        .filter(|(_, _, names)| !names.is_empty())
        .map(|(who, source, names)| format!("{who} sets {} itself{source}: {whose}", names.join(", ")))
        .collect()
    }
}

/// A note on a variable of `.env` that nearly every system sets; `None` for any other variable.
pub(crate) fn note_everywhere(name: &str) -> Option<String> {
    EVERYWHERE.contains(&name).then(|| {
        format!(
            "systems set {name} themselves: `capy run` keeps their value unless you pass --override; a deployment uses yours"
        )
    })
}
