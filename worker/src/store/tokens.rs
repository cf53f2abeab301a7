//! API tokens: one row each, found by the digest of the token that the bearer presents.
//!
//! The lookup of a digest need not run in constant time: without the token nobody can choose how
//! many bytes of a guess's digest match a stored one, so the time reveals nothing.
//!
//! In the statements, ?1 is the token's id unless stated otherwise.

use capy_protocol::api::tokens::TokenInfo;
use capy_protocol::scope::Scope;
use capy_protocol::token::TokenId;

use super::audit::{EVENT, add_event};
use super::{Cursor, PAGE, truncate_to_page};
use crate::audit::Row as Event;
use crate::host::{Cell, FromCell, Host, Result, Row, Rows, Statement, nth, query};

/// How often uses of a token are recorded, in milliseconds.
const USE_INTERVAL: u64 = 60_000;

/// The token with digest ?1.
pub const BY_DIGEST: &str = "SELECT * FROM tokens WHERE digest = ?1";

/// The token with this digest, which has 64 hexadecimal digits, and its seal.
pub(crate) async fn find<H: Host>(host: &H, digest: &str) -> Result<Option<(TokenInfo, Option<String>)>> {
    let read = |row: Row<'_>| Ok((read_info(row)?, row.read("seal")?));
    query(host, BY_DIGEST, vec![digest.into()]).await?.first(read)
}

/// Adds a token.
pub const INSERT: &str = "INSERT INTO tokens \
    (token_id, digest, scopes, label, created_at, created_by, expires_at, seal) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

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
    let event = Statement::new(EVENT, event.values());
    host.transaction(vec![event, Statement::new(INSERT, values)]).await.map(drop)
}

/// Records a use at ?2, unless a use after ?3 is recorded.
pub const USED: &str = "UPDATE tokens SET last_used_at = ?2 \
    WHERE token_id = ?1 AND (last_used_at IS NULL OR last_used_at <= ?3)";

/// Records that a token is in use, unless a use within the last minute is recorded.
pub(crate) async fn record_use<H: Host>(host: &H, token: &TokenInfo, now: u64) -> Result<()> {
    let due = now.saturating_sub(USE_INTERVAL);
    if token.last_used_at.is_some_and(|last| last > due) {
        return Ok(());
    }
    let values = vec![token.token_id.to_string().into(), now.into(), due.into()];
    query(host, USED, values).await.map(drop)
}

/// Adds an event of API token ?1, unless the token is revoked.
pub const EVENT_IF_TOKEN_LIVE: &str = add_event!("FROM tokens WHERE token_id = ?1 AND revoked_at IS NULL");

/// Revokes the token at ?2 by ?3, unless it is revoked already. Replaces the seal, so that the row
/// does not verify when somebody undoes the revocation.
pub const REVOKE: &str = "UPDATE tokens SET revoked_at = ?2, revoked_by = ?3, seal = 'revoked' \
    WHERE token_id = ?1 AND revoked_at IS NULL";

/// When the token was revoked.
pub const REVOKED_AT: &str = "SELECT revoked_at FROM tokens WHERE token_id = ?1";

/// Revokes a token. Returns when it was first revoked, or `None` when no token has the id.
pub(crate) async fn revoke<H: Host>(host: &H, id: &TokenId, event: &Event) -> Result<Option<u64>> {
    let id = id.to_string();
    let statements = vec![
        Statement::new(EVENT_IF_TOKEN_LIVE, event.values()),
        Statement::new(REVOKE, vec![id.as_str().into(), event.at.into(), event.actor.as_deref().into()]),
        Statement::new(REVOKED_AT, vec![id.into()]),
    ];
    nth(host.transaction(statements).await?, 2)?.first(|row| row.read("revoked_at"))
}

/// At most ?3 tokens, newest first, after the token with time ?1 and id ?2.
pub const LIST: &str = "SELECT * FROM tokens \
    WHERE created_at <= ?1 AND (created_at < ?1 OR token_id > ?2) ORDER BY created_at DESC, token_id LIMIT ?3";

/// A page of all tokens, newest first, and where the next page begins.
pub(crate) async fn list<H: Host>(
    host: &H,
    cursor: Option<&Cursor<TokenId>>,
) -> Result<(Vec<TokenInfo>, Option<Cursor<TokenId>>)> {
    let (created_at, after) = Cursor::parameters(cursor);
    let values = vec![created_at.into(), after.into(), (PAGE as u64 + 1).into()];
    let mut tokens = query(host, LIST, values).await?.parse(read_info)?;
    let next =
        truncate_to_page(&mut tokens, |last| Cursor { created_at: last.created_at, id: last.token_id });
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
