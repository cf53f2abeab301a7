//! SQL statements, the same on every host. Parameters are numbered; times are milliseconds since
//! the Unix epoch.
//!
//! A change and its event run in one transaction, the event first: both have the same condition,
//! and after the change the event's condition may no longer hold.

pub mod audit;
pub mod projects;
pub mod row_seals;
pub mod tokens;
pub mod trusts;

/// A query that fails when a migration is missing, since it uses tables and columns that they add.
pub const CHECK: &str = "SELECT (SELECT 1 FROM deploys LIMIT 1), (SELECT 1 FROM tokens LIMIT 1), \
    (SELECT 1 FROM oidc_trusts LIMIT 1), (SELECT previous FROM audit_checkpoints LIMIT 1), \
    (SELECT 1 FROM project LIMIT 1), (SELECT 1 FROM secrets LIMIT 1), (SELECT seal FROM deploys LIMIT 1), \
    (SELECT 1 FROM sealing LIMIT 1)";

/// A write at ?1 without any effect on the service, unless one was made after ?2.
pub const PROBE: &str = "INSERT INTO probe (id, at) VALUES (1, ?1) \
    ON CONFLICT (id) DO UPDATE SET at = ?1 WHERE at <= ?2 OR at > ?1";

/// The deployment ?1.
pub const FIND: &str = "SELECT * FROM deploys WHERE deploy_id = ?1";

/// At most ?4 deployments of project ?1, newest first, after the deployment with time ?2 and id ?3.
pub const LIST: &str = "SELECT * FROM deploys \
    WHERE project_id = ?1 AND created_at <= ?2 AND (created_at < ?2 OR deploy_id > ?3) \
    ORDER BY created_at DESC, deploy_id LIMIT ?4";

/// Adds a deployment. Returns one row unless the id is taken.
pub const INSERT: &str = "INSERT INTO deploys \
    (deploy_id, project_id, key_id, format, credential, label, platform, created_at, \
    expires_at, max_uses, cidrs, created_by, seal) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) \
    ON CONFLICT (deploy_id) DO NOTHING RETURNING deploy_id";

/// Counts a use of deployment ?1 at ?2. Returns one row, or none when the deployment is revoked or
/// expired, when its count of uses is outside of ?3 to ?4, or when it lists a release with digest
/// ?7 after ?8. The JSON array ?5 has the row's next seal for each count of uses from ?3 on, or is
/// empty when the seal stays; ?6 is the text that records the release, or NULL.
pub const RELEASE: &str = "UPDATE deploys SET uses = uses + 1, last_used_at = ?2, \
    seal = ifnull((SELECT value FROM json_each(?5) WHERE key = uses - ?3), seal), \
    repeats = CASE WHEN ?6 IS NULL THEN repeats ELSE (SELECT json_group_array(value) FROM (\
    SELECT value FROM (SELECT value FROM json_each(ifnull(repeats, '[]')) WHERE value > ?8 \
    ORDER BY value DESC LIMIT 31) UNION ALL SELECT ?6)) END \
    WHERE deploy_id = ?1 AND revoked_at IS NULL \
    AND (expires_at IS NULL OR expires_at > ?2) AND uses BETWEEN ?3 AND ?4 \
    AND NOT EXISTS (SELECT 1 FROM json_each(ifnull(repeats, '[]')) WHERE value > ?8 AND substr(value, 18, 32) = ?7) \
    RETURNING uses";

/// Revokes ?1 at ?2, unless it is revoked already. Replaces the seal, so that the row does not
/// verify when somebody undoes the revocation.
pub const REVOKE: &str = "UPDATE deploys SET revoked_at = ?2, seal = 'revoked', repeats = NULL \
    WHERE deploy_id = ?1 AND revoked_at IS NULL";

/// When ?1 was revoked.
pub const REVOKED_AT: &str = "SELECT revoked_at FROM deploys WHERE deploy_id = ?1";

/// At most ?2 ids of project ?1 that are not revoked.
pub const LIVE: &str = "SELECT deploy_id FROM deploys WHERE project_id = ?1 AND revoked_at IS NULL LIMIT ?2";

/// [`REVOKE`] of each deployment in the JSON array ?1. Returns one row for each that was live.
pub const REVOKE_EACH: &str = "UPDATE deploys SET revoked_at = ?2, seal = 'revoked', repeats = NULL \
    WHERE deploy_id IN (SELECT value FROM json_each(?1)) AND revoked_at IS NULL RETURNING deploy_id";

/// How many deployments that can still get a key at ?1 need each wrap root.
pub const LIVE_BY_ROOT: &str = "SELECT key_id, count(*) AS live FROM deploys WHERE revoked_at IS NULL \
    AND (expires_at IS NULL OR expires_at > ?1) AND (max_uses IS NULL OR uses < max_uses) \
    AND key_id BETWEEN 0 AND 4294967295 GROUP BY key_id ORDER BY key_id";
