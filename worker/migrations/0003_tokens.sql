-- API tokens. Not their text: the SHA-256 digest of 256 random bits is kept, and opens nothing.
-- Times are milliseconds since the Unix epoch.

CREATE TABLE tokens (
    token_id     TEXT    NOT NULL PRIMARY KEY CHECK (length(token_id) = 20),
    digest       TEXT    NOT NULL UNIQUE CHECK (length(digest) = 64),
    -- As `admin`, `deploy:<project>` and `read:<project>`, with a space between two.
    scopes       TEXT    NOT NULL CHECK (length(scopes) > 0),
    label        TEXT,
    created_at   INTEGER NOT NULL,
    created_by   TEXT    NOT NULL,
    expires_at   INTEGER,
    -- To the minute: a use does not always write.
    last_used_at INTEGER,
    revoked_at   INTEGER,
    revoked_by   TEXT
) STRICT, WITHOUT ROWID;
