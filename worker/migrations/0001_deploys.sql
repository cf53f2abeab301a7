-- Deployments and their audit trail. No key material: neither blob, nor key, nor token.
-- Times are milliseconds since the Unix epoch.

CREATE TABLE deploys (
    deploy_id    TEXT    NOT NULL PRIMARY KEY CHECK (length(deploy_id) = 64),
    project_id   TEXT    NOT NULL CHECK (length(project_id) BETWEEN 1 AND 64),
    -- The wrap root that the outer blob names: a root may go when no live deployment needs it.
    key_id       INTEGER NOT NULL,
    format       INTEGER NOT NULL CHECK (format IN (0, 1)),
    credential   TEXT    NOT NULL CHECK (credential IN ('project-key', 'deploy-key')),
    label        TEXT,
    platform     TEXT,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER,
    uses         INTEGER NOT NULL DEFAULT 0,
    revoked_at   INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX deploys_of_project ON deploys (project_id, created_at DESC, deploy_id);

CREATE TABLE audit (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id TEXT    NOT NULL,
    deploy_id  TEXT    NOT NULL,
    action     TEXT    NOT NULL,
    result     TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    address    TEXT,
    country    TEXT,
    user_agent TEXT
) STRICT;

CREATE INDEX audit_of_project ON audit (project_id, id DESC);

-- Append-only, for every writer.
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;

CREATE TRIGGER audit_is_never_shortened BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;

-- REPLACE deletes without firing the trigger above.
CREATE TRIGGER audit_is_never_replaced BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
