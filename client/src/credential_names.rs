//! Names of the environment variables that hold a deployment's credentials.

use std::ffi::OsString;

/// The variable names of a credential pair: the blob, or the file that holds it, and the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Names {
    /// Name of the variable with the blob.
    pub blob: &'static str,
    /// Names of the variables with the further parts of a split blob, in order.
    pub parts: &'static [&'static str],
    /// How errors name the joined parts of a split blob: a part may be left over from an older
    /// deployment.
    pub joined: &'static str,
    /// Name of the variable with the path of the blob's file, used instead of the blob's variable.
    pub blob_file: &'static str,
    /// Name of the variable with the key.
    pub key: &'static str,
}

impl Names {
    /// The default pair.
    pub const PROJECT_KEY: Self = Self {
        blob: "SECRETS_BLOB",
        parts: &BLOB_PARTS,
        joined: "SECRETS_BLOB, joined with its numbered parts,",
        blob_file: "SECRETS_BLOB_FILE",
        key: "PROJECT_KEY",
    };
    /// The pair of `--credential deploy-key`.
    pub const DEPLOY_KEY: Self = Self {
        blob: "_CAPY_SECRETS_BLOB",
        parts: &CAPY_BLOB_PARTS,
        joined: "_CAPY_SECRETS_BLOB, joined with its numbered parts,",
        blob_file: "_CAPY_SECRETS_BLOB_FILE",
        key: "_CAPY_DEPLOY_KEY",
    };
}

/// The numbered variables of a split blob, such as `SECRETS_BLOB_2`, for a given first name.
macro_rules! numbered {
    ($name:literal, $($number:literal)*) => { [$(concat!($name, "_", $number)),*] };
}
pub(crate) const BLOB_PARTS: [&str; 15] = numbered!("SECRETS_BLOB", 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16);
const CAPY_BLOB_PARTS: [&str; 15] = numbered!("_CAPY_SECRETS_BLOB", 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16);

/// Whether a variable is part of a credential. Child processes do not inherit such variables.
pub fn is_credential(name: &str) -> bool {
    all().any(|known| known == name)
}

/// The names of all credential variables.
pub fn all() -> impl Iterator<Item = &'static str> {
    VARIABLES.into_iter().chain(BLOB_PARTS).chain(CAPY_BLOB_PARTS)
}

/// Credential variables that are set but blank: a platform's command line stored nothing, or the
/// platform hides the value.
pub fn blank(lookup: impl Fn(&str) -> Option<OsString>) -> Vec<&'static str> {
    let is_blank = |name: &&'static str| {
        lookup(name).is_some_and(|value| value.to_str().is_some_and(|text| text.trim().is_empty()))
    };
    all().filter(is_blank).collect()
}

/// The main variables of both pairs, which decide what kind of credential is in use.
pub(crate) const VARIABLES: [&str; 6] = [
    Names::PROJECT_KEY.blob,
    Names::PROJECT_KEY.blob_file,
    Names::PROJECT_KEY.key,
    Names::DEPLOY_KEY.blob,
    Names::DEPLOY_KEY.blob_file,
    Names::DEPLOY_KEY.key,
];
