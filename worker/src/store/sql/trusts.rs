//! Statements about trusts in CI identities.

/// The trusts in issuer ?1.
pub const OF_ISSUER: &str = "SELECT * FROM oidc_trusts WHERE issuer = ?1";

/// At most ?3 trusts, newest first, after the trust with time ?1 and id ?2.
pub const LIST: &str = "SELECT * FROM oidc_trusts \
    WHERE created_at <= ?1 AND (created_at < ?1 OR trust_id > ?2) ORDER BY created_at DESC, trust_id LIMIT ?3";

/// Adds a trust.
pub const INSERT: &str = "INSERT INTO oidc_trusts \
    (trust_id, issuer, audience, claims, scope, created_at, created_by, seal) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

/// Removes trust ?1. Returns one row if it existed.
pub const REMOVE: &str = "DELETE FROM oidc_trusts WHERE trust_id = ?1 RETURNING trust_id";
