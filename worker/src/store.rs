//! What the service remembers, as statements over any [`Host`](crate::host::Host). No key material: not a blob, not
//! a key, not a token.
//!
//! Each change and its event are one transaction: neither is ever there without the other.

use serde::Deserialize;

use crate::caller::Caller;
use crate::host::Value;

pub mod deploys;
pub mod sql;
pub mod tokens;
pub mod trusts;

/// What an event of the audit trail is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// A deployment was registered.
    Register,
    /// A key was asked for.
    Decrypt,
    /// A deployment was revoked.
    Revoke,
}

impl Action {
    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Decrypt => "decrypt",
            Self::Revoke => "revoke",
        }
    }
}

/// One event, but for the deployment it is about.
#[derive(Clone, Debug)]
pub struct Event {
    /// What was done.
    pub action: Action,
    /// When: milliseconds since the Unix epoch.
    pub at: u64,
    /// By whom.
    pub caller: Caller,
}

impl Event {
    /// Action, time, address, country, user agent: the parameters that end an event's statement.
    fn values(&self) -> [Value; 5] {
        [
            self.action.as_str().into(),
            self.at.into(),
            self.caller.peer.address.clone().into(),
            self.caller.peer.country.clone().into(),
            self.caller.user_agent.clone().into(),
        ]
    }
}
