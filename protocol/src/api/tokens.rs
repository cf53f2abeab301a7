//! API tokens: the types of `POST /tokens`, `GET /tokens`, `DELETE /tokens/{id}` and
//! `GET /tokens/self`.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::SecretText;
use crate::scope::Scope;
use crate::token::{Token, TokenId};

/// The body of `POST /tokens`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// The token's scopes; at least one.
    pub scopes: Vec<Scope>,
    /// A human-readable note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The token's lifetime in seconds; none if it never expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
}

/// The answer to `POST /tokens`, the only answer that contains a token's text.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CreatedToken {
    /// The token.
    pub token: SecretText,
    /// The token's metadata, as `GET /tokens` lists it.
    #[serde(flatten)]
    pub info: TokenInfo,
}

/// One API token as `GET /tokens` lists it, without the token's text, which the service does not
/// keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenInfo {
    /// The token's id.
    pub token_id: TokenId,
    /// A human-readable note.
    pub label: Option<String>,
    /// The token's scopes.
    pub scopes: Vec<Scope>,
    /// When the token was made.
    pub created_at: u64,
    /// Who made the token: `bootstrap`, another token's id, or the name of a CI identity (OIDC).
    pub created_by: String,
    /// When the token expires, if ever; the service refuses it from then on.
    pub expires_at: Option<u64>,
    /// When the token was last used, to the minute.
    pub last_used_at: Option<u64>,
    /// When the token was revoked, if it was.
    pub revoked_at: Option<u64>,
}

/// A page of `GET /tokens`: newest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TokenList {
    /// The tokens, including revoked and expired ones.
    pub tokens: Vec<TokenInfo>,
    /// The cursor of the next page, for `?cursor=`; none after the last page.
    #[serde(default)]
    pub next: Option<String>,
}

/// The answer to `DELETE /tokens/{id}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RevokedToken {
    /// The revoked token.
    pub token_id: TokenId,
    /// When the token was first revoked.
    pub revoked_at: u64,
}

/// The answer to `GET /tokens/self`: the identity that the service sees behind the bearer token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bearer {
    /// `bootstrap`, a token's id, or the name of a CI identity (OIDC).
    pub actor: String,
    /// The bearer's scopes.
    pub scopes: Vec<Scope>,
    /// When the bearer token expires, if that is known.
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
