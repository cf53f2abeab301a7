//! The statements about the seals of rows that decide. What the audit trail says of a row is counted beside it, through the
//! index that the condition on action and detail names.

/// Of a table, its column of ids, the condition for a live row, and the action that ends one.
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

/// New seals for rows that have none: a JSON array of objects with `id` and `seal`.
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

/// Of deployments.
pub const SEAL_DEPLOYS: &str = first_seals!("deploys", "deploy_id", "revoked_at IS NULL");
/// Of API tokens.
pub const SEAL_TOKENS: &str = first_seals!("tokens", "token_id", "revoked_at IS NULL");
/// Of trusts.
pub const SEAL_TRUSTS: &str = first_seals!("oidc_trusts", "trust_id", "1");

/// At most ?2 live API tokens under one of the wrap roots in the JSON array ?1.
pub const TOKENS_UNDER: &str = "SELECT * FROM tokens WHERE revoked_at IS NULL AND instr(seal, ':') > 0 \
    AND CAST(seal AS INTEGER) IN (SELECT value FROM json_each(?1)) LIMIT ?2";
/// At most ?2 trusts under one of the wrap roots in the JSON array ?1.
pub const TRUSTS_UNDER: &str = "SELECT * FROM oidc_trusts WHERE instr(seal, ':') > 0 \
    AND CAST(seal AS INTEGER) IN (SELECT value FROM json_each(?1)) LIMIT ?2";

/// New seals of API tokens in place of others: a JSON array of objects with `id`, `was` and `seal`.
pub const RESEAL_TOKENS: &str = "UPDATE tokens SET seal = (SELECT value ->> 'seal' FROM json_each(?1) \
    WHERE value ->> 'id' = token_id) WHERE seal = (SELECT value ->> 'was' FROM json_each(?1) \
    WHERE value ->> 'id' = token_id) AND revoked_at IS NULL";
/// The same of trusts.
pub const RESEAL_TRUSTS: &str = "UPDATE oidc_trusts SET seal = (SELECT value ->> 'seal' FROM json_each(?1) \
    WHERE value ->> 'id' = trust_id) WHERE seal = (SELECT value ->> 'was' FROM json_each(?1) \
    WHERE value ->> 'id' = trust_id)";

/// How many live API tokens and trusts bear a seal of each wrap root.
pub const NEEDED_BY_ROWS: &str = "SELECT CAST(seal AS INTEGER) AS key_id, count(*) AS needing FROM (\
    SELECT seal FROM tokens WHERE revoked_at IS NULL UNION ALL SELECT seal FROM oidc_trusts) \
    WHERE instr(seal, ':') > 0 AND CAST(seal AS INTEGER) BETWEEN 0 AND 4294967295 GROUP BY 1 ORDER BY 1";
