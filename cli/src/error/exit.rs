//! Exit codes: every one, what it means and which error codes end with it. `capy help exit-codes` prints it.

pub(crate) use capy_client::exit::{
    ADDRESS_NOT_ALLOWED, BLOB_DOES_NOT_OPEN, BLOB_OF_ANOTHER_SERVICE, BLOB_TAMPERED, CREDENTIALS_AMBIGUOUS,
    CREDENTIALS_INCOMPLETE, CREDENTIALS_MALFORMED, DEPLOY_EXPIRED, DEPLOY_REVOKED, DEPLOY_UNKNOWN,
    DEPLOY_USED_UP, FORBIDDEN, NOT_SET_UP, PROJECT_UNKNOWN, SERVICE_ERROR, SERVICE_UNREACHABLE, STORE_OFF,
    UNAUTHORIZED, USAGE, WRAP_ROOT_GONE, WRONG_KEY,
};

/// Anything without a number of its own, and what the inliner found.
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
/// `capy build`: the source cannot be had, or taken as it is.
pub(crate) const SOURCE: u8 = 64;
/// `capy build`: the container engine is missing or failed.
pub(crate) const ENGINE: u8 = 65;
/// The audit trail is not as the service wrote it.
pub(crate) const AUDIT_TAMPERED: u8 = 50;
/// Values of the project store do not open: `ENCRYPTION_KEY` is missing or another one, or a row was altered.
pub(crate) const STORE_UNOPENED: u8 = 53;
/// `capy service verify`: what is deployed is not the release.
pub(crate) const SERVICE_DIFFERS: u8 = 54;
/// `capy service verify`: the account has no such Worker.
pub(crate) const WORKER_UNKNOWN: u8 = 55;
/// The command was found and cannot be executed, as shells say it.
pub(crate) const NOT_EXECUTABLE: u8 = 126;
/// The command was not found, as shells say it.
pub(crate) const NOT_FOUND: u8 = 127;

