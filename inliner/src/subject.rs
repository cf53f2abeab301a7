//! Which variables are inlined, and what their functions are called.
//!
//! Owns the names that are never touched, and the mapping from a variable's name to an identifier: two variables
//! never share one. It refuses to know a value.

use std::fmt::Write as _;
use std::sync::LazyLock;

use capy_protocol::env_map::EnvMap;
use rustc_hash::FxHashSet;
use sha2::{Digest, Sha256};

use crate::reads::{Object, Wanted};

/// The names that Next.js sets or reads itself; the file says where they are from.
static NEXT: LazyLock<FxHashSet<&str>> = LazyLock::new(|| {
    let lines = include_str!("subject/next.txt").lines();
    lines.filter(|line| !line.starts_with('#')).collect()
});
/// Words that cannot be a property of an object literal like any other, or that every object has.
const NEVER: [&str; 4] = ["NODE_ENV", "__proto__", "constructor", "hasOwnProperty"];

/// Whether reads of this name are never replaced: the framework decides it while it builds and starts. A name that only
/// begins like those is the program's own.
pub(crate) fn is_left_alone(name: &str) -> bool {
    name.is_empty() || NEVER.contains(&name) || NEXT.contains(name)
}

/// The names to look for.
#[derive(Debug)]
pub(crate) struct Subjects(FxHashSet<String>);

impl Subjects {
    pub(crate) fn of(values: &EnvMap) -> Self {
        Self(values.names().filter(|name| !is_left_alone(name)).map(str::to_owned).collect())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl Wanted for Subjects {
    fn is_wanted(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    fn all(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        Box::new(self.iter())
    }
}

/// The function that returns a variable's value: `prefix`, then the name with everything but `[A-Za-z0-9_]` as `$hex$`.
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

/// The function that returns an object with these variables. Scripts may share one global scope, so that the name
/// depends on all that the body depends on.
pub(crate) fn object_name(prefix: &str, of: Object, variables: &[String]) -> String {
    let kind = match of {
        Object::Env => "env",
        Object::Process => "process",
    };
    let digest = Sha256::digest(variables.join("\0"));
    // A variable's function has no `$` but in pairs.
    let tag: String = digest.iter().take(5).map(|byte| format!("{byte:02x}")).collect();
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
