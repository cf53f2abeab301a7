//! The environment that a program inherits.

use std::process::Command;

/// Takes the variables with certain names out of the environment that a program inherits.
pub(crate) fn remove_variables(command: &mut Command, is_removed: impl Fn(&str) -> bool) {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(&is_removed) {
            command.env_remove(name);
        }
    }
}
