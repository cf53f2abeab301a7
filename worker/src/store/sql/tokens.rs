//! Statements about API tokens. ?1 is the token's id unless stated otherwise.

/// The token with digest ?1.
pub const BY_DIGEST: &str = "SELECT * FROM tokens WHERE digest = ?1";

/// At most ?3 tokens, newest first, after the token with time ?1 and id ?2.
pub const LIST: &str = "SELECT * FROM tokens \
    WHERE created_at <= ?1 AND (created_at < ?1 OR token_id > ?2) ORDER BY created_at DESC, token_id LIMIT ?3";

/// Adds a token.
pub const INSERT: &str = "INSERT INTO tokens \
    (token_id, digest, scopes, label, created_at, created_by, expires_at, seal) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

/// Records a use at ?2, unless a use after ?3 is recorded.
pub const USED: &str = "UPDATE tokens SET last_used_at = ?2 \
    WHERE token_id = ?1 AND (last_used_at IS NULL OR last_used_at <= ?3)";

/// Revokes the token at ?2 by ?3, unless it is revoked already. Replaces the seal, so that the row
/// does not verify when somebody undoes the revocation.
pub const REVOKE: &str = "UPDATE tokens SET revoked_at = ?2, revoked_by = ?3, seal = 'revoked' \
    WHERE token_id = ?1 AND revoked_at IS NULL";

/// When the token was revoked.
pub const REVOKED_AT: &str = "SELECT revoked_at FROM tokens WHERE token_id = ?1";
