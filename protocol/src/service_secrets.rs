//! Names of the key service's own secrets, and what is wrong with one that cannot be used.

/// The secret with the bootstrap tokens.
pub const ADMIN_TOKEN: &str = "ADMIN_TOKEN";
/// The secret with the wrap roots.
pub const WRAP_ROOTS: &str = "WRAP_ROOTS";
/// The secret with the project store's keys. Without it the service runs without a project store.
pub const ENCRYPTION_KEY: &str = "ENCRYPTION_KEY";

/// Why a secret cannot be used. It names the secret, and never holds its content.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SecretFault {
    /// The secret is not set.
    #[error("secret {0} is not set")]
    Missing(&'static str),
    /// The secret is set to something other than what is expected.
    #[error("secret {0} is malformed: expected {1}")]
    Malformed(&'static str, &'static str),
}
