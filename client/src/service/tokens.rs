//! Calls for API tokens.

use capy_protocol::api::tokens::{Bearer, CreatedToken, NewToken, RevokedToken, TokenList};
use capy_protocol::token::TokenId;

use super::{ANSWER_MAX, LIST_MAX, Service, post};
use crate::http::Method;
use crate::{Deadline, Result};

impl Service {
    /// The identity and scopes behind this token: `GET /tokens/self`.
    ///
    /// # Errors
    /// [`Error::Unauthorized`](crate::Error::Unauthorized) and the other errors about API tokens,
    /// and the service errors.
    pub fn bearer(&self, deadline: Deadline) -> Result<Bearer> {
        self.ask_any(&self.authorized(Method::Get, "/tokens/self".into(), ANSWER_MAX), deadline)
    }

    /// Creates a token: `POST /tokens`. An attempt whose answer is lost leaves a token in the list
    /// whose text nobody has.
    ///
    /// # Errors
    /// As [`Service::bearer`], and [`Error::Forbidden`](crate::Error::Forbidden).
    pub fn create_token(&self, body: &NewToken, deadline: Deadline) -> Result<CreatedToken> {
        self.ask_any(&self.authorized(post(body), "/tokens".into(), ANSWER_MAX), deadline)
    }

    /// All tokens, newest first: every page of `GET /tokens`.
    ///
    /// # Errors
    /// As [`Service::create_token`].
    pub fn tokens(&self, deadline: Deadline) -> Result<TokenList> {
        let mut all = TokenList { tokens: Vec::new(), next: None };
        let mut query = String::new();
        loop {
            let request = self.authorized(Method::Get, format!("/tokens{query}"), LIST_MAX);
            let page: TokenList = self.ask_any(&request, deadline)?;
            all.tokens.extend(page.tokens);
            match page.next {
                Some(next) => query = self.cursor(&next)?,
                None => return Ok(all),
            }
        }
    }

    /// Revokes a token: `DELETE /tokens/{id}`. The service refuses the token from the moment this
    /// call returns.
    ///
    /// # Errors
    /// As [`Service::create_token`].
    pub fn revoke_token(&self, id: &TokenId, deadline: Deadline) -> Result<RevokedToken> {
        self.ask_any(&self.authorized(Method::Delete, format!("/tokens/{id}"), ANSWER_MAX), deadline)
    }
}
