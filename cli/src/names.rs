//! What a variable's name says: whether it can be set, whether it is capy's own, whether it is public.

use crate::error::{Error, Result};

/// Frameworks build variables with these prefixes into what every visitor can read.
const PUBLIC_PREFIXES: [&str; 9] = [
    "NEXT_PUBLIC_",
    "VITE_",
    "PUBLIC_",
    "REACT_APP_",
    "NUXT_PUBLIC_",
    "GATSBY_",
    "EXPO_PUBLIC_",
    "VUE_APP_",
    "STORYBOOK_",
];

/// Whether the name is one that a child process never sees: credentials and capy's own settings.
pub(crate) fn is_reserved(name: &str) -> bool {
    capy_client::credentials::is_credential(name) || name.starts_with("CAPY_") || name.starts_with("_CAPY_")
}

/// Whether a framework publishes the variable's value.
pub(crate) fn is_public(name: &str) -> bool {
    PUBLIC_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Checks a name that is to be set: letters, digits and `_`, not a digit first, not capy's own.
pub(crate) fn check(name: &str) -> Result<()> {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(good) {
        return Err(Error::NameMalformed { name: name.into() });
    }
    if is_reserved(name) {
        return Err(Error::NameReserved { name: name.into() });
    }
    Ok(())
}
