//! Projects of the store and their secrets. A change is one transaction: its settings and all of
//! its values, or nothing. Sealed values are read for a build host, and replaced when they are
//! sealed again under a newer key.
//!
//! In the statements, ?1 is the project's id unless stated otherwise.

use std::fmt;

use capy_protocol::api::projects::{Project, ProjectDetail, Recipe, SecretInfo, StoreRow};
use capy_protocol::id::{KeyId, ProjectId};
use capy_protocol::to_json;
use capy_protocol::token::SecretId;

use super::audit::{EVENT, add_event};
use super::{Cursor, PAGE, truncate_to_page};
use crate::audit::Row as Event;
use crate::host::{Host, Result, Row, Rows, Statement, Value, nth, query};
use crate::policy::projects::ProjectSize;

/// The approximate size, in characters, of the rows in one statement. D1 accepts parameters of up
/// to two million bytes.
const ROWS_AT_ONCE: usize = 500_000;
/// The most rows that one call seals again: each is a statement, and the time of a call is limited.
pub const RESEALED_AT_ONCE: usize = 25;

/// New values, sealed under one key.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) key_id: KeyId,
    pub(crate) rows: Vec<SealedRow>,
}

/// One sealed value.
pub(crate) struct SealedRow {
    pub(crate) key: String,
    pub(crate) row: String,
}

to_json!(SealedRow { key, row });

impl fmt::Debug for SealedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedRow({}, …)", self.key)
    }
}

/// Sets the secrets in the JSON array ?2, of objects with `key` and `row`, sealed under key ?3, at
/// ?4. A secret whose name exists keeps its id. Sets none when the project does not exist.
pub const SET_SECRETS: &str = "INSERT INTO secrets (project_id, key, value, key_id, created_at, updated_at) \
    SELECT project_id, json_extract(value, '$.key'), json_extract(value, '$.row'), ?3, ?4, ?4 \
    FROM project, json_each(?2) WHERE project_id = ?1 \
    ON CONFLICT (project_id, key) DO UPDATE \
    SET value = excluded.value, key_id = excluded.key_id, updated_at = excluded.updated_at";

impl Sealed {
    /// The statements that set these secrets, as many as their size requires.
    fn statements(&self, id: &ProjectId, now: u64) -> Result<Vec<Statement>> {
        let chunk = |rows: &[SealedRow]| {
            let key_id = u64::from(self.key_id.0);
            let values = vec![id.as_str().into(), Value::json(rows), key_id.into(), now.into()];
            Ok(Statement::new(SET_SECRETS, values))
        };
        let mut statements = Vec::new();
        let (mut first, mut size) = (0, 0);
        for (place, row) in self.rows.iter().enumerate() {
            size += row.row.len();
            if size >= ROWS_AT_ONCE || place + 1 == self.rows.len() {
                statements.push(chunk(&self.rows[first..=place])?);
                (first, size) = (place + 1, 0);
            }
        }
        Ok(statements)
    }
}

/// The project.
pub const FIND: &str = "SELECT * FROM project WHERE project_id = ?1";

/// The project with this id.
pub(crate) async fn find<H: Host>(host: &H, id: &ProjectId) -> Result<Option<Project>> {
    query(host, FIND, vec![id.as_str().into()]).await?.first(read_project)
}

/// The project with this id, and the names of its secrets.
pub(crate) async fn detail<H: Host>(host: &H, id: &ProjectId) -> Result<Option<ProjectDetail>> {
    write_and_read(host, id, Vec::new()).await
}

/// At most ?4 of the projects in the JSON array ?1, or of all when ?1 is NULL, newest first, after
/// the project with time ?2 and id ?3.
pub const LIST: &str = "SELECT * FROM project \
    WHERE (?1 IS NULL OR project_id IN (SELECT value FROM json_each(?1))) \
    AND created_at <= ?2 AND (created_at < ?2 OR project_id > ?3) \
    ORDER BY created_at DESC, project_id LIMIT ?4";

