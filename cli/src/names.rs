//! Checks of variable names: whether a name can be set, and whether it is reserved for capy.

use std::borrow::Cow;

pub(crate) use capy_protocol::variable_name::is_public;

use crate::error::{Error, Result};

/// The variable by which a `capy run` tells one inside of its command which variables it has set,
/// and from which `.env`.
pub(crate) const OUTER_RUN: &str = "_CAPY_OUTER_RUN";

/// Whether the name is reserved, so that a child process never gets the variable: credentials and
/// capy's own settings.
pub(crate) fn is_reserved(name: &str) -> bool {
    let name = &*as_the_system_takes_it(name);
    capy_client::credentials::is_credential(name) || name.starts_with("CAPY_") || name.starts_with("_CAPY_")
}

/// The name in the form in which the system compares names. Case does not matter on Windows:
/// `capy_token` is `CAPY_TOKEN` there.
fn as_the_system_takes_it(name: &str) -> Cow<'_, str> {
    if cfg!(windows) { name.to_ascii_uppercase().into() } else { name.into() }
}

/// Whether every reader of a `.env` accepts the name: dotenv takes `[\w.-]+`, and JavaScript loses
/// `__proto__`, which its objects have themselves.
pub(crate) fn is_read_alike(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    !name.is_empty() && name.chars().all(good) && name != "__proto__"
}

/// Whether a shell passes the variable on to programs: POSIX, section 3.216, "Name". `dash` drops
/// any other.
pub(crate) fn is_kept_by_shells(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(good)
}

/// Checks a name that is to be set: letters, digits and `_`, no digit first, not reserved for capy.
pub(crate) fn check(name: &str) -> Result<()> {
    if let Some((name, _)) = name.split_once('=') {
        return Err(Error::NameIsAssignment { name: name.into() });
    }
    if !is_kept_by_shells(name) {
        return Err(Error::NameMalformed { name: name.into() });
    }
    if is_reserved(name) {
        return Err(Error::NameReserved { name: name.into() });
    }
    Ok(())
}
