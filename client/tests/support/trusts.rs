//! CI identities as the stand-in knows them: it is a runner that makes them, and a service that takes them.

use std::collections::BTreeMap;

use capy_protocol::api::tokens::Bearer;
use capy_protocol::api::trusts::{NewTrust, RemovedTrust, Trust, TrustList};
use capy_protocol::scope::Scope;
use capy_protocol::token::TrustId;
use serde_json::{Value, json};

use super::{Seen, refuse};

/// What the runner wants to see before it makes an identity.
pub(crate) const RUNNER_TOKEN: &str = "canary.RUNNER.x9";
/// Where the runner is asked.
pub(crate) const RUNNER_PATH: &str = "/runner/identity?api-version=2.0";
/// The identity that it makes, whoever it is for.
const IDENTITY: &str = "canary.IDENTITY.x9";

/// The trusts by their ids.
#[derive(Default)]
pub(crate) struct Trusts(BTreeMap<String, Trust>);

impl Trusts {
    pub(crate) fn add(&mut self, body: &str) -> (u16, Value) {
        let Ok(request) = serde_json::from_str::<NewTrust>(body) else {
            return refuse(400, "BAD_REQUEST");
        };
        let trust = Trust {
            trust_id: TrustId::generate().unwrap(),
            issuer: request.issuer,
            audience: request.audience,
            claims: request.claims,
            scope: request.scope,
            created_at: 1_700_000_000_000 + 60_000 * self.0.len() as u64,
            created_by: "bootstrap".into(),
        };
        self.0.insert(trust.trust_id.to_string(), trust.clone());
        (201, serde_json::to_value(trust).unwrap())
    }

    pub(crate) fn list(&self) -> (u16, Value) {
        let mut trusts: Vec<_> = self.0.values().cloned().collect();
        trusts.sort_by_key(|trust| std::cmp::Reverse(trust.created_at));
        (200, serde_json::to_value(TrustList { next: None, trusts }).unwrap())
    }

    pub(crate) fn remove(&mut self, id: &str) -> (u16, Value) {
        match self.0.remove(id) {
            Some(trust) => (200, serde_json::to_value(RemovedTrust { trust_id: trust.trust_id }).unwrap()),
            None => refuse(404, "TRUST_UNKNOWN"),
        }
    }
}

/// The runner's answer, or what a service answers to a job.
pub(crate) fn identity(seen: &Seen, bearer: &str) -> Option<(u16, Value)> {
    if seen.path.starts_with(RUNNER_PATH) {
        return Some(match bearer {
            RUNNER_TOKEN => (200, json!({ "count": 1, "value": IDENTITY })),
            _ => refuse(401, "UNAUTHORIZED"),
        });
    }
    let actor = "github:o/r@refs/heads/main".to_owned();
    let scopes = vec![Scope::parse("read:prj_a").unwrap()];
    let myself = Bearer { actor, scopes, expires_at: None };
    (bearer == IDENTITY).then(|| match seen.path.as_str() {
        "/tokens/self" => (200, serde_json::to_value(myself).unwrap()),
        path if path.ends_with("/deploys") => (200, json!({ "deploys": [] })),
        _ => refuse(403, "FORBIDDEN"),
    })
}