/// A page of projects, newest first, and where the next page begins: of the projects in `of`, or of
/// all.
pub(crate) async fn list<H: Host>(
    host: &H,
    of: Option<&[ProjectId]>,
    cursor: Option<&Cursor<ProjectId>>,
) -> Result<(Vec<Project>, Option<Cursor<ProjectId>>)> {
    let of = of.map(Value::json);
    let (created_at, after) = Cursor::parameters(cursor);
    let values = vec![of.into(), created_at.into(), after.into(), (PAGE as u64 + 1).into()];
    let mut projects = query(host, LIST, values).await?.parse(read_project)?;
    let next = truncate_to_page(&mut projects, |last| Cursor {
        created_at: last.created_at,
        id: last.project_id.clone(),
    });
    Ok((projects, next))
}

/// Adds a project. Fails when the id is taken, and with it the transaction.
pub const INSERT: &str = "INSERT INTO project \
    (project_id, name, repository_url, branch, install_command, build_command, output_directory, image, \
    created_at, created_by, updated_at) \
    VALUES (?1, ?2, nullif(?3, ''), nullif(?4, ''), nullif(?5, ''), nullif(?6, ''), nullif(?7, ''), nullif(?8, ''), \
    ?9, ?10, ?9)";

/// Adds a project with its secrets, and the event. An id that is taken is an error, since the
/// caller has checked it before.
pub(crate) async fn insert<H: Host>(
    host: &H,
    project: &Project,
    secrets: &Sealed,
    event: &Event,
) -> Result<Option<ProjectDetail>> {
    let id = &project.project_id;
    let mut values = vec![id.as_str().into(), project.name.as_str().into()];
    values.extend(settings(&project.recipe));
    values.extend([project.created_at.into(), project.created_by.as_str().into()]);
    let event = Statement::new(EVENT, event.values());
    let mut statements = vec![event, Statement::new(INSERT, values)];
    statements.extend(secrets.statements(id, project.created_at)?);
    write_and_read(host, id, statements).await
}

/// Adds an event of the store's project ?2, if that project exists.
pub const EVENT_IF_PROJECT: &str = add_event!("FROM project WHERE project_id = ?2");

/// Changes a project at ?9. A parameter that is NULL keeps the setting, and an empty text removes
/// it.
pub const CHANGE: &str = "UPDATE project SET name = coalesce(?2, name), \
    repository_url = nullif(coalesce(?3, repository_url), ''), branch = nullif(coalesce(?4, branch), ''), \
    install_command = nullif(coalesce(?5, install_command), ''), \
    build_command = nullif(coalesce(?6, build_command), ''), \
    output_directory = nullif(coalesce(?7, output_directory), ''), image = nullif(coalesce(?8, image), ''), \
    updated_at = ?9 WHERE project_id = ?1";

/// Changes a project, with the event; `None` when there is no such project.
pub(crate) async fn change<H: Host>(
    host: &H,
    id: &ProjectId,
    name: Option<&str>,
    recipe: &Recipe,
    secrets: &Sealed,
    event: &Event,
) -> Result<Option<ProjectDetail>> {
    let mut values = vec![id.as_str().into(), name.into()];
    values.extend(settings(recipe));
    values.push(event.at.into());
    let happened = Statement::new(EVENT_IF_PROJECT, event.values());
    let mut statements = vec![happened, Statement::new(CHANGE, values)];
    statements.extend(secrets.statements(id, event.at)?);
    write_and_read(host, id, statements).await
}

fn settings(recipe: &Recipe) -> [Value; 6] {
    let Recipe { repository_url, branch, install_command, build_command, output_directory, image } = recipe;
    [repository_url, branch, install_command, build_command, output_directory, image]
        .map(|setting| setting.as_deref().into())
}

/// The project's secrets without their values, ordered by name.
pub const SECRETS: &str =
    "SELECT id AS secret_id, key, created_at, updated_at FROM secrets WHERE project_id = ?1 ORDER BY key";

/// Runs statements, and reads the project in the same transaction.
async fn write_and_read<H: Host>(
    host: &H,
    id: &ProjectId,
    mut statements: Vec<Statement>,
) -> Result<Option<ProjectDetail>> {
    let first = statements.len();
    let of_project = || vec![id.as_str().into()];
    statements.push(Statement::new(FIND, of_project()));
    statements.push(Statement::new(SECRETS, of_project()));
    let mut answers = host.transaction(statements).await?.into_iter().skip(first);
    let mut next = || nth(answers.by_ref().take(1).collect(), 0);
    let project = next()?.first(read_project)?;
    let secrets = next()?.parse(read_secret)?;
    Ok(project.map(|project| ProjectDetail { project, secrets }))
}

