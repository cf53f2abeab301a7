-- Events of the service itself, links between checkpoints, and a row for health to write.

-- A deployment's id, or that of an API token or a trust; then the project is empty.
ALTER TABLE audit RENAME COLUMN deploy_id TO subject;
-- What was decided, for people: a token's scopes, what a trust asks for.
ALTER TABLE audit ADD COLUMN detail TEXT;

-- A digest of the whole checkpoint before. See worker/src/audit/checkpoints.rs.
ALTER TABLE audit_checkpoints ADD COLUMN previous TEXT NOT NULL DEFAULT '';

-- Written by GET /health, at most every ten seconds: a disk that takes no more is noticed there first.
CREATE TABLE probe (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    at INTEGER NOT NULL
) STRICT;
