//! `capy token`: creates, lists and revokes API tokens of a key service. Needs all rights there.

mod trust;

use capy_protocol::api::tokens::{CreatedToken, NewToken, TokenInfo};
use capy_protocol::scope::Scope;
use capy_protocol::token::TokenId;
use zeroize::Zeroizing;

use crate::cli::{AskService, Token, TokenCreate, TokenRevoke};
use crate::error::{Error, Result};
use crate::key_service;
use crate::printer::{self, now, shown, table, time, time_or};
use crate::project::parse_scope;
use crate::settings::deadline;

const HEAD: [&str; 6] = ["id", "label", "scopes", "created", "last used", "state"];

pub(super) fn run(command: Token) -> Result<()> {
    match command {
        Token::Create(create) => self::create(create),
        Token::List(list) => self::list(&list),
        Token::Revoke(revoke) => self::revoke(&revoke),
        Token::Trust(trust) => trust::run(trust),
    }
}

/// Creates a token, and prints it alone to stdout, so that it can be piped into a CI's secret
/// store.
fn create(arguments: TokenCreate) -> Result<()> {
    let request = NewToken {
        scopes: arguments.scopes.iter().map(|text| parse_scope(text)).collect::<Result<_>>()?,
        label: arguments.label,
        expires_in: arguments.expires.map(|time| time.as_secs()),
    };
    let created =
        key_service::with_token(arguments.ask.url.as_deref())?.create_token(&request, deadline()?)?;
    let printed = if arguments.ask.json { printer::json_text(&created) } else { line(&created) };
    if let Err(error) = printer::data(&printed) {
        // Nobody got the token, so it is revoked.
        let _ = key_service::with_token(arguments.ask.url.as_deref())?
            .revoke_token(&created.info.token_id, deadline()?);
        return Err(error);
    }
    if !arguments.ask.json {
        let id = created.info.token_id;
        printer::note(&format!("capy shows this token only once; to revoke it: capy token revoke {id}"));
    }
    Ok(())
}

fn line(created: &CreatedToken) -> Zeroizing<String> {
    Zeroizing::new(format!("{}\n", created.token.expose_secret()))
}

fn list(arguments: &AskService) -> Result<()> {
    let list = key_service::with_token(arguments.url.as_deref())?.tokens(deadline()?)?;
    if arguments.json {
        return printer::json(&list);
    }
    if list.tokens.is_empty() {
        printer::note("no API tokens yet");
        return Ok(());
    }
    let now = now();
    printer::data(&table(HEAD, list.tokens.iter().map(|token| row(token, now))))
}

fn row(token: &TokenInfo, now: u64) -> [String; 6] {
    let scopes: Vec<_> = token.scopes.iter().map(Scope::to_string).collect();
    let state = match (token.revoked_at, token.expires_at) {
        (Some(at), _) => format!("revoked {}", time(at)),
        (None, Some(at)) if at <= now => format!("expired {}", time(at)),
        (None, Some(at)) => format!("until {}", time(at)),
        (None, None) => "live".into(),
    };
    [
        token.token_id.to_string(),
        shown(token.label.as_deref()),
        scopes.join(" "),
        time(token.created_at),
        time_or(token.last_used_at, "never"),
        state,
    ]
}

fn revoke(arguments: &TokenRevoke) -> Result<()> {
    let id = arguments.id.trim();
    let id = TokenId::parse(id).map_err(|_| Error::TokenIdMalformed { text: id.into() })?;
    key_service::with_token(arguments.service.url.as_deref())?.revoke_token(&id, deadline()?)?;
    printer::note(&format!("token {id} is revoked: the service refuses it from now on"));
    Ok(())
}