fn read_project(row: Row<'_>) -> Result<Project> {
    Ok(Project {
        project_id: row.read("project_id")?,
        name: row.read("name")?,
        recipe: Recipe {
            repository_url: row.read("repository_url")?,
            branch: row.read("branch")?,
            install_command: row.read("install_command")?,
            build_command: row.read("build_command")?,
            output_directory: row.read("output_directory")?,
            image: row.read("image")?,
        },
        created_at: row.read("created_at")?,
        created_by: row.read("created_by")?,
        updated_at: row.read("updated_at")?,
    })
}

fn read_secret(row: Row<'_>) -> Result<SecretInfo> {
    Ok(SecretInfo {
        secret_id: row.read("secret_id")?,
        key: row.read("key")?,
        created_at: row.read("created_at")?,
        updated_at: row.read("updated_at")?,
    })
}

/// The number of the project's secrets without those in the JSON array of names ?2, and the bytes
/// of their names and values.
pub const OTHERS: &str = "SELECT count(*) AS count, \
    ifnull(sum(length(key) + (length(value) - 66) / 2), 0) AS bytes FROM secrets \
    WHERE project_id = ?1 AND key NOT IN (SELECT value FROM json_each(?2))";

/// The size of a project without the secrets with these names.
pub(crate) async fn others<H: Host>(host: &H, id: &ProjectId, names: &[&str]) -> Result<ProjectSize> {
    let held = query(host, OTHERS, vec![id.as_str().into(), Value::json(names)])
        .await?
        .first(|row| Ok(ProjectSize { count: row.read("count")?, bytes: row.read("bytes")? }))?;
    Ok(held.unwrap_or_default())
}

/// Removes the project and its secrets. Returns one row if it existed.
pub const REMOVE: &str = "DELETE FROM project WHERE project_id = ?1 RETURNING project_id";

/// Removes a project with its secrets, and returns whether it existed.
pub(crate) async fn remove<H: Host>(host: &H, id: &ProjectId, event: &Event) -> Result<bool> {
    let statements = vec![
        Statement::new(EVENT_IF_PROJECT, event.values()),
        Statement::new(REMOVE, vec![id.as_str().into()]),
    ];
    Ok(nth(host.transaction(statements).await?, 1)?.count() > 0)
}

/// The project and the name of a secret.
pub(crate) struct OfSecret {
    pub(crate) project_id: ProjectId,
    pub(crate) key: String,
}

/// The project and the name of secret ?1.
pub const OF_SECRET: &str = "SELECT project_id, key FROM secrets WHERE id = ?1";

/// Finds the project and the name of a secret.
pub(crate) async fn of_secret<H: Host>(host: &H, id: &SecretId) -> Result<Option<OfSecret>> {
    query(host, OF_SECRET, vec![id.to_string().into()])
        .await?
        .first(|row| Ok(OfSecret { project_id: row.read("project_id")?, key: row.read("key")? }))
}

/// Adds an event of the store's secret ?1, if that secret exists.
pub const EVENT_IF_SECRET: &str = add_event!("FROM secrets WHERE id = ?1");

/// Records that the project's secrets changed at ?2.
pub const TOUCH: &str = "UPDATE project SET updated_at = ?2 WHERE project_id = ?1";

/// Removes secret ?1. Returns one row if it existed.
pub const REMOVE_SECRET: &str = "DELETE FROM secrets WHERE id = ?1 RETURNING id";

/// Removes a secret of a project, and returns whether it existed.
pub(crate) async fn remove_secret<H: Host>(
    host: &H,
    project_id: &ProjectId,
    id: &SecretId,
    event: &Event,
) -> Result<bool> {
    let statements = vec![
        Statement::new(EVENT_IF_SECRET, event.values()),
        Statement::new(TOUCH, vec![project_id.as_str().into(), event.at.into()]),
        Statement::new(REMOVE_SECRET, vec![id.to_string().into()]),
    ];
    Ok(nth(host.transaction(statements).await?, 2)?.count() > 0)
}

