//! The variables that carry a deployment's credentials.

use std::ffi::OsString;

/// The variables of a pair: the blob, or the file that holds it, and the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Names {
    /// Holds the blob.
    pub blob: &'static str,
    /// Hold the rest of a blob that was split, in order.
    pub more: &'static [&'static str],
    /// What errors call them all: a part may be left over from an older deployment.
    pub joined: &'static str,
    /// Names the file that holds the blob, in place of the variable.
    pub blob_file: &'static str,
    /// Holds the key.
    pub key: &'static str,
}

impl Names {
    /// The default pair.
    pub const PROJECT_KEY: Self = Self {
        blob: "SECRETS_BLOB",
        more: &MORE,
        joined: "SECRETS_BLOB, joined with its numbered parts,",
        blob_file: "SECRETS_BLOB_FILE",
        key: "PROJECT_KEY",
    };
    /// The pair of `--credential deploy-key`.
    pub const DEPLOY_KEY: Self = Self {
        blob: "_CAPY_SECRETS_BLOB",
        more: &CAPY_MORE,
        joined: "_CAPY_SECRETS_BLOB, joined with its numbered parts,",
        blob_file: "_CAPY_SECRETS_BLOB_FILE",
        key: "_CAPY_DEPLOY_KEY",
    };
}

/// `SECRETS_BLOB_2` and on, with whatever stands before it.
macro_rules! numbered {
    ($name:literal, $($number:literal)*) => { [$(concat!($name, "_", $number)),*] };
}
pub(crate) const MORE: [&str; 15] = numbered!("SECRETS_BLOB", 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16);
const CAPY_MORE: [&str; 15] = numbered!("_CAPY_SECRETS_BLOB", 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16);

/// Whether a variable is part of a credential. A child process never sees them.
pub fn is_credential(name: &str) -> bool {
    all().any(|known| known == name)
}

/// All of them.
pub fn all() -> impl Iterator<Item = &'static str> {
    VARIABLES.into_iter().chain(MORE).chain(CAPY_MORE)
}

/// Those that are set and blank: a platform's command line stored nothing, or a platform does not show what it holds.
pub fn emptied(lookup: impl Fn(&str) -> Option<OsString>) -> Vec<&'static str> {
    let is_blank = |name: &&'static str| {
        lookup(name).is_some_and(|value| value.to_str().is_some_and(|text| text.trim().is_empty()))
    };
    all().filter(is_blank).collect()
}

/// The variables that say which credential there is.
pub(crate) const VARIABLES: [&str; 6] = [
    Names::PROJECT_KEY.blob,
    Names::PROJECT_KEY.blob_file,
    Names::PROJECT_KEY.key,
    Names::DEPLOY_KEY.blob,
    Names::DEPLOY_KEY.blob_file,
    Names::DEPLOY_KEY.key,
];
