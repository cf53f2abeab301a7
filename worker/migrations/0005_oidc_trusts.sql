-- Which CI identities (OpenID Connect) stand for a scope. Nothing in it is secret.

CREATE TABLE oidc_trusts (
    trust_id   TEXT    NOT NULL PRIMARY KEY CHECK (length(trust_id) = 20),
    issuer     TEXT    NOT NULL,
    audience   TEXT    NOT NULL,
    -- JSON: repository, and ref, environment, workflow where they matter.
    claims     TEXT    NOT NULL CHECK (json_valid(claims)),
    -- `deploy:<project>` or `read:<project>`.
    scope      TEXT    NOT NULL CHECK (scope <> 'admin'),
    created_at INTEGER NOT NULL,
    created_by TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX oidc_trusts_of_issuer ON oidc_trusts (issuer);
