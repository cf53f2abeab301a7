//! Limits audit events about refusals to one per minute for each deployment and code, on this
//! instance. Repeated refused calls thereby neither fill the audit trail nor cause a database write
//! each time.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use capy_protocol::api::ErrorCode;
use capy_protocol::id::{DeployId, ProjectId};

/// The shortest time between two events of the same kind, in milliseconds.
const EVENT_INTERVAL_MS: u64 = 60_000;
/// How many events, and how many projects, are remembered. A caller cannot fill either with made-up
/// ids: each id belongs to a deployment whose blob the caller brought, or is on the revocation
/// list.
const MAX_ENTRIES: usize = 4096;

/// When refusals of each deployment were last recorded, and the projects of listed deployments.
#[derive(Default, Debug)]
pub struct RefusalThrottle(Mutex<Entries>);

#[derive(Default, Debug)]
struct Entries {
    /// The time of the last event, by deployment and code.
    recorded: BTreeMap<(DeployId, &'static str), u64>,
    /// The projects of listed deployments, which never change.
    projects: BTreeMap<DeployId, ProjectId>,
}

impl RefusalThrottle {
    /// Whether to record a refusal. If so, the refusal counts as recorded from now on.
    pub(crate) fn is_due(&self, id: &DeployId, code: ErrorCode, now: u64) -> bool {
        let recorded = &mut self.lock().recorded;
        let key = (*id, code.as_str());
        if recorded.get(&key).is_some_and(|at| is_recent(*at, now)) {
            return false;
        }
        if recorded.len() >= MAX_ENTRIES {
            recorded.retain(|_, at| is_recent(*at, now));
        }
        let has_room = recorded.len() < MAX_ENTRIES || recorded.contains_key(&key);
        if has_room {
            recorded.insert(key, now);
        }
        has_room
    }

    /// Whether the same refusal was recorded within the last minute.
    pub(crate) fn was_recorded(&self, id: &DeployId, code: ErrorCode, now: u64) -> bool {
        self.lock().recorded.get(&(*id, code.as_str())).is_some_and(|at| is_recent(*at, now))
    }

    /// The project of a listed deployment, if it is remembered.
    pub(crate) fn project_of(&self, id: &DeployId) -> Option<ProjectId> {
        self.lock().projects.get(id).cloned()
    }

    /// Remembers the project of a listed deployment.
    pub(crate) fn remember(&self, id: DeployId, project_id: ProjectId) {
        let projects = &mut self.lock().projects;
        if projects.len() >= MAX_ENTRIES {
            projects.clear();
        }
        projects.insert(id, project_id);
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_recent(at: u64, now: u64) -> bool {
    now < at.saturating_add(EVENT_INTERVAL_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REVOKED: ErrorCode = ErrorCode::DeployRevoked;

    fn id(number: usize) -> DeployId {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        DeployId::new(bytes)
    }

    #[test]
    fn one_refusal_a_minute_is_due_for_each_deployment_and_kind() {
        let throttle = RefusalThrottle::default();
        for (number, code, now, due) in [
            (1, REVOKED, 0, true),
            (1, REVOKED, EVENT_INTERVAL_MS - 1, false),
            (1, ErrorCode::DeployExpired, EVENT_INTERVAL_MS - 1, true),
            (2, REVOKED, 1, true),
            (1, REVOKED, EVENT_INTERVAL_MS, true),
            (1, REVOKED, EVENT_INTERVAL_MS + 1, false),
        ] {
            assert_eq!(throttle.was_recorded(&id(number), code, now), !due, "{number} {code:?} at {now}");
            assert_eq!(throttle.is_due(&id(number), code, now), due, "{number} {code:?} at {now}");
        }
    }

    #[test]
    fn memory_is_bounded_and_free_again_after_a_minute() {
        let throttle = RefusalThrottle::default();
        let project = ProjectId::parse("prj_a").unwrap();
        for number in 0..MAX_ENTRIES {
            assert!(throttle.is_due(&id(number), REVOKED, 0));
            throttle.remember(id(number), project.clone());
        }
        assert!(!throttle.is_due(&id(MAX_ENTRIES), REVOKED, 1), "full");
        assert!(throttle.is_due(&id(MAX_ENTRIES), REVOKED, EVENT_INTERVAL_MS));
        throttle.remember(id(MAX_ENTRIES), project.clone());
        assert_eq!(throttle.project_of(&id(MAX_ENTRIES)), Some(project));
        assert!(throttle.lock().projects.len() <= MAX_ENTRIES);
    }
}
