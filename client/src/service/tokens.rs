//! Calls about who may use the service: API tokens, and trusts in CI identities (OIDC).

use capy_protocol::api::tokens::{Bearer, CreatedToken, NewToken, RevokedToken, TokenList};
use capy_protocol::api::trusts::{NewTrust, RemovedTrust, Trust, TrustList};
use capy_protocol::token::{TokenId, TrustId};

use super::{ANSWER_MAX, LIST_MAX, Service, WHOLE_LIST, post};
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
        let split = |page: TokenList| (page.tokens, page.next);
        Ok(TokenList { tokens: self.pages("/tokens", LIST_MAX, WHOLE_LIST, deadline, split)?, next: None })
    }

    /// Revokes a token: `DELETE /tokens/{id}`. The service refuses the token from the moment this
    /// call returns.
    ///
    /// # Errors
    /// As [`Service::create_token`].
    pub fn revoke_token(&self, id: &TokenId, deadline: Deadline) -> Result<RevokedToken> {
        self.ask_any(&self.authorized(Method::Delete, format!("/tokens/{id}"), ANSWER_MAX), deadline)
    }

    /// Adds a trust, which gives CI identities a scope: `POST /oidc/trusts`.
    ///
    /// # Errors
    /// As [`Service::create_token`].
    pub fn add_trust(&self, body: &NewTrust, deadline: Deadline) -> Result<Trust> {
        self.ask_any(&self.authorized(post(body), "/oidc/trusts".into(), ANSWER_MAX), deadline)
    }

    /// All trusts, newest first: every page of `GET /oidc/trusts`.
    ///
    /// # Errors
    /// As [`Service::create_token`].
    pub fn trusts(&self, deadline: Deadline) -> Result<TrustList> {
        let split = |page: TrustList| (page.trusts, page.next);
        Ok(TrustList {
            trusts: self.pages("/oidc/trusts", LIST_MAX, WHOLE_LIST, deadline, split)?,
            next: None,
        })
    }

    /// Removes a trust: `DELETE /oidc/trusts/{id}`. The trust grants nothing from the moment this
    /// call returns.
    ///
    /// # Errors
    /// As [`Service::create_token`].
    pub fn remove_trust(&self, id: &TrustId, deadline: Deadline) -> Result<RemovedTrust> {
        self.ask_any(&self.authorized(Method::Delete, format!("/oidc/trusts/{id}"), ANSWER_MAX), deadline)
    }
}
