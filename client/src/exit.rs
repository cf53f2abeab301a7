//! Exit codes for every failure that this crate reports. `capy help exit-codes` prints the whole
//! table.

/// The command line or an environment setting cannot be parsed.
pub const USAGE: u8 = 2;
/// Something is not set up: no project, no login, no service URL.
pub const NOT_SET_UP: u8 = 10;
/// The service gave no usable answer before the deadline.
pub const SERVICE_UNREACHABLE: u8 = 20;
/// The service's answer cannot be used.
pub const SERVICE_ERROR: u8 = 21;
/// The service rejects the API token.
pub const UNAUTHORIZED: u8 = 22;
/// The API token's scopes do not allow the request.
pub const FORBIDDEN: u8 = 23;
/// Half a pair of credentials is set.
pub const CREDENTIALS_INCOMPLETE: u8 = 30;
/// Variables of two pairs of credentials are set.
pub const CREDENTIALS_AMBIGUOUS: u8 = 31;
/// A credential is malformed.
pub const CREDENTIALS_MALFORMED: u8 = 32;
/// The key is not the one that the blob was made for.
pub const WRONG_KEY: u8 = 40;
/// The blob was altered.
pub const BLOB_TAMPERED: u8 = 41;
/// The blob was made by another service.
pub const BLOB_OF_ANOTHER_SERVICE: u8 = 42;
/// The service does not know the deployment.
pub const DEPLOY_UNKNOWN: u8 = 43;
/// The deployment was revoked.
pub const DEPLOY_REVOKED: u8 = 44;
/// The deployment has expired.
pub const DEPLOY_EXPIRED: u8 = 46;
/// The deployment has reached its maximum number of uses.
pub const DEPLOY_USED_UP: u8 = 47;
/// The deployment may not be decrypted from this IP address.
pub const ADDRESS_NOT_ALLOWED: u8 = 48;
/// The wrap root that the deployment needs was removed from the service.
pub const WRAP_ROOT_GONE: u8 = 49;
/// The service does not know the project or secret, or the API token may not see it.
pub const PROJECT_UNKNOWN: u8 = 51;
/// The service's project store is off: it has no `ENCRYPTION_KEY`.
pub const STORE_OFF: u8 = 52;
/// A blob of the original format (v0) does not open: wrong key or altered, which that format cannot
/// tell apart.
pub const BLOB_DOES_NOT_OPEN: u8 = 45;
