//! Projects and their secrets. A change is one transaction: its settings and all of its values, or
//! nothing.

use std::fmt;

use capy_protocol::api::projects::{Project, ProjectDetail, Recipe, SecretInfo};
use capy_protocol::id::{KeyId, ProjectId};
use capy_protocol::to_json;
use capy_protocol::token::SecretId;

use super::page::{self, Cursor, PAGE};
use super::sql::{audit, projects as sql};
use crate::audit::Row as Event;
use crate::host::{Host, Result, Row, Rows, Statement, Value, nth, query};
use crate::policy::projects::ProjectSize;

/// The approximate size, in characters, of the rows in one statement. D1 accepts parameters of up
/// to two million bytes.
const ROWS_AT_ONCE: usize = 500_000;

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

impl Sealed {
    /// The statements that set these secrets, as many as their size requires.
    fn statements(&self, id: &ProjectId, now: u64) -> Result<Vec<Statement>> {
        let chunk = |rows: &[SealedRow]| {
            let key_id = u64::from(self.key_id.0);
            let values = vec![id.as_str().into(), Value::json(rows), key_id.into(), now.into()];
            Ok(Statement::new(sql::SET_SECRETS, values))
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

/// The project with this id.
pub(crate) async fn find<H: Host>(host: &H, id: &ProjectId) -> Result<Option<Project>> {
    query(host, sql::FIND, vec![id.as_str().into()]).await?.first(read_project)
}

/// The project with this id, and the names of its secrets.
pub(crate) async fn detail<H: Host>(host: &H, id: &ProjectId) -> Result<Option<ProjectDetail>> {
    write_and_read(host, id, Vec::new()).await
}

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
    let mut projects = query(host, sql::LIST, values).await?.parse(read_project)?;
    let next = page::truncate(&mut projects, |last| Cursor {
        created_at: last.created_at,
        id: last.project_id.clone(),
    });
    Ok((projects, next))
}

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
    let event = Statement::new(audit::EVENT, event.values());
    let mut statements = vec![event, Statement::new(sql::INSERT, values)];
    statements.extend(secrets.statements(id, project.created_at)?);
    write_and_read(host, id, statements).await
}

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
    let happened = Statement::new(audit::EVENT_IF_PROJECT, event.values());
    let mut statements = vec![happened, Statement::new(sql::CHANGE, values)];
    statements.extend(secrets.statements(id, event.at)?);
    write_and_read(host, id, statements).await
}

fn settings(recipe: &Recipe) -> [Value; 6] {
    let Recipe { repository_url, branch, install_command, build_command, output_directory, image } = recipe;
    [repository_url, branch, install_command, build_command, output_directory, image]
        .map(|setting| setting.as_deref().into())
}

/// Runs statements, and reads the project in the same transaction.
async fn write_and_read<H: Host>(
    host: &H,
    id: &ProjectId,
    mut statements: Vec<Statement>,
) -> Result<Option<ProjectDetail>> {
    let first = statements.len();
    let of_project = || vec![id.as_str().into()];
    statements.push(Statement::new(sql::FIND, of_project()));
    statements.push(Statement::new(sql::SECRETS, of_project()));
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

/// The size of a project without the secrets with these names.
pub(crate) async fn others<H: Host>(host: &H, id: &ProjectId, names: &[&str]) -> Result<ProjectSize> {
    let held = query(host, sql::OTHERS, vec![id.as_str().into(), Value::json(names)])
        .await?
        .first(|row| Ok(ProjectSize { count: row.read("count")?, bytes: row.read("bytes")? }))?;
    Ok(held.unwrap_or_default())
}

/// Removes a project with its secrets, and returns whether it existed.
pub(crate) async fn remove<H: Host>(host: &H, id: &ProjectId, event: &Event) -> Result<bool> {
    let statements = vec![
        Statement::new(audit::EVENT_IF_PROJECT, event.values()),
        Statement::new(sql::REMOVE, vec![id.as_str().into()]),
    ];
    Ok(nth(host.transaction(statements).await?, 1)?.count() > 0)
}

/// The project and the name of a secret.
pub(crate) struct OfSecret {
    pub(crate) project_id: ProjectId,
    pub(crate) key: String,
}

/// Finds the project and the name of a secret.
pub(crate) async fn of_secret<H: Host>(host: &H, id: &SecretId) -> Result<Option<OfSecret>> {
    query(host, sql::OF_SECRET, vec![id.to_string().into()])
        .await?
        .first(|row| Ok(OfSecret { project_id: row.read("project_id")?, key: row.read("key")? }))
}

/// Removes a secret of a project, and returns whether it existed.
pub(crate) async fn remove_secret<H: Host>(
    host: &H,
    project_id: &ProjectId,
    id: &SecretId,
    event: &Event,
) -> Result<bool> {
    let statements = vec![
        Statement::new(audit::EVENT_IF_SECRET, event.values()),
        Statement::new(sql::TOUCH, vec![project_id.as_str().into(), event.at.into()]),
        Statement::new(sql::REMOVE_SECRET, vec![id.to_string().into()]),
    ];
    Ok(nth(host.transaction(statements).await?, 2)?.count() > 0)
}
