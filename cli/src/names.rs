//! What a variable's name says: whether it can be set, whether it is capy's own.

pub(crate) use capy_protocol::variable_name::is_public;

use crate::error::{Error, Result};

/// Whether the name is one that a child process never sees: credentials and capy's own settings.
pub(crate) fn is_reserved(name: &str) -> bool {
    capy_client::credentials::is_credential(name) || name.starts_with("CAPY_") || name.starts_with("_CAPY_")
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
