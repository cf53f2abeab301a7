//! Statements on the audit trail: rows are only ever added.

/// The last number that was assigned to a row. Ignores numbers that somebody else wrote and after
/// which D1 returns no integer exactly: SQLite's own counter would continue from such a number, and
/// end at its own last one.
macro_rules! last_number {
    () => {
        "max(ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'audit' AND typeof(seq) = 'integer' \
        AND seq BETWEEN 0 AND 9007199254740990), 0), \
        ifnull((SELECT id FROM audit WHERE id BETWEEN 1 AND 9007199254740990 ORDER BY id DESC LIMIT 1), 0))"
    };
}

/// Parameters: ?1 subject, ?2 project, ?3 action, ?4 result, ?5 time, ?6 address, ?7 country, ?8
/// user agent, ?9 actor, ?10 wrap root, ?11 event id, ?12 seal, ?13 detail.
macro_rules! add_event {
    (SELECT $number:literal, $rows:literal) => {
        concat!(
            "INSERT INTO audit (id, project_id, subject, action, result, at, address, country, user_agent, ",
            "actor, key_id, event_id, mac, detail) ",
            "SELECT ",
            last_number!(),
            $number,
            $rows
        )
    };
}

/// Adds an event.
pub const EVENT: &str = add_event!(SELECT " + 1, ", "?2, ?1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13");

/// Adds an event of a deployment, unless the deployment exists already.
pub const EVENT_IF_NEW: &str = add_event!(SELECT " + 1, ", "?2, ?1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13 \
    WHERE NOT EXISTS (SELECT 1 FROM deploys WHERE deploy_id = ?1)"
);

/// Adds an event of a deployment, unless the deployment is revoked.
pub const EVENT_IF_LIVE: &str = add_event!(SELECT " + 1, ", "?2, ?1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13 \
    FROM deploys WHERE deploy_id = ?1 AND revoked_at IS NULL"
);

/// Adds an event of a deployment, unless the deployment is revoked, has expired at ?5, has a count
/// of uses outside of ?14 to ?15, or lists a release with digest ?16 after ?17.
pub const EVENT_IF_OPEN: &str = add_event!(SELECT " + 1, ", "?2, ?1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13 \
    FROM deploys WHERE deploy_id = ?1 AND revoked_at IS NULL \
    AND (expires_at IS NULL OR expires_at > ?5) AND uses BETWEEN ?14 AND ?15 \
    AND NOT EXISTS (SELECT 1 FROM json_each(ifnull(repeats, '[]')) WHERE value > ?17 AND substr(value, 18, 32) = ?16)"
);

/// [`EVENT_IF_LIVE`] for each object in the JSON array ?1, with `deploy_id`, `event_id` and `mac`.
pub const EVENTS_IF_LIVE: &str = add_event!(SELECT " + row_number() OVER (), ", "?2, deploy_id, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, \
    json_extract(value, '$.event_id'), json_extract(value, '$.mac'), NULL \
    FROM json_each(?1) JOIN deploys ON deploy_id = json_extract(value, '$.deploy_id') \
    WHERE revoked_at IS NULL"
);

/// Adds an event of API token ?1, unless the token is revoked.
pub const EVENT_IF_TOKEN_LIVE: &str = add_event!(SELECT " + 1, ", "?2, ?1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13 \
    FROM tokens WHERE token_id = ?1 AND revoked_at IS NULL"
);

/// Adds an event of trust ?1, if that trust exists.
pub const EVENT_IF_TRUST: &str = add_event!(SELECT " + 1, ", "?2, ?1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13 FROM oidc_trusts WHERE trust_id = ?1"
);

/// Adds an event of the store's project ?2, if that project exists.
pub const EVENT_IF_PROJECT: &str = add_event!(SELECT " + 1, ", "?2, ?1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13 FROM project WHERE project_id = ?2"
);

/// Adds an event of the store's secret ?1, if that secret exists.
pub const EVENT_IF_SECRET: &str = add_event!(SELECT " + 1, ", "?2, ?1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13 FROM secrets WHERE id = ?1");

/// Adds an event, unless checkpoint ?14 exists.
pub const EVENT_IF_NO_CHECKPOINT: &str = add_event!(SELECT " + 1, ", "?2, ?1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13 \
    WHERE NOT EXISTS (SELECT 1 FROM audit_checkpoints WHERE id = ?14)"
);

/// At most ?3 events of project ?1 before number ?2, newest first.
pub const EVENTS: &str = "SELECT * FROM audit \
    WHERE project_id = ?1 AND id > 0 AND id < ?2 ORDER BY id DESC LIMIT ?3";

/// The checkpoint ?1.
pub const CHECKPOINT: &str = "SELECT * FROM audit_checkpoints WHERE id = ?1";

/// The last ?1 checkpoints, newest first. Skips numbers that D1 does not return exactly, which the
/// service never assigns.
pub const LAST_CHECKPOINTS: &str = "SELECT * FROM audit_checkpoints \
    WHERE id BETWEEN 0 AND 9007199254740991 ORDER BY id DESC LIMIT ?1";