/// The project's sealed values, ordered by name.
pub const ROWS: &str = "SELECT key, value AS row, key_id FROM secrets WHERE project_id = ?1 ORDER BY key";

/// A project's sealed values, ordered by name, read in the transaction that writes the event.
/// `None` when there is no such project.
pub(crate) async fn sealed_rows<H: Host>(
    host: &H,
    id: &ProjectId,
    event: &Event,
) -> Result<Option<Vec<StoreRow>>> {
    let of_project = || vec![id.as_str().into()];
    let statements = vec![
        Statement::new(EVENT_IF_PROJECT, event.values()),
        Statement::new(FIND, of_project()),
        Statement::new(ROWS, of_project()),
    ];
    let mut answers = host.transaction(statements).await?.into_iter().skip(1);
    let mut next = || nth(answers.by_ref().take(1).collect(), 0);
    let known = next()?.count() > 0;
    let rows = next()?.parse(|row| {
        Ok(StoreRow { key: row.read("key")?, row: row.read("row")?, key_id: row.read("key_id")? })
    })?;
    Ok(known.then_some(rows))
}

/// How many rows each key sealed.
pub const ROWS_BY_KEY: &str = "SELECT key_id, count(*) AS rows FROM secrets GROUP BY key_id ORDER BY key_id";

/// How many rows each key sealed. Rows under `None` name no key.
pub(crate) async fn rows_by_key<H: Host>(host: &H) -> Result<Vec<(Option<KeyId>, u64)>> {
    let counts = query(host, ROWS_BY_KEY, vec![]).await?;
    counts.parse(|row| Ok((row.read("key_id")?, row.read("rows")?)))
}

/// A row that another key than the newest sealed.
pub(crate) struct StaleRow {
    pub(crate) id: SecretId,
    pub(crate) project_id: ProjectId,
    pub(crate) key: String,
    pub(crate) row: String,
    pub(crate) key_id: Option<KeyId>,
}

impl StaleRow {
    fn read(row: Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.read("id")?,
            project_id: row.read("project_id")?,
            key: row.read("key")?,
            row: row.read("row")?,
            key_id: row.read("key_id")?,
        })
    }
}

impl fmt::Debug for StaleRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaleRow").field("id", &self.id).field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

/// At most ?3 rows after secret ?1 that another key than ?2 sealed.
pub const STALE_ROWS: &str = "SELECT id, project_id, key, value AS row, key_id FROM secrets \
    WHERE id > ?1 AND key_id IS NOT ?2 ORDER BY id LIMIT ?3";

/// The next stale rows after this one, in order of their ids. All that are left when there are
/// fewer than [`RESEALED_AT_ONCE`].
pub(crate) async fn stale_rows<H: Host>(
    host: &H,
    after: Option<SecretId>,
    newest: KeyId,
) -> Result<Vec<StaleRow>> {
    let after = after.map_or_else(String::new, |id| id.to_string());
    let values = vec![after.into(), u64::from(newest.0).into(), (RESEALED_AT_ONCE as u64).into()];
    query(host, STALE_ROWS, values).await?.parse(StaleRow::read)
}

/// Replaces row ?2 of secret ?1 by row ?3 under key ?4. Returns one row, or none when the row was
/// changed.
pub const RESEAL_ROW: &str =
    "UPDATE secrets SET value = ?3, key_id = ?4 WHERE id = ?1 AND value = ?2 RETURNING id";

/// Replaces each row's text, unless the row was changed meanwhile. Returns the number of replaced
/// rows.
pub(crate) async fn reseal_rows<H: Host>(
    host: &H,
    key_id: KeyId,
    rows: &[(StaleRow, String)],
) -> Result<u64> {
    if rows.is_empty() {
        return Ok(0);
    }
    let statements = rows.iter().map(|(old, new)| {
        let id = old.id.to_string();
        let values =
            vec![id.into(), old.row.as_str().into(), new.as_str().into(), u64::from(key_id.0).into()];
        Statement::new(RESEAL_ROW, values)
    });
    let answers = host.transaction(statements.collect()).await?;
    Ok(answers.iter().map(|answer| answer.count() as u64).sum())
}
