//! Trusts in CI identities: one row each.

use capy_protocol::api::trusts::{Trust, TrustClaims};
use capy_protocol::json;
use capy_protocol::token::TrustId;

use super::page::{self, Cursor, PAGE};
use super::sql;
use crate::audit::Row as Event;
use crate::host::{Cell, FromCell, Host, Result, Row, Rows, Statement, Value, nth, query};

/// The trusts that name this issuer, each with its seal.
pub(crate) async fn of_issuer<H: Host>(host: &H, issuer: &str) -> Result<Vec<(Trust, Option<String>)>> {
    let read = |row: Row<'_>| Ok((read_trust(row)?, row.read("seal")?));
    query(host, sql::trusts::OF_ISSUER, vec![issuer.into()]).await?.parse(read)
}

/// A page of all trusts, newest first, and where the next page begins.
pub(crate) async fn list<H: Host>(
    host: &H,
    cursor: Option<&Cursor<TrustId>>,
) -> Result<(Vec<Trust>, Option<Cursor<TrustId>>)> {
    let (created_at, after) = Cursor::parameters(cursor);
    let values = vec![created_at.into(), after.into(), (PAGE as u64 + 1).into()];
    let mut trusts = query(host, sql::trusts::LIST, values).await?.parse(read_trust)?;
    let next = page::truncate(&mut trusts, |last| Cursor { created_at: last.created_at, id: last.trust_id });
    Ok((trusts, next))
}

/// Adds a trust with its seal, and its event.
pub(crate) async fn insert<H: Host>(host: &H, trust: &Trust, seal: &str, event: &Event) -> Result<()> {
    let values = vec![
        trust.trust_id.to_string().into(),
        trust.issuer.as_str().into(),
        trust.audience.as_str().into(),
        Value::json(&trust.claims),
        trust.scope.to_string().into(),
        trust.created_at.into(),
        trust.created_by.as_str().into(),
        seal.into(),
    ];
    let event = Statement::new(sql::audit::EVENT, event.values());
    host.transaction(vec![event, Statement::new(sql::trusts::INSERT, values)]).await.map(drop)
}

/// Removes a trust, and returns whether it existed.
pub(crate) async fn remove<H: Host>(host: &H, id: &TrustId, event: &Event) -> Result<bool> {
    let event = Statement::new(sql::audit::EVENT_IF_TRUST, event.values());
    let remove = Statement::new(sql::trusts::REMOVE, vec![id.to_string().into()]);
    Ok(nth(host.transaction(vec![event, remove]).await?, 1)?.count() > 0)
}

impl FromCell for TrustClaims {
    const WHAT: &'static str = "claims";

    fn from_cell(cell: Cell) -> Option<Self> {
        json::read(String::from_cell(cell)?.as_bytes()).ok()
    }
}

pub(super) fn read_trust(row: Row<'_>) -> Result<Trust> {
    Ok(Trust {
        trust_id: row.read("trust_id")?,
        issuer: row.read("issuer")?,
        audience: row.read("audience")?,
        claims: row.read("claims")?,
        scope: row.read("scope")?,
        created_at: row.read("created_at")?,
        created_by: row.read("created_by")?,
    })
}
