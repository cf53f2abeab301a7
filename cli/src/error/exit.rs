//! Exit codes: every one, what it means, and the table that `capy help exit-codes` prints.

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use capy_client::exit::{
    ADDRESS_NOT_ALLOWED, BLOB_DOES_NOT_OPEN, BLOB_OF_ANOTHER_SERVICE, BLOB_TAMPERED, CREDENTIALS_AMBIGUOUS,
    CREDENTIALS_INCOMPLETE, CREDENTIALS_MALFORMED, DEPLOY_EXPIRED, DEPLOY_REVOKED, DEPLOY_UNKNOWN,
    DEPLOY_USED_UP, FORBIDDEN, NOT_SET_UP, PROJECT_UNKNOWN, SERVICE_ERROR, SERVICE_UNREACHABLE, STORE_OFF,
    UNAUTHORIZED, USAGE, WRAP_ROOT_GONE, WRONG_KEY,
};

/// Errors without an exit code of their own, and everything that the inliner finds.
pub(crate) const FAILED: u8 = 1;
/// The local key is missing or wrong, or a sealed value of `.env` does not open.
pub(crate) const LOCAL_KEY: u8 = 11;
/// The folder was not allowed to run code by its `.env`, or to ask for a local key.
pub(crate) const NOT_ALLOWED: u8 = 12;
/// `capy build`: install or build command failed.
pub(crate) const BUILD_FAILED: u8 = 60;
/// `capy build`: it took too long.
pub(crate) const BUILD_TIMED_OUT: u8 = 61;
/// `capy build`: static files of a project with secrets are not handed out.
pub(crate) const STATIC_BLOCKED: u8 = 62;
/// `capy build`: the output holds a value.
pub(crate) const VALUE_IN_OUTPUT: u8 = 63;
/// `capy build`: the source cannot be fetched, or has something that a build cannot take.
pub(crate) const SOURCE: u8 = 64;
/// `capy build`: the container engine is missing or failed.
pub(crate) const ENGINE: u8 = 65;
/// The audit trail is not as the service wrote it.
pub(crate) const AUDIT_TAMPERED: u8 = 50;
/// Values of the project store do not open: `ENCRYPTION_KEY` is missing or another one, or a row
/// was altered.
pub(crate) const STORE_UNOPENED: u8 = 53;
/// `capy service verify`: what is deployed is not the release.
pub(crate) const SERVICE_DIFFERS: u8 = 54;
/// `capy service verify`: the account has no such Worker.
pub(crate) const WORKER_UNKNOWN: u8 = 55;
/// The command was found and cannot be executed: 126, as in shells.
pub(crate) const NOT_EXECUTABLE: u8 = 126;
/// The command was not found: 127, as in shells.
pub(crate) const NOT_FOUND: u8 = 127;

/// The longest line, in columns.
const WIDTH: usize = 100;
/// Indentation of the lines that list error codes.
const INDENT: &str = "      ";

/// Every exit code with its meaning, as `capy help exit-codes` prints them.
pub(super) const MEANINGS: &[(u8, &str)] = &[
    (0, "done"),
    (FAILED, "failed, or the inliner found something"),
    (USAGE, "the command line or a setting is not understood"),
    (NOT_SET_UP, "something is not set up: project, login or secrets"),
    (LOCAL_KEY, "the local key is missing or does not open .env"),
    (NOT_ALLOWED, "this folder was not allowed: capy allow"),
    (SERVICE_UNREACHABLE, "the service gave no answer in time"),
    (SERVICE_ERROR, "the service's answer cannot be used"),
    (UNAUTHORIZED, "the service does not accept the API token"),
    (FORBIDDEN, "the API token may not do this"),
    (CREDENTIALS_INCOMPLETE, "half a pair of credentials is set"),
    (CREDENTIALS_AMBIGUOUS, "variables of two pairs are set"),
    (CREDENTIALS_MALFORMED, "a credential is damaged"),
    (WRONG_KEY, "the key belongs to another deployment"),
    (BLOB_TAMPERED, "the blob was altered"),
    (BLOB_OF_ANOTHER_SERVICE, "the blob was made by another service"),
    (DEPLOY_UNKNOWN, "the service does not know the deployment"),
    (DEPLOY_REVOKED, "the deployment was revoked"),
    (BLOB_DOES_NOT_OPEN, "an original-format blob: wrong key, or altered"),
    (DEPLOY_EXPIRED, "the deployment has expired"),
    (DEPLOY_USED_UP, "the deployment has no uses left"),
    (ADDRESS_NOT_ALLOWED, "the deployment may not be opened from here"),
    (WRAP_ROOT_GONE, "the service lacks the deployment's wrap root"),
    (AUDIT_TAMPERED, "the audit trail is not as the service wrote it"),
    (PROJECT_UNKNOWN, "the store has no such project or secret"),
    (STORE_OFF, "the service has no project store"),
    (STORE_UNOPENED, "values of the project store cannot be decrypted"),
    (SERVICE_DIFFERS, "`capy service verify`: the Worker is not the release"),
    (WORKER_UNKNOWN, "`capy service verify`: there is no such Worker"),
    (BUILD_FAILED, "`capy build`: its commands failed"),
    (BUILD_TIMED_OUT, "`capy build`: it took too long"),
    (STATIC_BLOCKED, "`capy build`: the output is static files, and the project has secrets"),
    (VALUE_IN_OUTPUT, "`capy build`: a value is in the output"),
    (SOURCE, "`capy build`: the source cannot be used"),
    (ENGINE, "`capy build`: the container engine failed"),
    (NOT_EXECUTABLE, "`capy run`: the command cannot be executed"),
    (NOT_FOUND, "`capy run`: the command was not found"),
];

/// What the table does not have.
pub(super) const REST: &str = "\
All other errors of `capy-inline` and `capy serve` exit with 1. Otherwise `capy run` ends as its command
does: with the same exit code, or by the same signal; with 128+N if signal N ended a build.
";

/// The table as text: the number and its meaning, and below them the codes of the errors that end
/// with it. `errors` are all error codes with their exit codes.
pub(super) fn table(errors: impl Iterator<Item = (&'static str, u8)>) -> String {
    let mut text = String::from("code  meaning, and the errors that end with it\n");
    // clap asks for the table at every start of the program: the codes are sorted once.
    let mut codes = BTreeMap::<u8, BTreeSet<&str>>::new();
    for (code, exit) in errors {
        codes.entry(exit).or_default().insert(code);
    }
    for (number, meaning) in MEANINGS {
        text.push_str(&format!("{number:>4}  {meaning}\n"));
        let mut line = String::new();
        for code in codes.get(number).into_iter().flatten() {
            if !line.is_empty() && INDENT.len() + line.len() + 2 + code.len() > WIDTH {
                text.push_str(&format!("{INDENT}{line},\n"));
                line.clear();
            }
            if !line.is_empty() {
                line.push_str(", ");
            }
            line.push_str(code);
        }
        if !line.is_empty() {
            text.push_str(&format!("{INDENT}{line}\n"));
        }
    }
    text.push('\n');
    text.push_str(REST);
    text
}
