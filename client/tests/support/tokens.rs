//! API tokens as the stand-in keeps them.

use std::collections::BTreeMap;

use capy_protocol::api::SecretText;
use capy_protocol::api::tokens::{Bearer, CreatedToken, NewToken, RevokedToken, TokenInfo, TokenList};
use capy_protocol::scope::Scope;
use capy_protocol::token::{Token, TokenId};
use serde_json::Value;

use super::refuse;

/// The tokens by their text.
#[derive(Default)]
pub(crate) struct Tokens(BTreeMap<String, TokenInfo>);

impl Tokens {
    /// What the bearer of `token` is; the admin's own token is not among these.
    pub(crate) fn find(&self, token: &str) -> Option<&TokenInfo> {
        self.0.get(token)
    }

    pub(crate) fn create(&mut self, body: &str) -> (u16, Value) {
        let Ok(request) = serde_json::from_str::<NewToken>(body) else {
            return refuse(400, "BAD_REQUEST");
        };
        let token = Token::generate().unwrap();
        let info = TokenInfo {
            token_id: TokenId::generate().unwrap(),
            label: request.label,
            scopes: request.scopes,
            created_at: 1_700_000_000_000 + 60_000 * self.0.len() as u64,
            created_by: "bootstrap".into(),
            expires_at: request.expires_in.map(|seconds| 1_700_000_000_000 + 1000 * seconds),
            last_used_at: None,
            revoked_at: None,
        };
        self.0.insert(token.expose_secret().to_owned(), info.clone());
        json(201, &CreatedToken { token: SecretText::from(&token), info })
    }

    pub(crate) fn list(&self) -> (u16, Value) {
        let mut tokens: Vec<_> = self.0.values().cloned().collect();
        tokens.sort_by_key(|token| std::cmp::Reverse(token.created_at));
        json(200, &TokenList { tokens, next: None })
    }

    pub(crate) fn revoke(&mut self, id: &str) -> (u16, Value) {
        let Some(info) = self.0.values_mut().find(|info| info.token_id.to_string() == id) else {
            return refuse(404, "TOKEN_UNKNOWN");
        };
        let revoked_at = *info.revoked_at.get_or_insert(1_700_000_200_000);
        json(200, &RevokedToken { token_id: info.token_id, revoked_at })
    }
}

pub(crate) fn bearer(info: Option<&TokenInfo>) -> (u16, Value) {
    let bearer = match info {
        None => Bearer { actor: "bootstrap".into(), scopes: vec![Scope::Admin], expires_at: None },
        Some(info) => Bearer {
            actor: info.token_id.to_string(),
            scopes: info.scopes.clone(),
            expires_at: info.expires_at,
        },
    };
    json(200, &bearer)
}

fn json(status: u16, body: &impl serde::Serialize) -> (u16, Value) {
    (status, serde_json::to_value(body).unwrap())
}
