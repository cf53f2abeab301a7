//! The statements about trusts in CI identities.

/// The trusts in issuer ?1.
pub const OF_ISSUER: &str = "SELECT * FROM oidc_trusts WHERE issuer = ?1";

/// All trusts, newest first.
pub const LIST: &str = "SELECT * FROM oidc_trusts ORDER BY created_at DESC, trust_id";

/// A new trust.
pub const INSERT: &str = "INSERT INTO oidc_trusts \
    (trust_id, issuer, audience, claims, scope, created_at, created_by) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

/// Removes ?1; one row unless there is none.
pub const REMOVE: &str = "DELETE FROM oidc_trusts WHERE trust_id = ?1 RETURNING trust_id";
