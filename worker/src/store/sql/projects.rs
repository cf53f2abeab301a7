//! Statements of the project store. ?1 is the project's id unless stated otherwise.

/// The project.
pub const FIND: &str = "SELECT * FROM project WHERE project_id = ?1";

/// At most ?4 of the projects in the JSON array ?1, or of all when ?1 is NULL, newest first, after
/// the project with time ?2 and id ?3.
pub const LIST: &str = "SELECT * FROM project \
    WHERE (?1 IS NULL OR project_id IN (SELECT value FROM json_each(?1))) \
    AND created_at <= ?2 AND (created_at < ?2 OR project_id > ?3) \
    ORDER BY created_at DESC, project_id LIMIT ?4";

/// Adds a project. Fails when the id is taken, and with it the transaction.
pub const INSERT: &str = "INSERT INTO project \
    (project_id, name, repository_url, branch, install_command, build_command, output_directory, image, \
    created_at, created_by, updated_at) \
    VALUES (?1, ?2, nullif(?3, ''), nullif(?4, ''), nullif(?5, ''), nullif(?6, ''), nullif(?7, ''), nullif(?8, ''), \
    ?9, ?10, ?9)";

/// Changes a project at ?9. A parameter that is NULL keeps the setting, and an empty text removes
/// it.
pub const CHANGE: &str = "UPDATE project SET name = coalesce(?2, name), \
    repository_url = nullif(coalesce(?3, repository_url), ''), branch = nullif(coalesce(?4, branch), ''), \
    install_command = nullif(coalesce(?5, install_command), ''), \
    build_command = nullif(coalesce(?6, build_command), ''), \
    output_directory = nullif(coalesce(?7, output_directory), ''), image = nullif(coalesce(?8, image), ''), \
    updated_at = ?9 WHERE project_id = ?1";

/// Records that the project's secrets changed at ?2.
pub const TOUCH: &str = "UPDATE project SET updated_at = ?2 WHERE project_id = ?1";

/// Removes the project and its secrets. Returns one row if it existed.
pub const REMOVE: &str = "DELETE FROM project WHERE project_id = ?1 RETURNING project_id";

/// The project's secrets without their values, ordered by name.
pub const SECRETS: &str =
    "SELECT id AS secret_id, key, created_at, updated_at FROM secrets WHERE project_id = ?1 ORDER BY key";

/// The number of the project's secrets without those in the JSON array of names ?2, and the bytes
/// of their names and values.
pub const OTHERS: &str = "SELECT count(*) AS count, \
    ifnull(sum(length(key) + (length(value) - 66) / 2), 0) AS bytes FROM secrets \
    WHERE project_id = ?1 AND key NOT IN (SELECT value FROM json_each(?2))";

/// Sets the secrets in the JSON array ?2, of objects with `key` and `row`, sealed under key ?3, at
/// ?4. A secret whose name exists keeps its id. Sets none when the project does not exist.
pub const SET_SECRETS: &str = "INSERT INTO secrets (project_id, key, value, key_id, created_at, updated_at) \
    SELECT project_id, json_extract(value, '$.key'), json_extract(value, '$.row'), ?3, ?4, ?4 \
    FROM project, json_each(?2) WHERE project_id = ?1 \
    ON CONFLICT (project_id, key) DO UPDATE \
    SET value = excluded.value, key_id = excluded.key_id, updated_at = excluded.updated_at";

/// The project and the name of secret ?1.
pub const OF_SECRET: &str = "SELECT project_id, key FROM secrets WHERE id = ?1";

/// Removes secret ?1. Returns one row if it existed.
pub const REMOVE_SECRET: &str = "DELETE FROM secrets WHERE id = ?1 RETURNING id";

/// The project's sealed values, ordered by name.
pub const ROWS: &str = "SELECT key, value AS row, key_id FROM secrets WHERE project_id = ?1 ORDER BY key";

/// How many rows each key sealed.
pub const BY_KEY: &str = "SELECT key_id, count(*) AS rows FROM secrets GROUP BY key_id ORDER BY key_id";

/// At most ?3 rows after secret ?1 that another key than ?2 sealed.
pub const STALE: &str = "SELECT id, project_id, key, value AS row, key_id FROM secrets \
    WHERE id > ?1 AND key_id IS NOT ?2 ORDER BY id LIMIT ?3";

/// Replaces row ?2 of secret ?1 by row ?3 under key ?4. Returns one row, or none when the row was
/// changed.
pub const RESEAL: &str =
    "UPDATE secrets SET value = ?3, key_id = ?4 WHERE id = ?1 AND value = ?2 RETURNING id";
