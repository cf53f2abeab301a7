-- The project store: what is built, and the values that a build is given. Values are sealed before they come here, under
-- ENCRYPTION_KEY. Times are milliseconds since the Unix epoch.

CREATE TABLE project (
    project_id       TEXT    NOT NULL PRIMARY KEY CHECK (length(project_id) BETWEEN 1 AND 64),
    name             TEXT    NOT NULL CHECK (length(name) > 0),
    repository_url   TEXT,
    branch           TEXT,
    install_command  TEXT,
    build_command    TEXT,
    output_directory TEXT,
    image            TEXT,
    created_at       INTEGER NOT NULL,
    created_by       TEXT    NOT NULL,
    updated_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX project_by_time ON project (created_at DESC, project_id);

CREATE TABLE secrets (
    id         TEXT    NOT NULL PRIMARY KEY DEFAULT ('sec_' || lower(hex(randomblob(8)))),
    project_id TEXT    NOT NULL REFERENCES project (project_id) ON DELETE CASCADE,
    key        TEXT    NOT NULL CHECK (length(key) > 0),
    -- `<iv-hex>:<auth-tag-hex>:<ciphertext-hex>`: 66 characters and two for each byte of the value.
    value      TEXT    NOT NULL CHECK (length(value) >= 66),
    -- Which key sealed it, bound to project and name. NULL in rows of another store of the same form, whose rows have neither
    -- key id nor binding: they are copied here as they are, and get both when they are sealed again.
    key_id     INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (project_id, key)
) STRICT;

CREATE INDEX secrets_by_key ON secrets (key_id);
