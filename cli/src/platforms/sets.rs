//! What is in a program's environment whatever anybody sets: by the platform, or by the system below it.
//!
//! Owns the words for a variable that meets one of these. It refuses none: either value may be meant.

use serde::Deserialize;

use super::{Pattern, Platform};

/// The system, the shell or the image sets these (POSIX, "Environment Variables"; Docker's run reference), and
/// JavaScript's build tools `NODE_ENV`.
const EVERYWHERE: [&str; 9] =
    ["HOME", "HOSTNAME", "LOGNAME", "NODE_ENV", "PATH", "PWD", "SHELL", "TERM", "USER"];

/// A platform's own variables.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sets {
    /// Whole names, or beginnings that end in `*`.
    pub(super) names: Vec<String>,
    /// The page of its documentation that says so.
    pub(super) source: String,
    /// The year and month of the reading.
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
    /// Which of these variables it, or the system there, sets itself, and whose value counts: a line for each of the
    /// two.
    pub(crate) fn sets_itself<'a>(&self, names: impl Iterator<Item = &'a str>) -> Vec<String> {
        let is_own = |name: &&str| self.own_variables.as_ref().is_some_and(|sets| sets.has(name));
        let (own, others): (Vec<_>, Vec<_>) = names.partition(is_own);
        let everywhere: Vec<_> = others.into_iter().filter(|name| EVERYWHERE.contains(name)).collect();
        let whose = match self.pattern {
            Pattern::Build => {
                "the build gets your value and bakes it in; what reads it only when the program runs gets the value that is set there"
            }
            Pattern::Boot => "`capy run` gives the program your value, and the platform goes by its own",
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

/// What to know of a variable of `.env` that nearly every system sets.
pub(crate) fn note_everywhere(name: &str) -> Option<String> {
    EVERYWHERE.contains(&name).then(|| {
        format!(
            "systems set {name} themselves: with `capy run` their value counts, unless --override says otherwise; from a deployment this one does"
        )
    })
}
