//! The model that the service is checked against: which answers a call may get, given the answers
//! before.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use anyhow::{Result, bail, ensure};
use serde_json::Value;

use crate::registered::Registered;

/// How many of the newest deployments calls are made for: some live, some revoked.
const RECENT_DEPLOYMENTS: usize = 64;

/// A deployment, and what has happened to it.
#[derive(Debug)]
pub(super) struct ModelDeployment {
    pub(super) deployment: Registered,
    /// Set before the first call that revokes it.
    pub(super) revoking: AtomicBool,
    /// Set once such a call was answered.
    pub(super) revoked: AtomicBool,
    released: AtomicU64,
    /// How many requests for its key a restart cut off: each may have released the key or not.
    cut_off: AtomicU64,
}

impl ModelDeployment {
    pub(super) fn new(deployment: Registered) -> Self {
        let (revoking, revoked) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { deployment, revoking, revoked, released: AtomicU64::new(0), cut_off: AtomicU64::new(0) }
    }

    /// Checks and counts the answer to a request for the key; `None` if a restart cut it off.
    /// `revoked_before` says whether a revocation had been answered when the request began.
    ///
    /// # Errors
    /// If the service must not give this answer.
    pub(super) fn check_answer(&self, answer: Option<&(u16, Value)>, revoked_before: bool) -> Result<()> {
        let Some((status, body)) = answer else {
            self.cut_off.fetch_add(1, SeqCst);
            return Ok(());
        };
        let id = &self.deployment.id;
        match (status, body["service_key"].as_str(), body["code"].as_str()) {
            (200, Some(key), None) if key == self.deployment.key => {
                ensure!(!revoked_before, "{id}: its key was released after its revocation");
                self.released.fetch_add(1, SeqCst);
            }
            (410, None, Some("DEPLOY_REVOKED")) => {
                ensure!(self.revoking.load(SeqCst), "{id}: refused as revoked, which nobody asked for");
            }
            _ => bail!("{id}: {status}, and neither its key nor a refusal"),
        }
        Ok(())
    }

    /// Checks that the trail holds the events that it must.
    ///
    /// # Errors
    /// If an event is missing, or there is one too many.
    pub(super) fn check(&self, events: &Events) -> Result<()> {
        let (released, cut_off) = (self.released.load(SeqCst), self.cut_off.load(SeqCst));
        let told =
            format!("{}: {events:?}, but {released} releases and {cut_off} cut off", self.deployment.id);
        ensure!(events.registered == 1, "{told}");
        ensure!((released..=released + cut_off).contains(&events.released), "{told}");
        let revoked = u64::from(self.revoked.load(SeqCst))..=u64::from(self.revoking.load(SeqCst));
        ensure!(revoked.contains(&events.revoked), "{told}");
        Ok(())
    }

    pub(super) fn released(&self) -> u64 {
        self.released.load(SeqCst)
    }

    pub(super) fn cut_off(&self) -> u64 {
        self.cut_off.load(SeqCst)
    }
}

/// How many events of each kind the trail holds for one deployment.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Events {
    pub(super) registered: u64,
    pub(super) released: u64,
    pub(super) revoked: u64,
}

impl Events {
    /// Counts one event. Refusals are not counted.
    pub(super) fn add(&mut self, event: &Value) {
        match (event["action"].as_str(), event["result"].as_str()) {
            (Some("register"), Some("ok")) => self.registered += 1,
            (Some("decrypt"), Some("ok")) => self.released += 1,
            (Some("revoke"), Some("ok")) => self.revoked += 1,
            _ => {}
        }
    }
}

/// How many revoked tokens are remembered: the first ones, which have been through most restarts.
const REVOKED_TOKENS_MAX: usize = 1000;

/// Every deployment, oldest first, and revoked tokens.
#[derive(Debug, Default)]
pub(super) struct Model {
    deployments: RwLock<Vec<Arc<ModelDeployment>>>,
    revoked_tokens: Mutex<Vec<String>>,
}

impl Model {
    pub(super) fn add(&self, deployment: Registered) {
        self.deployments
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::new(ModelDeployment::new(deployment)));
    }

    /// One of the newest deployments, chosen by `number`.
    pub(super) fn pick(&self, number: usize) -> Option<Arc<ModelDeployment>> {
        let recent = self.recent();
        recent.get(number % recent.len().max(1)).cloned()
    }

    pub(super) fn recent(&self) -> Vec<Arc<ModelDeployment>> {
        let all = self.deployments.read().unwrap_or_else(PoisonError::into_inner);
        all[all.len().saturating_sub(RECENT_DEPLOYMENTS)..].to_vec()
    }

    pub(super) fn all(&self) -> Vec<Arc<ModelDeployment>> {
        self.deployments.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers a token whose revocation was answered.
    pub(super) fn add_revoked_token(&self, token: &str) {
        let mut tokens = self.revoked_tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() < REVOKED_TOKENS_MAX {
            tokens.push(token.to_owned());
        }
    }

    pub(super) fn revoked_tokens(&self) -> Vec<String> {
        self.revoked_tokens.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Checks that the trail, grouped by deployment, holds the events that it must.
    ///
    /// # Errors
    /// If the events of a deployment are wrong: then with the first one.
    pub(super) fn check(&self, trail: &BTreeMap<String, Events>) -> Result<()> {
        let none = Events::default();
        self.all().iter().try_for_each(|known| known.check(trail.get(&known.deployment.id).unwrap_or(&none)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn known() -> ModelDeployment {
        ModelDeployment::new(Registered { id: "d".into(), ask: Value::Null, key: "k".into() })
    }

    #[test]
    fn a_key_after_the_revocation_is_a_fault() {
        let known = known();
        let key = (200, json!({ "service_key": "k" }));
        known.revoking.store(true, SeqCst);
        assert!(known.check_answer(Some(&key), false).is_ok(), "it began before");
        assert!(known.check_answer(Some(&key), true).is_err());
    }

    #[test]
    fn wrong_keys_failures_and_refusals_without_reason_are_faults() {
        for answer in [
            (200, json!({ "service_key": "other" })),
            (410, json!({ "code": "DEPLOY_REVOKED" })),
            (410, json!({ "code": "DEPLOY_EXPIRED" })),
            (500, json!({ "code": "INTERNAL" })),
        ] {
            assert!(known().check_answer(Some(&answer), false).is_err(), "{answer:?}");
        }
    }

    #[test]
    fn each_release_needs_its_event_and_no_event_comes_without_one() {
        let known = known();
        let key = (200, json!({ "service_key": "k" }));
        known.check_answer(Some(&key), false).unwrap();
        known.check_answer(None, false).unwrap();
        for (released, right) in [(0, false), (1, true), (2, true), (3, false)] {
            let events = Events { registered: 1, released, revoked: 0 };
            assert_eq!(known.check(&events).is_ok(), right, "{released}");
        }
        known.revoked.store(true, SeqCst);
        known.revoking.store(true, SeqCst);
        assert!(known.check(&Events { registered: 1, released: 1, revoked: 0 }).is_err(), "lost revocation");
    }
}
