//! Which variables are inlined, and the names of their functions.
//!
//! Lists names that are never touched, and maps a variable's name to an identifier, without
//! collisions. Values are not used here.

use std::fmt::Write as _;
use std::sync::LazyLock;

use capy_protocol::env_map::EnvMap;
use capy_protocol::variable_name::is_object_property;
use rustc_hash::FxHashSet;

use crate::digest::short_digest;
use crate::reads::{Object, Wanted};

/// The names that Next.js sets or reads itself; the file lists their sources.
static NEXT_VARIABLES: LazyLock<FxHashSet<&str>> = LazyLock::new(|| {
    let lines = include_str!("variables/next.txt").lines();
    lines.filter(|line| !line.starts_with('#')).collect()
});
/// Names that are never inlined, besides properties of every object that are a use of the whole
/// environment.
const NEVER_INLINED: [&str; 2] = ["NODE_ENV", "constructor"];

/// Whether reads of this name are never replaced, because the framework sets it at build or start
/// time. A name that merely begins like one of these belongs to the program.
pub(crate) fn is_left_alone(name: &str) -> bool {
    name.is_empty()
        || is_object_property(name)
        || NEVER_INLINED.contains(&name)
        || NEXT_VARIABLES.contains(name)
}

/// The names to look for.
#[derive(Debug)]
pub(crate) struct InlinedVariables(FxHashSet<String>);

impl InlinedVariables {
    pub(crate) fn of(values: &EnvMap) -> Self {
        Self(values.names().filter(|name| !is_left_alone(name)).map(str::to_owned).collect())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl Wanted for InlinedVariables {
    fn is_wanted(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    fn all(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        Box::new(self.iter())
    }
}

/// The name of the function that returns a variable's value: `prefix`, then the name with every
/// character outside `[A-Za-z0-9_]` as `$hex$`.
pub(crate) fn function_name(prefix: &str, variable: &str) -> String {
    let mut name = prefix.to_owned();
    for letter in variable.chars() {
        if letter.is_ascii_alphanumeric() || letter == '_' {
            name.push(letter);
        } else {
            let _ = write!(name, "${:x}$", u32::from(letter));
        }
    }
    name
}

/// How many bytes of a digest tell functions apart that share one scope.
pub(crate) const TAG_LENGTH: usize = 5;

/// The name of the function that returns an object with these variables. Scripts may share one
/// global scope, so the name depends on everything that the body depends on.
pub(crate) fn object_name(prefix: &str, of: Object, variables: &[String]) -> String {
    let kind = match of {
        Object::Env => "env",
        Object::Process => "process",
    };
    // No collision with a variable's function, whose name has `$` only in pairs.
    let tag = short_digest(variables.join("\0"), TAG_LENGTH);
    format!("{prefix}${kind}_{tag}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_variables_never_share_a_function() {
        let names = ["A-B", "A_B", "A$B", "A2dB", "A$2d$B", "Ä", "A B"];
        let functions: FxHashSet<String> = names.iter().map(|name| function_name("__capy_", name)).collect();
        assert_eq!(functions.len(), names.len());
    }

    #[test]
    fn only_the_frameworks_own_names_are_left_alone() {
        for name in
            ["NODE_ENV", "NEXT_RUNTIME", "NEXT_DEPLOYMENT_ID", "__NEXT_PRIVATE_ORIGIN", "NEXT_SWC_PATH"]
        {
            assert!(is_left_alone(name), "{name}");
        }
        for name in
            ["NEXTAUTH_SECRET", "NEXT_CMS_TOKEN", "__NEXT_ID", "NEXT_PUBLIC_X", "VITE_X", "NUXT_X", "#"]
        {
            assert!(!is_left_alone(name), "{name}");
        }
    }
}
