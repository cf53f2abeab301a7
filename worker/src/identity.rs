//! The identity of a bearer, and what it is allowed to do.

use capy_protocol::api::tokens::{Bearer, TokenInfo};
use capy_protocol::id::ProjectId;
use capy_protocol::scope::Scope;

use crate::audit::{Action, Event};
use crate::caller::Caller;
use crate::error::ApiError;

/// An authenticated bearer. Only [`auth`](crate::auth) and [`oidc`](crate::oidc) create one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Identity {
    actor: String,
    scopes: Vec<Scope>,
    expires_at: Option<u64>,
}

impl Identity {
    /// The holder of the bootstrap token, which is a secret of the service itself: has all
    /// permissions.
    pub(crate) fn bootstrap() -> Self {
        Self { actor: "bootstrap".to_owned(), scopes: vec![Scope::Admin], expires_at: None }
    }

    /// The holder of an API token.
    pub(crate) fn of_token(token: TokenInfo) -> Self {
        Self { actor: token.token_id.to_string(), scopes: token.scopes, expires_at: token.expires_at }
    }

    /// A job in CI.
    pub(crate) fn of_ci(actor: String, scopes: Vec<Scope>, expires_at: u64) -> Self {
        Self { actor, scopes, expires_at: Some(expires_at) }
    }

    /// The bearer's name in the audit trail. Never a token, nor a part of one.
    pub(crate) fn actor(&self) -> &str {
        &self.actor
    }

    /// An audit event about an action of this bearer.
    pub(crate) fn event(&self, action: Action, at: u64, caller: Caller) -> Event {
        Event { action, at, actor: Some(self.actor.clone()), caller }
    }

    /// Whether any of the bearer's scopes covers the needed one.
    pub(crate) fn may(&self, needed: &Scope) -> bool {
        self.scopes.iter().any(|scope| scope.covers(needed))
    }

    /// Requires [`Self::may`]: 403 otherwise.
    pub(crate) fn require(&self, needed: &Scope) -> Result<(), ApiError> {
        if self.may(needed) { Ok(()) } else { Err(ApiError::Forbidden) }
    }

    /// The projects that the scopes name; `None` when a scope covers all projects.
    pub(crate) fn projects(&self) -> Option<Vec<ProjectId>> {
        let named = |scope: &Scope| match scope {
            Scope::Admin => None,
            Scope::Deploy(project) | Scope::Read(project) | Scope::Build(project) => Some(project.clone()),
        };
        self.scopes.iter().map(named).collect()
    }

    /// What `GET /tokens/self` answers.
    pub(crate) fn into_bearer(self) -> Bearer {
        Bearer { actor: self.actor, scopes: self.scopes, expires_at: self.expires_at }
    }
}
