//! The service's database: SQL statements, the same on every host. The database holds no key
//! material: no blob, no key and no token. Values of the project store are sealed before they get
//! here.
//!
//! Each change is one transaction with its event, so that neither exists without the other. The
//! event is first: both have the same condition, and after the change the event's condition may no
//! longer hold. Parameters are numbered; times are milliseconds since the Unix epoch.

pub mod audit;
pub mod deploys;
pub mod projects;
pub mod row_seals;
pub mod tokens;
pub mod trusts;

use std::fmt;

use crate::host::{Host, Statement};

/// The number of entries in a page.
pub const PAGE: usize = 200;
/// Later than every stored time: the greatest integer that D1 stores exactly.
const LAST_TIME: u64 = (1 << 53) - 1;

/// Where a page of a list begins: after this entry. Lists are newest first, and entries of the same
/// millisecond are ordered by id, ascending. As text: `created_at-id`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cursor<I> {
    /// When the entry was created.
    pub created_at: u64,
    /// The id of the entry.
    pub id: I,
}

impl<I: fmt::Display> Cursor<I> {
    /// Parses a cursor, its id by `parse`.
    pub fn parse<E>(text: &str, parse: impl FnOnce(&str) -> Result<I, E>) -> Option<Self> {
        let (created_at, id) = text.split_once('-')?;
        let created_at = created_at.parse().ok().filter(|time| *time <= LAST_TIME)?;
        Some(Self { created_at, id: parse(id).ok()? })
    }

    /// The time and id parameters of a page's statement. Without a cursor, those of the first page.
    pub(crate) fn parameters(cursor: Option<&Self>) -> (u64, String) {
        cursor.map_or((LAST_TIME, String::new()), |cursor| (cursor.created_at, cursor.id.to_string()))
    }
}

impl<I: fmt::Display> fmt::Display for Cursor<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.created_at, self.id)
    }
}

/// Truncates a list to a page, after a query for one entry more. Returns the cursor of the next
/// page, if there is one.
pub(crate) fn truncate_to_page<T, I>(
    entries: &mut Vec<T>,
    cursor: impl FnOnce(&T) -> Cursor<I>,
) -> Option<Cursor<I>> {
    let more = entries.len() > PAGE;
    entries.truncate(PAGE);
    entries.last().filter(|_| more).map(cursor)
}

/// A query that fails when a migration is missing, since it uses tables and columns that they add.
pub const CHECK: &str = "SELECT (SELECT 1 FROM deploys LIMIT 1), (SELECT 1 FROM tokens LIMIT 1), \
    (SELECT 1 FROM oidc_trusts LIMIT 1), (SELECT previous FROM audit_checkpoints LIMIT 1), \
    (SELECT 1 FROM project LIMIT 1), (SELECT 1 FROM secrets LIMIT 1), (SELECT seal FROM deploys LIMIT 1), \
    (SELECT 1 FROM sealing LIMIT 1)";

/// A write at ?1 without any effect on the service, unless one was made after ?2.
pub const PROBE: &str = "INSERT INTO probe (id, at) VALUES (1, ?1) \
    ON CONFLICT (id) DO UPDATE SET at = ?1 WHERE at <= ?2 OR at > ?1";

/// Whether the database answers, has its tables and accepts writes. Writes at most every ten
/// seconds.
pub(crate) async fn check<H: Host>(host: &H, now: u64) -> crate::host::Result<()> {
    const PROBE_INTERVAL: u64 = 10_000;
    let probe = vec![now.into(), now.saturating_sub(PROBE_INTERVAL).into()];
    let statements = vec![Statement::new(CHECK, vec![]), Statement::new(PROBE, probe)];
    host.transaction(statements).await.map(drop)
}
