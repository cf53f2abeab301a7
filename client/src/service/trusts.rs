//! Calls for trusts in CI identities (OIDC).

use capy_protocol::api::trusts::{NewTrust, RemovedTrust, Trust, TrustList};
use capy_protocol::token::TrustId;

use super::{ANSWER_MAX, LIST_MAX, Service, post};
use crate::http::Method;
use crate::{Deadline, Result};

impl Service {
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
        let mut all = TrustList { trusts: Vec::new(), next: None };
        let mut query = String::new();
        loop {
            let request = self.authorized(Method::Get, format!("/oidc/trusts{query}"), LIST_MAX);
            let page: TrustList = self.ask_any(&request, deadline)?;
            all.trusts.extend(page.trusts);
            match page.next {
                Some(next) => query = self.cursor(&next)?,
                None => return Ok(all),
            }
        }
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
