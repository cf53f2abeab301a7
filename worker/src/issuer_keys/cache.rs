//! A cache of issuers' keys. The keys are read again when they are ten minutes old or a key is
//! missing, but at most once a minute, whatever the outcome, so that tokens with made-up key ids
//! cannot cause more requests. The call that finds a reading due makes it; other calls use the
//! cached keys meanwhile, for up to an hour.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Key;
use crate::host::RsaKey;

/// How long cached keys are used without a new reading: a key that the issuer withdrew may
/// count for as long.
const FRESH_MS: u64 = 10 * 60_000;
/// How long cached keys are used while the issuer does not answer.
const STALE_MS: u64 = 60 * 60_000;
/// The shortest time between two readings.
const REFRESH_INTERVAL_MS: u64 = 60_000;

/// The cached keys of each issuer. Only trusted issuers are looked up, so that there are few.
#[derive(Default, Debug)]
pub struct IssuerKeyCache(Mutex<Vec<CachedKeys>>);

#[derive(Clone, Debug)]
struct CachedKeys {
    issuer: String,
    keys: Vec<Key>,
    /// When the reading that returned these keys began.
    read_at: Option<u64>,
    /// When the last reading began.
    asked_at: Option<u64>,
}

/// The result of looking up a key.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Lookup {
    Found(RsaKey),
    /// The issuer answered the last reading, a moment ago, and does not have the key.
    Absent,
    /// The issuer was asked a moment ago, and has not answered.
    Unanswered,
    /// The caller has to read the keys, and no other call does.
    Fetch,
}

impl IssuerKeyCache {
    /// Looks up a key. [`Lookup::Fetch`] claims the reading for the caller.
    pub(crate) fn look_up(&self, issuer: &str, key_id: &str, now: u64) -> Lookup {
        let mut issuers = self.lock();
        let known = known(&mut issuers, issuer);
        let key = find(&known.keys, key_id);
        let within =
            |time: Option<u64>, millis: u64| time.is_some_and(|time| now < time.saturating_add(millis));
        match key {
            Some(key) if within(known.read_at, FRESH_MS) => Lookup::Found(key),
            _ if !within(known.asked_at, REFRESH_INTERVAL_MS) => {
                known.asked_at = Some(now);
                Lookup::Fetch
            }
            Some(key) if within(known.read_at, STALE_MS) => Lookup::Found(key),
            _ if known.read_at == known.asked_at => Lookup::Absent,
            _ => Lookup::Unanswered,
        }
    }

    /// A key that was read within the last hour.
    pub(crate) fn known(&self, issuer: &str, key_id: &str, now: u64) -> Option<RsaKey> {
        let issuers = self.lock();
        let known = issuers.iter().find(|known| known.issuer == issuer)?;
        let recent = known.read_at.is_some_and(|time| now < time.saturating_add(STALE_MS));
        find(&known.keys, key_id).filter(|_| recent)
    }

    /// Caches the keys of a reading that began at `asked_at`.
    pub(crate) fn remember(&self, issuer: &str, keys: Vec<Key>, asked_at: u64) {
        let mut issuers = self.lock();
        let known = known(&mut issuers, issuer);
        (known.keys, known.read_at) = (keys, Some(asked_at));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<CachedKeys>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The cache entry of an issuer, empty at its first lookup.
fn known<'a>(issuers: &'a mut Vec<CachedKeys>, issuer: &str) -> &'a mut CachedKeys {
    let place = issuers.iter().position(|known| known.issuer == issuer).unwrap_or_else(|| {
        let unknown =
            CachedKeys { issuer: issuer.to_owned(), keys: Vec::new(), read_at: None, asked_at: None };
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

    /// Rows: time and key id of a lookup, its expected result, and whether the issuer then answers
    /// with key `a`.
    fn check(rows: &[(u64, &str, Lookup, bool)]) {
        let issuers = IssuerKeyCache::default();
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
            (0, "a", Lookup::Fetch, false),
            (1, "a", Lookup::Unanswered, false),
            (REFRESH_INTERVAL_MS - 1, "b", Lookup::Unanswered, false),
            (REFRESH_INTERVAL_MS, "a", Lookup::Fetch, true),
            (REFRESH_INTERVAL_MS, "a", found(), false),
            (REFRESH_INTERVAL_MS, "b", Lookup::Absent, false),
            (2 * REFRESH_INTERVAL_MS, "b", Lookup::Fetch, true),
            (2 * REFRESH_INTERVAL_MS, "b", Lookup::Absent, false),
            (FRESH_MS + 2 * REFRESH_INTERVAL_MS - 1, "a", found(), false),
        ]);
    }

    #[test]
    fn old_keys_count_while_the_issuer_is_silent_for_an_hour() {
        let found = || Lookup::Found(key("a").rsa);
        check(&[
            (0, "a", Lookup::Fetch, true),
            (FRESH_MS, "a", Lookup::Fetch, false),
            (FRESH_MS, "a", found(), false),
            (FRESH_MS, "b", Lookup::Unanswered, false),
            (STALE_MS - 1, "a", Lookup::Fetch, false),
            (STALE_MS - 1, "a", found(), false),
            (STALE_MS, "a", Lookup::Unanswered, false),
        ]);
    }
}