/// Number, meaning, error codes.
pub(crate) const TABLE: [(u8, &str, &str); 37] = [
    (0, "done", ""),
    (FAILED, "failed, or the inliner found something", "FILE_ERROR, ENV_FILE_IN_DOUBT, NOTHING_TO_DEPLOY, …"),
    (USAGE, "the command line or a setting is not understood", "NAME_RESERVED, TIMEOUT_MALFORMED, …"),
    (
        NOT_SET_UP,
        "no project, no login, no secrets here",
        "NOT_INITIALISED, NOT_LOGGED_IN, NO_SECRETS, SERVICE_URL_MISSING, …",
    ),
    (
        LOCAL_KEY,
        "the local key is missing or does not open .env",
        "LOCAL_KEY_MISSING, SEALED_VALUE_DOES_NOT_OPEN, …",
    ),
    (NOT_ALLOWED, "this folder was not allowed: capy allow", "FOLDER_NOT_ALLOWED"),
    (SERVICE_UNREACHABLE, "the service gave no answer in time", "SERVICE_UNREACHABLE"),
    (
        SERVICE_ERROR,
        "the service's answer cannot be used",
        "SERVICE_ERROR, SERVICE_REFUSED, SERVICE_UNTRUSTED, …",
    ),
    (
        UNAUTHORIZED,
        "the service does not accept the API token",
        "UNAUTHORIZED, TOKEN_EXPIRED, TOKEN_REVOKED, IDENTITY_REFUSED, …",
    ),
    (FORBIDDEN, "the API token may not do this", "FORBIDDEN"),
    (CREDENTIALS_INCOMPLETE, "half a pair of credentials is set", "CREDENTIALS_INCOMPLETE"),
    (CREDENTIALS_AMBIGUOUS, "variables of two pairs are set", "CREDENTIALS_AMBIGUOUS"),
    (
        CREDENTIALS_MALFORMED,
        "a credential is damaged",
        "BLOB_MALFORMED, BLOB_UNSUPPORTED, PROJECT_KEY_MALFORMED, …",
    ),
    (
        WRONG_KEY,
        "the key belongs to another deployment",
        "WRONG_PROJECT_KEY, WRONG_DEPLOY_KEY, WRONG_CREDENTIAL_KIND",
    ),
    (BLOB_TAMPERED, "the blob was altered", "BLOB_TAMPERED"),
    (BLOB_OF_ANOTHER_SERVICE, "the blob was made by another service", "BLOB_OF_ANOTHER_SERVICE"),
    (DEPLOY_UNKNOWN, "the service does not know the deployment", "DEPLOY_UNKNOWN"),
    (DEPLOY_REVOKED, "the deployment was revoked", "DEPLOY_REVOKED"),
    (BLOB_DOES_NOT_OPEN, "an original-format blob: wrong key, or altered", "BLOB_DOES_NOT_OPEN"),
    (DEPLOY_EXPIRED, "the deployment's time is over", "DEPLOY_EXPIRED"),
    (DEPLOY_USED_UP, "the deployment was opened as often as it may be", "DEPLOY_USED_UP"),
    (ADDRESS_NOT_ALLOWED, "the deployment may not be opened from here", "ADDRESS_NOT_ALLOWED"),
    (WRAP_ROOT_GONE, "the service lacks the deployment's wrap root", "WRAP_ROOT_GONE"),
    (AUDIT_TAMPERED, "the audit trail is not as the service wrote it", "AUDIT_TAMPERED"),
    (PROJECT_UNKNOWN, "the store has no such project or secret", "PROJECT_UNKNOWN, SECRET_UNKNOWN"),
    (STORE_OFF, "the service has no project store", "STORE_OFF"),
    (
        STORE_UNOPENED,
        "values of the project store do not open",
        "STORE_UNOPENED, ENCRYPTION_KEY_MISSING, ROW_DOES_NOT_OPEN, …",
    ),
    (SERVICE_DIFFERS, "`capy service verify`: not the release", "SERVICE_DIFFERS"),
    (WORKER_UNKNOWN, "`capy service verify`: no such Worker", "WORKER_UNKNOWN"),
    (BUILD_FAILED, "`capy build`: its commands failed", "BUILD_FAILED, BUILD_KILLED, NO_BUILD_OUTPUT"),
    (BUILD_TIMED_OUT, "`capy build`: it took too long", "BUILD_TIMED_OUT"),
    (
        STATIC_BLOCKED,
        "`capy build`: static files, and there are secrets",
        "STATIC_BLOCKED, STATIC_NOT_SEARCHED",
    ),
    (VALUE_IN_OUTPUT, "`capy build`: a value is in the output", "VALUE_IN_OUTPUT"),
    (
        SOURCE,
        "`capy build`: the source cannot be had",
        "CLONE_FAILED, HOST_NOT_ALLOWED, LINK_LEAVES_TREE, LINK_LEADS_NOWHERE, SPECIAL_FILE, TOO_LARGE",
    ),
    (ENGINE, "`capy build`: the container engine failed", "NO_ENGINE, ENGINE_FAILED, CANNOT_START"),
    (NOT_EXECUTABLE, "`capy run`: the command cannot be executed", "COMMAND_NOT_EXECUTABLE, …"),
    (NOT_FOUND, "`capy run`: the command was not found", "COMMAND_NOT_FOUND"),
];

/// The table as text.
pub(crate) fn table() -> String {
    let mut text = String::from("code  meaning                                            error codes\n");
    for (number, meaning, codes) in TABLE {
        text.push_str(format!("{number:>4}  {meaning:<49}  {codes}").trim_end());
        text.push('\n');
    }
    text.push_str(
        "\n`capy run` otherwise ends as its command does: with its exit code, or by its signal; a build that was\n\
         ended by signal N makes 128+N.\n",
    );
    text
}
