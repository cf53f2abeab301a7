-- Seals of the audit trail: each row's own, and checkpoints over stretches of rows. See worker/src/audit.rs.

-- NULL in rows from before this was kept.
ALTER TABLE audit ADD COLUMN actor TEXT;
ALTER TABLE audit ADD COLUMN event_id TEXT;
ALTER TABLE audit ADD COLUMN key_id INTEGER;
ALTER TABLE audit ADD COLUMN mac TEXT;

-- A row cannot be played again.
CREATE UNIQUE INDEX audit_event ON audit (event_id);

CREATE TABLE audit_checkpoints (
    id     INTEGER PRIMARY KEY,
    -- The last row's id of the stretch, and how many rows it has.
    upto   INTEGER NOT NULL,
    count  INTEGER NOT NULL,
    digest TEXT    NOT NULL,
    -- What was wrong with the stretch already, as JSON.
    flaws  TEXT    NOT NULL,
    key_id INTEGER NOT NULL,
    mac    TEXT    NOT NULL,
    at     INTEGER NOT NULL
) STRICT;

-- Rows from before have no seals: the trail that is vouched for begins after them.
INSERT INTO audit_checkpoints SELECT 0, ifnull(max(id), 0), 0, '', '[]', 0, '', 0 FROM audit;

CREATE TRIGGER checkpoint_is_never_changed BEFORE UPDATE ON audit_checkpoints
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;

CREATE TRIGGER checkpoint_is_never_removed BEFORE DELETE ON audit_checkpoints
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
