//! The keys of issuers, remembered: for ten minutes, and asked for again early when a key is not among them, though
//! at most once a minute, so that tokens with made-up keys do not turn the service against an issuer.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::keys::{self, Key};
use crate::host::{Host, HostError, Result, RsaKey};

/// How long keys are taken as they were read, in milliseconds: as long may a key that was withdrawn still count.
const FRESH_FOR: u64 = 10 * 60_000;
/// The shortest time between two readings, in milliseconds.
const BETWEEN_READINGS: u64 = 60_000;
/// The same after one that failed.
const AFTER_A_FAILURE: u64 = 5_000;

/// What is known of each issuer. Only issuers that are trusted are ever asked about, so that they are few.
#[derive(Default, Debug)]
pub struct Issuers(Mutex<BTreeMap<String, Known>>);

#[derive(Clone, Default, Debug)]
struct Known {
    keys: Vec<Key>,
    stale_at: u64,
    ask_at: u64,
}

/// What to do about a key.
#[derive(PartialEq, Eq, Debug)]
enum Lookup {
    Found(RsaKey),
    /// The issuer was asked a moment ago, and does not have it.
    Absent,
    /// The issuer was asked a moment ago, and did not answer.
    Unanswered,
    Ask,
}

impl Issuers {
    /// The issuer's key of this name; `None` when it has none.
    pub(crate) async fn key<H: Host>(
        &self,
        host: &H,
        issuer: &str,
        key_id: &str,
        now: u64,
    ) -> Result<Option<RsaKey>> {
        match self.look_up(issuer, key_id, now) {
            Lookup::Found(key) => return Ok(Some(key)),
            Lookup::Absent => return Ok(None),
            Lookup::Unanswered => return Err(HostError::Issuer("it did not answer a moment ago".into())),
            Lookup::Ask => {}
        }
        let answer = keys::fetch(host, issuer).await;
        self.remember(issuer, answer.as_deref(), now);
        Ok(find(&answer?, key_id))
    }

    fn look_up(&self, issuer: &str, key_id: &str, now: u64) -> Lookup {
        let mut issuers = self.lock();
        let Some(known) = issuers.get_mut(issuer) else { return Lookup::Ask };
        let fresh = now < known.stale_at;
        match find(&known.keys, key_id) {
            Some(key) if fresh => Lookup::Found(key),
            _ if now >= known.ask_at => {
                if fresh {
                    // One asks for all that find the key missing now.
                    known.ask_at = now + BETWEEN_READINGS;
                }
                Lookup::Ask
            }
            _ if fresh => Lookup::Absent,
            _ => Lookup::Unanswered,
        }
    }

    fn remember(&self, issuer: &str, answer: std::result::Result<&[Key], &HostError>, now: u64) {
        let mut issuers = self.lock();
        let known = issuers.entry(issuer.to_owned()).or_default();
        match answer {
            Ok(keys) => {
                let keys = keys.to_vec();
                *known = Known { keys, stale_at: now + FRESH_FOR, ask_at: now + BETWEEN_READINGS };
            }
            Err(_) => known.ask_at = now + AFTER_A_FAILURE,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn find(keys: &[Key], key_id: &str) -> Option<RsaKey> {
    keys.iter().find(|key| key.id == key_id).map(|key| key.rsa.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://i.example";

    fn key(id: &str) -> Key {
        Key { id: id.into(), rsa: RsaKey { modulus: id.as_bytes().to_vec(), exponent: vec![3] } }
    }

    #[test]
    fn keys_are_read_again_when_they_are_old_or_one_is_missing_and_not_more_often() {
        let issuers = Issuers::default();
        let found = |id: &str| Lookup::Found(key(id).rsa);
        assert_eq!(issuers.look_up(ISSUER, "a", 0), Lookup::Ask);
        issuers.remember(ISSUER, Ok(&[key("a")]), 0);
        for (now, id, expected) in [
            (1, "a", found("a")),
            (1, "b", Lookup::Absent),
            (BETWEEN_READINGS, "b", Lookup::Ask),
            (BETWEEN_READINGS, "b", Lookup::Absent),
            (BETWEEN_READINGS, "a", found("a")),
            (FRESH_FOR - 1, "a", found("a")),
            (FRESH_FOR, "a", Lookup::Ask),
            (FRESH_FOR, "b", Lookup::Ask),
        ] {
            assert_eq!(issuers.look_up(ISSUER, id, now), expected, "{id} at {now}");
        }
    }

    #[test]
    fn an_issuer_that_does_not_answer_is_left_alone_for_a_moment() {
        let issuers = Issuers::default();
        let failed = HostError::Issuer("down".into());
        issuers.remember(ISSUER, Err(&failed), 0);
        assert_eq!(issuers.look_up(ISSUER, "a", AFTER_A_FAILURE - 1), Lookup::Unanswered);
        assert_eq!(issuers.look_up(ISSUER, "a", AFTER_A_FAILURE), Lookup::Ask);
        issuers.remember(ISSUER, Ok(&[key("a")]), AFTER_A_FAILURE);
        issuers.remember(ISSUER, Err(&failed), AFTER_A_FAILURE + 1);
        assert_eq!(issuers.look_up(ISSUER, "a", AFTER_A_FAILURE + 2), Lookup::Found(key("a").rsa));
        assert_eq!(issuers.look_up(ISSUER, "a", 2 * FRESH_FOR), Lookup::Ask);
    }
}
