//! The keys of issuers, remembered. They are read again when they are ten minutes old or one is missing, and never more
//! often than once a minute, however that ended and however many tokens with made-up keys come: whoever finds that it is
//! time claims the reading. Others take what is known meanwhile, for up to an hour.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Key;
use crate::host::RsaKey;

/// How long keys are taken as they were read, in milliseconds: as long may a key that was withdrawn still count.
const FRESH_FOR: u64 = 10 * 60_000;
/// The same while the issuer does not answer.
const STALE_FOR: u64 = 60 * 60_000;
/// The shortest time between two readings, in milliseconds.
const BETWEEN_READINGS: u64 = 60_000;

/// What is known of each issuer. Only issuers that are trusted are ever asked about, so that they are few.
#[derive(Default, Debug)]
pub struct Issuers(Mutex<Vec<Known>>);

#[derive(Clone, Debug)]
struct Known {
    issuer: String,
    keys: Vec<Key>,
    /// When the reading that gave them began.
    read_at: Option<u64>,
    /// When the last reading began.
    asked_at: Option<u64>,
}

/// What to do about a key.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Lookup {
    Found(RsaKey),
    /// The issuer was asked a moment ago, and does not have it.
    Absent,
    /// The issuer was asked a moment ago, and has not answered.
    Unanswered,
    /// It is the caller's turn to ask, and nobody else's.
    Ask,
}

impl Issuers {
    /// What to do about a key, and that the caller does it.
    pub(crate) fn look_up(&self, issuer: &str, key_id: &str, now: u64) -> Lookup {
        let mut issuers = self.lock();
        let known = known(&mut issuers, issuer);
        let key = find(&known.keys, key_id);
        let within =
            |time: Option<u64>, millis: u64| time.is_some_and(|time| now < time.saturating_add(millis));
        match key {
            Some(key) if within(known.read_at, FRESH_FOR) => Lookup::Found(key),
            _ if !within(known.asked_at, BETWEEN_READINGS) => {
                known.asked_at = Some(now);
                Lookup::Ask
            }
            Some(key) if within(known.read_at, STALE_FOR) => Lookup::Found(key),
            _ if known.read_at == known.asked_at => Lookup::Absent,
            _ => Lookup::Unanswered,
        }
    }

    /// A key that was read within the hour.
    pub(crate) fn known(&self, issuer: &str, key_id: &str, now: u64) -> Option<RsaKey> {
        let issuers = self.lock();
        let known = issuers.iter().find(|known| known.issuer == issuer)?;
        let recent = known.read_at.is_some_and(|time| now < time.saturating_add(STALE_FOR));
        find(&known.keys, key_id).filter(|_| recent)
    }

    /// Takes what a reading gave that began at `asked_at`.
    pub(crate) fn remember(&self, issuer: &str, keys: Vec<Key>, asked_at: u64) {
        let mut issuers = self.lock();
        let known = known(&mut issuers, issuer);
        (known.keys, known.read_at) = (keys, Some(asked_at));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is known of this one: nothing yet, when it is asked about for the first time.
fn known<'a>(issuers: &'a mut Vec<Known>, issuer: &str) -> &'a mut Known {
    let place = issuers.iter().position(|known| known.issuer == issuer).unwrap_or_else(|| {
        let unknown = Known { issuer: issuer.to_owned(), keys: Vec::new(), read_at: None, asked_at: None };
        issuers.push(unknown);
        issuers.len() - 1
    });
    &mut issuers[place]
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

    /// Rows: when which key is looked for, what is to be done, and whether the issuer then answers with key `a`.
    fn check(rows: &[(u64, &str, Lookup, bool)]) {
        let issuers = Issuers::default();
        for (now, id, expected, answers) in rows {
            assert_eq!(issuers.look_up(ISSUER, id, *now), *expected, "{id} at {now}");
            if *answers {
                issuers.remember(ISSUER, vec![key("a")], *now);
            }
        }
    }

    #[test]
    fn keys_are_read_again_when_they_are_old_or_one_is_missing_and_once_a_minute_at_most() {
        let found = || Lookup::Found(key("a").rsa);
        check(&[
            (0, "a", Lookup::Ask, false),
            (1, "a", Lookup::Unanswered, false),
            (BETWEEN_READINGS - 1, "b", Lookup::Unanswered, false),
            (BETWEEN_READINGS, "a", Lookup::Ask, true),
            (BETWEEN_READINGS, "a", found(), false),
            (BETWEEN_READINGS, "b", Lookup::Absent, false),
            (2 * BETWEEN_READINGS, "b", Lookup::Ask, true),
            (2 * BETWEEN_READINGS, "b", Lookup::Absent, false),
            (FRESH_FOR + 2 * BETWEEN_READINGS - 1, "a", found(), false),
        ]);
    }

    #[test]
    fn old_keys_count_while_the_issuer_is_silent_for_an_hour() {
        let found = || Lookup::Found(key("a").rsa);
        check(&[
            (0, "a", Lookup::Ask, true),
            (FRESH_FOR, "a", Lookup::Ask, false),
            (FRESH_FOR, "a", found(), false),
            (FRESH_FOR, "b", Lookup::Unanswered, false),
            (STALE_FOR - 1, "a", Lookup::Ask, false),
            (STALE_FOR - 1, "a", found(), false),
            (STALE_FOR, "a", Lookup::Unanswered, false),
        ]);
    }
}
