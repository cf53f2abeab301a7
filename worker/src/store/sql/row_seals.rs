//! Statements about the seals of deployments, API tokens and trusts. The pages also count events of
//! each row; the condition on action and detail makes SQLite use the partial index for them.

/// Arguments: a table, its id column, the condition for a live row, and the action that ends one.
macro_rules! live_rows {
    ($table:literal, $id:literal, $live:literal, $end:literal) => {
        concat!(
            "SELECT *, (SELECT count(*) FROM audit WHERE subject = ",
            $id,
            " AND (action <> 'decrypt' OR detail IS NOT NULL) AND action = '",
            $end,
            "') AS ends, (SELECT count(*) FROM audit WHERE subject = ",
            $id,
            " AND (action <> 'decrypt' OR detail IS NOT NULL) AND action = 'decrypt' AND result = 'ok' \
            AND detail = 'counted') AS counted FROM ",
            $table,
            " WHERE ",
            $id,
            " > ?1 AND ",
            $live,
            " ORDER BY ",
            $id,
            " LIMIT ?2"
        )
    };
}

/// At most ?2 live deployments after ?1.
pub const DEPLOYS: &str = live_rows!("deploys", "deploy_id", "revoked_at IS NULL", "revoke");
/// At most ?2 live API tokens after ?1.
pub const TOKENS: &str = live_rows!("tokens", "token_id", "revoked_at IS NULL", "revoke-token");
/// At most ?2 trusts after ?1.
pub const TRUSTS: &str = live_rows!("oidc_trusts", "trust_id", "1", "remove-trust");

/// Writes seals of rows that have none: a JSON array of objects with `id` and `seal`.
macro_rules! first_seals {
    ($table:literal, $id:literal, $live:literal) => {
        concat!(
            "UPDATE ",
            $table,
            " SET seal = (SELECT value ->> 'seal' FROM json_each(?1) WHERE value ->> 'id' = ",
            $id,
            ") WHERE ",
            $id,
            " IN (SELECT value ->> 'id' FROM json_each(?1)) AND seal IS NULL AND ",
            $live
        )
    };
}

/// Writes first seals of deployments.
pub const SEAL_DEPLOYS: &str = first_seals!("deploys", "deploy_id", "revoked_at IS NULL");
/// Writes first seals of API tokens.
pub const SEAL_TOKENS: &str = first_seals!("tokens", "token_id", "revoked_at IS NULL");
/// Writes first seals of trusts.
pub const SEAL_TRUSTS: &str = first_seals!("oidc_trusts", "trust_id", "1");

/// At most ?2 live API tokens under one of the wrap roots in the JSON array ?1.
pub const TOKENS_UNDER: &str = "SELECT * FROM tokens WHERE revoked_at IS NULL AND instr(seal, ':') > 0 \
    AND CAST(seal AS INTEGER) IN (SELECT value FROM json_each(?1)) LIMIT ?2";
/// At most ?2 trusts under one of the wrap roots in the JSON array ?1.
pub const TRUSTS_UNDER: &str = "SELECT * FROM oidc_trusts WHERE instr(seal, ':') > 0 \
    AND CAST(seal AS INTEGER) IN (SELECT value FROM json_each(?1)) LIMIT ?2";

/// Replaces seals of API tokens, unless they were changed: a JSON array of objects with `id`, `was`
/// and `seal`.
pub const RESEAL_TOKENS: &str = "UPDATE tokens SET seal = (SELECT value ->> 'seal' FROM json_each(?1) \
    WHERE value ->> 'id' = token_id) WHERE seal = (SELECT value ->> 'was' FROM json_each(?1) \
    WHERE value ->> 'id' = token_id) AND revoked_at IS NULL";
/// Replaces seals of trusts, as [`RESEAL_TOKENS`] does.
pub const RESEAL_TRUSTS: &str = "UPDATE oidc_trusts SET seal = (SELECT value ->> 'seal' FROM json_each(?1) \
    WHERE value ->> 'id' = trust_id) WHERE seal = (SELECT value ->> 'was' FROM json_each(?1) \
    WHERE value ->> 'id' = trust_id)";

/// How many live API tokens and trusts have a seal under each wrap root.
pub const NEEDED_BY_ROWS: &str = "SELECT CAST(seal AS INTEGER) AS key_id, count(*) AS needing FROM (\
    SELECT seal FROM tokens WHERE revoked_at IS NULL UNION ALL SELECT seal FROM oidc_trusts) \
    WHERE instr(seal, ':') > 0 AND CAST(seal AS INTEGER) BETWEEN 0 AND 4294967295 GROUP BY 1 ORDER BY 1";
