//! `POST /tokens`, `GET /tokens`, `DELETE /tokens/{id}`, `GET /tokens/self`.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::SecretText;
use crate::scope::Scope;
use crate::token::{Token, TokenId};

/// `POST /tokens`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it may do: at least one.
    pub scopes: Vec<Scope>,
    /// A note for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// How many seconds it is to live; for ever, where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
}

/// The answer to `POST /tokens`, and the only one that holds a token's text.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CreatedToken {
    /// The token.
    pub token: SecretText,
    /// What is known of it from now on.
    #[serde(flatten)]
    pub info: TokenInfo,
}

/// One API token as `GET /tokens` shows it. Not its text, which is not kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenInfo {
    /// Its id.
    pub token_id: TokenId,
    /// A note for people.
    pub label: Option<String>,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: u64,
    /// By whom: `bootstrap`, another token's id, or what OIDC said.
    pub created_by: String,
    /// From when on it is refused, if ever.
    pub expires_at: Option<u64>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<u64>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<u64>,
}

/// A page of `GET /tokens`: newest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TokenList {
    /// The tokens, revoked and expired ones among them.
    pub tokens: Vec<TokenInfo>,
    /// Where the next page begins, as `?cursor=`; none after the last one.
    #[serde(default)]
    pub next: Option<String>,
}

/// The answer to `DELETE /tokens/{id}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RevokedToken {
    /// The revoked token.
    pub token_id: TokenId,
    /// When it was revoked first.
    pub revoked_at: u64,
}

/// The answer to `GET /tokens/self`: who the bearer is to the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bearer {
    /// `bootstrap`, a token's id, or what OIDC said.
    pub actor: String,
    /// What the bearer may do.
    pub scopes: Vec<Scope>,
    /// From when on the bearer is refused, if that is known.
    pub expires_at: Option<u64>,
}

impl From<&Token> for SecretText {
    fn from(token: &Token) -> Self {
        Self(String::from(token.expose_secret()))
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn wire_format_unchanged() {
        let scopes = vec![Scope::Admin, Scope::parse("read:prj_a").unwrap()];
        let request = NewToken { scopes: scopes.clone(), label: None, expires_in: Some(5) };
        let json = r#"{"scopes":["admin","read:prj_a"],"expires_in":5}"#;
        assert_eq!(serde_json::to_string(&request).unwrap(), json);
        assert!(serde_json::from_str::<NewToken>(r#"{"scopes":["admin"],"scope":"x"}"#).is_err());
        let answer = CreatedToken {
            token: SecretText("capy_x".into()),
            info: TokenInfo {
                token_id: TokenId::parse("tok_0123456789abcdef").unwrap(),
                label: Some("ci".into()),
                scopes,
                created_at: 1,
                created_by: "bootstrap".into(),
                expires_at: None,
                last_used_at: None,
                revoked_at: None,
            },
        };
        let json = concat!(
            r#"{"token":"capy_x","token_id":"tok_0123456789abcdef","label":"ci","scopes":["admin","read:prj_a"],"#,
            r#""created_at":1,"created_by":"bootstrap","expires_at":null,"last_used_at":null,"revoked_at":null}"#
        );
        assert_eq!(serde_json::to_string(&answer).unwrap(), json);
    }
}
