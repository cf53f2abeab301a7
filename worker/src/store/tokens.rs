//! API tokens: one row each, found by the digest of the token that the bearer presents.
//!
//! The lookup of a digest need not run in constant time: without the token nobody can choose how
//! many bytes of a guess's digest match a stored one, so the time reveals nothing.

use capy_protocol::api::tokens::TokenInfo;
use capy_protocol::scope::Scope;
use capy_protocol::token::TokenId;

use super::page::{self, Cursor, PAGE};
use super::sql;
use crate::audit::Row as Event;
use crate::host::{Cell, FromCell, Host, Result, Row, Rows, Statement, nth, query};

/// How often uses of a token are recorded, in milliseconds.
const USE_INTERVAL: u64 = 60_000;

/// The token with this digest, which has 64 hexadecimal digits, and its seal.
pub(crate) async fn find<H: Host>(host: &H, digest: &str) -> Result<Option<(TokenInfo, Option<String>)>> {
    let read = |row: Row<'_>| Ok((read_info(row)?, row.read("seal")?));
    query(host, sql::tokens::BY_DIGEST, vec![digest.into()]).await?.first(read)
}

/// Adds a token with its seal, and its event.
pub(crate) async fn insert<H: Host>(
    host: &H,
    digest: &str,
    token: &TokenInfo,
    seal: &str,
    event: &Event,
) -> Result<()> {
    let scopes: Vec<String> = token.scopes.iter().map(Scope::to_string).collect();
    let values = vec![
        token.token_id.to_string().into(),
        digest.into(),
        scopes.join(" ").into(),
        token.label.as_deref().into(),
        token.created_at.into(),
        token.created_by.as_str().into(),
        token.expires_at.into(),
        seal.into(),
    ];
    let event = Statement::new(sql::audit::EVENT, event.values());
    host.transaction(vec![event, Statement::new(sql::tokens::INSERT, values)]).await.map(drop)
}

/// Records that a token is in use, unless a use within the last minute is recorded.
pub(crate) async fn record_use<H: Host>(host: &H, token: &TokenInfo, now: u64) -> Result<()> {
    let due = now.saturating_sub(USE_INTERVAL);
    if token.last_used_at.is_some_and(|last| last > due) {
        return Ok(());
    }
    let values = vec![token.token_id.to_string().into(), now.into(), due.into()];
    query(host, sql::tokens::USED, values).await.map(drop)
}

/// Revokes a token. Returns when it was first revoked, or `None` when no token has the id.
pub(crate) async fn revoke<H: Host>(host: &H, id: &TokenId, event: &Event) -> Result<Option<u64>> {
    let id = id.to_string();
    let statements = vec![
        Statement::new(sql::audit::EVENT_IF_TOKEN_LIVE, event.values()),
        Statement::new(
            sql::tokens::REVOKE,
            vec![id.as_str().into(), event.at.into(), event.actor.as_deref().into()],
        ),
        Statement::new(sql::tokens::REVOKED_AT, vec![id.into()]),
    ];
    nth(host.transaction(statements).await?, 2)?.first(|row| row.read("revoked_at"))
}

/// A page of all tokens, newest first, and where the next page begins.
pub(crate) async fn list<H: Host>(
    host: &H,
    cursor: Option<&Cursor<TokenId>>,
) -> Result<(Vec<TokenInfo>, Option<Cursor<TokenId>>)> {
    let (created_at, after) = Cursor::parameters(cursor);
    let values = vec![created_at.into(), after.into(), (PAGE as u64 + 1).into()];
    let mut tokens = query(host, sql::tokens::LIST, values).await?.parse(read_info)?;
    let next = page::truncate(&mut tokens, |last| Cursor { created_at: last.created_at, id: last.token_id });
    Ok((tokens, next))
}

/// Reads scopes separated by single spaces.
impl FromCell for Vec<Scope> {
    const WHAT: &'static str = "scopes";

    fn from_cell(cell: Cell) -> Option<Self> {
        let text = String::from_cell(cell)?;
        text.split(' ').map(Scope::parse).collect::<capy_protocol::Result<_>>().ok()
    }
}

pub(super) fn read_info(row: Row<'_>) -> Result<TokenInfo> {
    Ok(TokenInfo {
        token_id: row.read("token_id")?,
        label: row.read("label")?,
        scopes: row.read("scopes")?,
        created_at: row.read("created_at")?,
        created_by: row.read("created_by")?,
        expires_at: row.read("expires_at")?,
        last_used_at: row.read("last_used_at")?,
        revoked_at: row.read("revoked_at")?,
    })
}
