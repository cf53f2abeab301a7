-- Seals of the rows that decide (see protocol/src/row_seal.rs), and when the audit trail was sealed.

-- NULL in rows from before this was kept: they are refused until an owner has had them sealed.
ALTER TABLE deploys ADD COLUMN seal TEXT;
-- Which keys were released within the last minute, and to whom, as a JSON array of texts: see worker/src/deploy_record.rs.
ALTER TABLE deploys ADD COLUMN repeats TEXT;
-- The wrap root's key id, a colon and the seal.
ALTER TABLE tokens ADD COLUMN seal TEXT;
ALTER TABLE oidc_trusts ADD COLUMN seal TEXT;

-- All events but most decrypts: by these a revocation that was taken back is found, and a count that was set back.
CREATE INDEX audit_of_subject ON audit (subject) WHERE action <> 'decrypt' OR detail IS NOT NULL;

CREATE TABLE sealing (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    ran_at     INTEGER NOT NULL,
    -- NULL while it goes on.
    stopped_at INTEGER,
    reason     TEXT
) STRICT;