/// The last checkpoint's number.
pub const LAST_CHECKPOINT_ID: &str = "SELECT id FROM audit_checkpoints \
    WHERE id BETWEEN 0 AND 9007199254740991 ORDER BY id DESC LIMIT 1";

/// The number of the first checkpoint after ?1.
pub const NEXT_CHECKPOINT_ID: &str = "SELECT id FROM audit_checkpoints \
    WHERE id > ?1 AND id <= 9007199254740991 ORDER BY id LIMIT 1";

/// The checkpoint ?1 and the one before it.
pub const CHECKPOINT_AND_PREVIOUS: &str =
    "SELECT * FROM audit_checkpoints WHERE id BETWEEN ?1 - 1 AND ?1 ORDER BY id";

/// Adds a checkpoint, unless its number is taken.
pub const ADD_CHECKPOINT: &str = "INSERT INTO audit_checkpoints \
    (id, upto, count, digest, flaws, key_id, mac, at, previous) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
    ON CONFLICT (id) DO NOTHING";

/// At most ?3 rows after number ?1, up to number ?2.
pub const SEGMENT: &str = "SELECT * FROM audit WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3";

/// Those of the rows of [`SEGMENT`] that are copies of an earlier row.
pub const SEGMENT_COPIES: &str = "SELECT id FROM (SELECT id, event_id FROM audit \
    WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3) new \
    WHERE EXISTS (SELECT 1 FROM audit old WHERE old.event_id = new.event_id AND old.id < new.id)";

/// Whether there are rows and checkpoints with numbers that the service never assigns: before the
/// first one, and after the last one that D1 returns exactly.
pub const OUT_OF_RANGE: &str = "SELECT EXISTS (SELECT 1 FROM audit WHERE id < 1) AS rows_before, \
    EXISTS (SELECT 1 FROM audit WHERE id > 9007199254740991) OR EXISTS (SELECT 1 FROM sqlite_sequence \
    WHERE name = 'audit' AND (typeof(seq) <> 'integer' OR seq > 9007199254740991)) AS rows_after, \
    EXISTS (SELECT 1 FROM audit_checkpoints WHERE id < 0) AS checkpoints_before, \
    EXISTS (SELECT 1 FROM audit_checkpoints WHERE id > 9007199254740991) AS checkpoints_after";

/// The last number that was assigned to an event, even when its row is gone.
pub const SEQUENCE: &str = "SELECT seq FROM sqlite_sequence WHERE name = 'audit'";

/// How many rows and checkpoints need each wrap root: the rows after the last checkpoint, and that
/// checkpoint.
pub const NEEDED_BY_TRAIL: &str = "SELECT key_id, sum(needing) AS needing FROM (\
    SELECT key_id, count(*) AS needing FROM audit \
    WHERE id > ifnull((SELECT upto FROM audit_checkpoints ORDER BY id DESC LIMIT 1), 0) GROUP BY key_id \
    UNION ALL SELECT key_id, 1 FROM (SELECT * FROM audit_checkpoints WHERE id > 0 ORDER BY id DESC LIMIT 1)) \
    WHERE key_id BETWEEN 0 AND 4294967295 GROUP BY key_id ORDER BY key_id";

/// The first, the last and the number of rows after number ?1 that name wrap root ?2.
pub const PENDING_OF_ROOT: &str = "SELECT min(id) AS first, max(id) AS last, count(*) AS events FROM audit \
    WHERE id > ?1 AND key_id = ?2";

/// The last checkpoint under one of the wrap roots in the JSON array ?1.
pub const LAST_CHECKPOINT_UNDER: &str = "SELECT * FROM audit_checkpoints \
    WHERE id > 0 AND key_id IN (SELECT value FROM json_each(?1)) ORDER BY id DESC LIMIT 1";

/// How many rows the checkpoints after ?1 cover.
pub const COUNT_AFTER_CHECKPOINT: &str =
    "SELECT ifnull(sum(count), 0) AS events FROM audit_checkpoints WHERE id > ?1";

/// The number of rows after number ?1.
pub const PENDING_COUNT: &str = "SELECT count(*) AS pending FROM audit WHERE id > ?1";

/// Records that the sealing ran at ?1 and sealed everything.
pub const SEALED: &str = "INSERT INTO sealing (id, ran_at) VALUES (1, ?1) \
    ON CONFLICT (id) DO UPDATE SET ran_at = ?1, stopped_at = NULL, reason = NULL";

/// Records that the sealing ran at ?1 and stopped because of ?2. Returns since when it has stopped.
pub const STOPPED: &str = "INSERT INTO sealing (id, ran_at, stopped_at, reason) VALUES (1, ?1, ?1, ?2) \
    ON CONFLICT (id) DO UPDATE SET ran_at = ?1, stopped_at = ifnull(stopped_at, ?1), reason = ?2 \
    RETURNING stopped_at";

/// When the sealing last ran, and why it stopped.
pub const SEALING: &str = "SELECT * FROM sealing WHERE id = 1";
