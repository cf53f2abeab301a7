//! Trusts in CI identities: one row each.

use capy_protocol::api::trusts::Trust;
use capy_protocol::scope::Scope;
use capy_protocol::token::TrustId;
use serde::Deserialize;

use super::page::{self, Cursor, PAGE};
use super::sql;
use crate::audit::Row as Event;
use crate::host::{Host, HostError, Result, Rows, Statement, Value, nth, query};

/// The trusts that an issuer's tokens may fit.
pub(crate) async fn of_issuer<H: Host>(host: &H, issuer: &str) -> Result<Vec<Trust>> {
    read(host, sql::trusts::OF_ISSUER, vec![issuer.into()]).await
}

/// A page of all trusts, newest first, and where the next one begins.
pub(crate) async fn list<H: Host>(
    host: &H,
    cursor: Option<&Cursor<TrustId>>,
) -> Result<(Vec<Trust>, Option<Cursor<TrustId>>)> {
    let (created_at, after) = Cursor::after(cursor);
    let values = vec![created_at.into(), after.into(), (PAGE as u64 + 1).into()];
    let rows: Vec<Row> = query(host, sql::trusts::LIST, values).await?.parse()?;
    let mut trusts = rows.into_iter().map(Row::into_trust).collect::<Result<Vec<_>>>()?;
    let next = page::cut(&mut trusts, |last| Cursor { created_at: last.created_at, id: last.trust_id });
    Ok((trusts, next))
}

/// Adds a trust, with its event.
pub(crate) async fn insert<H: Host>(host: &H, trust: &Trust, event: &Event) -> Result<()> {
    let claims =
        serde_json::to_string(&trust.claims).map_err(|error| HostError::Database(error.to_string()))?;
    let values = vec![
        trust.trust_id.to_string().into(),
        trust.issuer.as_str().into(),
        trust.audience.as_str().into(),
        claims.into(),
        trust.scope.to_string().into(),
        trust.created_at.into(),
        trust.created_by.as_str().into(),
    ];
    let event = Statement::new(sql::audit::EVENT, event.values());
    host.transaction(vec![event, Statement::new(sql::trusts::INSERT, values)]).await.map(drop)
}

/// Removes a trust; whether there was one.
pub(crate) async fn remove<H: Host>(host: &H, id: &TrustId, event: &Event) -> Result<bool> {
    let event = Statement::new(sql::audit::EVENT_IF_TRUST, event.values());
    let remove = Statement::new(sql::trusts::REMOVE, vec![id.to_string().into()]);
    Ok(nth(host.transaction(vec![event, remove]).await?, 1)?.count()? > 0)
}

async fn read<H: Host>(host: &H, sql: &'static str, values: Vec<Value>) -> Result<Vec<Trust>> {
    let rows: Vec<Row> = query(host, sql, values).await?.parse()?;
    rows.into_iter().map(Row::into_trust).collect()
}

/// A row of `oidc_trusts`.
#[derive(Deserialize)]
struct Row {
    trust_id: TrustId,
    issuer: String,
    audience: String,
    claims: String,
    scope: Scope,
    created_at: u64,
    created_by: String,
}

impl Row {
    fn into_trust(self) -> Result<Trust> {
        let claims = serde_json::from_str(&self.claims)
            .map_err(|error| HostError::Database(format!("a trust's claims: {error}")))?;
        Ok(Trust {
            trust_id: self.trust_id,
            issuer: self.issuer,
            audience: self.audience,
            claims,
            scope: self.scope,
            created_at: self.created_at,
            created_by: self.created_by,
        })
    }
}
