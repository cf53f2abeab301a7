//! Sealed values of the project store: reads them for a build host, and replaces those that are
//! sealed again under a newer key.

use std::fmt;

use capy_protocol::api::projects::StoreRow;
use capy_protocol::id::{KeyId, ProjectId};
use capy_protocol::token::SecretId;

use super::sql::{audit, projects as sql};
use crate::audit::Row as Event;
use crate::host::{Host, Result, Row, Rows, Statement, nth, query};

/// The most rows that one call seals again: each is a statement, and the time of a call is limited.
pub const RESEALED_AT_ONCE: usize = 25;

/// A project's sealed values, ordered by name, read in the transaction that writes the event.
/// `None` when there is no such project.
pub(crate) async fn of_project<H: Host>(
    host: &H,
    id: &ProjectId,
    event: &Event,
) -> Result<Option<Vec<StoreRow>>> {
    let of_project = || vec![id.as_str().into()];
    let statements = vec![
        Statement::new(audit::EVENT_IF_PROJECT, event.values()),
        Statement::new(sql::FIND, of_project()),
        Statement::new(sql::ROWS, of_project()),
    ];
    let mut answers = host.transaction(statements).await?.into_iter().skip(1);
    let mut next = || nth(answers.by_ref().take(1).collect(), 0);
    let known = next()?.count() > 0;
    let rows = next()?.parse(|row| {
        Ok(StoreRow { key: row.read("key")?, row: row.read("row")?, key_id: row.read("key_id")? })
    })?;
    Ok(known.then_some(rows))
}

/// How many rows each key sealed. Rows under `None` name no key.
pub(crate) async fn by_key<H: Host>(host: &H) -> Result<Vec<(Option<KeyId>, u64)>> {
    let counts = query(host, sql::BY_KEY, vec![]).await?;
    counts.parse(|row| Ok((row.read("key_id")?, row.read("rows")?)))
}

/// A row that another key than the newest sealed.
pub(crate) struct Stale {
    pub(crate) id: SecretId,
    pub(crate) project_id: ProjectId,
    pub(crate) key: String,
    pub(crate) row: String,
    pub(crate) key_id: Option<KeyId>,
}

impl Stale {
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

impl fmt::Debug for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stale").field("id", &self.id).field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

/// The next stale rows after this one, in order of their ids. All that are left when there are
/// fewer than [`RESEALED_AT_ONCE`].
pub(crate) async fn stale<H: Host>(host: &H, after: Option<SecretId>, newest: KeyId) -> Result<Vec<Stale>> {
    let after = after.map_or_else(String::new, |id| id.to_string());
    let values = vec![after.into(), u64::from(newest.0).into(), (RESEALED_AT_ONCE as u64).into()];
    query(host, sql::STALE, values).await?.parse(Stale::read)
}

/// Replaces each row's text, unless the row was changed meanwhile. Returns the number of replaced
/// rows.
pub(crate) async fn reseal<H: Host>(host: &H, key_id: KeyId, rows: &[(Stale, String)]) -> Result<u64> {
    if rows.is_empty() {
        return Ok(0);
    }
    let statements = rows.iter().map(|(old, new)| {
        let id = old.id.to_string();
        let values =
            vec![id.into(), old.row.as_str().into(), new.as_str().into(), u64::from(key_id.0).into()];
        Statement::new(sql::RESEAL, values)
    });
    let answers = host.transaction(statements.collect()).await?;
    Ok(answers.iter().map(|answer| answer.count() as u64).sum())
}
