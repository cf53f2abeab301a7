//! Which deployments were refused by the revocation list within the last minute, on this instance. Each such refusal is an
//! event, and asks the database twice: whoever repeats a revoked id shall not make the database work each time.

use std::sync::{Mutex, PoisonError};

use capy_protocol::id::DeployId;

/// How long one event speaks for all of its kind, in milliseconds.
const ONE_EACH: u64 = 60_000;
/// How many deployments are remembered. Only ids of revoked deployments come here, so that nobody makes them up.
const MOST: usize = 4096;

/// When each deployment's refusal was last recorded.
#[derive(Default, Debug)]
pub struct Refusals(Mutex<Vec<(DeployId, u64)>>);

impl Refusals {
    /// Whether a refusal is to be recorded; if so, that counts as done.
    pub(crate) fn is_due(&self, id: &DeployId, now: u64) -> bool {
        let mut recorded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |at: u64| now < at.saturating_add(ONE_EACH);
        if let Some((_, at)) = recorded.iter_mut().find(|(known, _)| known == id) {
            let is_due = !is_recent(*at);
            *at = if is_due { now } else { *at };
            return is_due;
        }
        if recorded.len() >= MOST {
            recorded.retain(|(_, at)| is_recent(*at));
        }
        let has_room = recorded.len() < MOST;
        if has_room {
            recorded.push((*id, now));
        }
        has_room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_refusal_a_minute_is_due_for_each_deployment() {
        let refusals = Refusals::default();
        let [one, other] = [1, 2].map(|byte| DeployId::new([byte; 32]));
        for (id, now, due) in [
            (one, 0, true),
            (one, ONE_EACH - 1, false),
            (other, 1, true),
            (one, ONE_EACH, true),
            (one, ONE_EACH + 1, false),
        ] {
            assert_eq!(refusals.is_due(&id, now), due, "{id} at {now}");
        }
    }

    #[test]
    fn memory_is_bounded_and_free_again_after_a_minute() {
        let refusals = Refusals::default();
        let id = |number: usize| {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&number.to_be_bytes());
            DeployId::new(bytes)
        };
        assert!((0..MOST).all(|number| refusals.is_due(&id(number), 0)));
        assert!(!refusals.is_due(&id(MOST), 1), "full");
        assert!(refusals.is_due(&id(MOST), ONE_EACH));
    }
}
