//! Trusts in CI identities: one row each.

use capy_protocol::api::trusts::{Trust, TrustClaims};
use capy_protocol::json;
use capy_protocol::token::TrustId;

use super::audit::{EVENT, add_event};
use super::{Cursor, PAGE, truncate_to_page};
use crate::audit::Row as Event;
use crate::host::{Cell, FromCell, Host, Result, Row, Rows, Statement, Value, nth, query};

/// The trusts in issuer ?1.
pub const OF_ISSUER: &str = "SELECT * FROM oidc_trusts WHERE issuer = ?1";

/// The trusts that name this issuer, each with its seal.
pub(crate) async fn of_issuer<H: Host>(host: &H, issuer: &str) -> Result<Vec<(Trust, Option<String>)>> {
    let read = |row: Row<'_>| Ok((read_trust(row)?, row.read("seal")?));
    query(host, OF_ISSUER, vec![issuer.into()]).await?.parse(read)
}

/// At most ?3 trusts, newest first, after the trust with time ?1 and id ?2.
pub const LIST: &str = "SELECT * FROM oidc_trusts \
    WHERE created_at <= ?1 AND (created_at < ?1 OR trust_id > ?2) ORDER BY created_at DESC, trust_id LIMIT ?3";

/// A page of all trusts, newest first, and where the next page begins.
pub(crate) async fn list<H: Host>(
    host: &H,
    cursor: Option<&Cursor<TrustId>>,
) -> Result<(Vec<Trust>, Option<Cursor<TrustId>>)> {
    let (created_at, after) = Cursor::parameters(cursor);
    let values = vec![created_at.into(), after.into(), (PAGE as u64 + 1).into()];
    let mut trusts = query(host, LIST, values).await?.parse(read_trust)?;
    let next =
        truncate_to_page(&mut trusts, |last| Cursor { created_at: last.created_at, id: last.trust_id });
    Ok((trusts, next))
}

/// Adds a trust.
pub const INSERT: &str = "INSERT INTO oidc_trusts \
    (trust_id, issuer, audience, claims, scope, created_at, created_by, seal) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

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
    let event = Statement::new(EVENT, event.values());
    host.transaction(vec![event, Statement::new(INSERT, values)]).await.map(drop)
}

/// Adds an event of trust ?1, if that trust exists.
pub const EVENT_IF_TRUST: &str = add_event!("FROM oidc_trusts WHERE trust_id = ?1");

/// Removes trust ?1. Returns one row if it existed.
pub const REMOVE: &str = "DELETE FROM oidc_trusts WHERE trust_id = ?1 RETURNING trust_id";

/// Removes a trust, and returns whether it existed.
pub(crate) async fn remove<H: Host>(host: &H, id: &TrustId, event: &Event) -> Result<bool> {
    let event = Statement::new(EVENT_IF_TRUST, event.values());
    let remove = Statement::new(REMOVE, vec![id.to_string().into()]);
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
