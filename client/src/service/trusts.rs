//! Trusts in CI identities as calls.

use capy_protocol::api::trusts::{NewTrust, RemovedTrust, Trust, TrustList};
use capy_protocol::token::TrustId;

use super::tokens::LARGE;
use super::{SMALL, Service, post};
use crate::http::Method;
use crate::{Deadline, Result};

impl Service {
    /// Lets the identities of a CI stand for a scope: `POST /oidc/trusts`.
    ///
    /// # Errors
    /// As [`Service::create_token`].
    pub fn add_trust(&self, body: &NewTrust, deadline: Deadline) -> Result<Trust> {
        self.ask_any(&self.authorized(post(body), "/oidc/trusts".into(), SMALL), deadline)
    }

    /// All trusts, newest first: `GET /oidc/trusts`.
    ///
    /// # Errors
    /// As [`Service::create_token`].
    pub fn trusts(&self, deadline: Deadline) -> Result<TrustList> {
        self.ask_any(&self.authorized(Method::Get, "/oidc/trusts".into(), LARGE), deadline)
    }

    /// Removes a trust: `DELETE /oidc/trusts/{id}`. Once it returned, nothing is accepted by it.
    ///
    /// # Errors
    /// As [`Service::create_token`].
    pub fn remove_trust(&self, id: &TrustId, deadline: Deadline) -> Result<RemovedTrust> {
        self.ask_any(&self.authorized(Method::Delete, format!("/oidc/trusts/{id}"), SMALL), deadline)
    }
}
