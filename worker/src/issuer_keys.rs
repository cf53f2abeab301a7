//! Reads an issuer's signing keys: its discovery document (OpenID Connect Discovery 1.0) names the
//! key set (RFC 7517). Only RSA keys for signatures are accepted, of 2048 to 8192 bits with the
//! exponent 65537, which every issuer uses.
//!
//! A cache holds the keys. The keys are read again when they are ten minutes old or a key is
//! missing, but at most once a minute, whatever the outcome, so that tokens with made-up key ids
//! cannot cause more requests. The call that finds a reading due makes it; other calls use the
//! cached keys meanwhile, for up to an hour.

use std::sync::{Mutex, MutexGuard, PoisonError};

use base64ct::{Base64UrlUnpadded, Encoding};
use capy_protocol::from_json;
use capy_protocol::json::{self, FromJson, Json};

use crate::address::Address;
use crate::host::{Host, HostError, Result, RsaKey};
use crate::jwt::ALGORITHM;

/// The most keys that are taken from one issuer.
const KEYS_MAX: usize = 64;
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;
const EXPONENT: [u8; 3] = [1, 0, 1];
/// How long cached keys are used without a new reading: a key that the issuer withdrew may
/// count for as long.
const FRESH_MS: u64 = 10 * 60_000;
/// How long cached keys are used while the issuer does not answer.
const STALE_MS: u64 = 60 * 60_000;
/// The shortest time between two readings.
const REFRESH_INTERVAL_MS: u64 = 60_000;

/// A signing key of an issuer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Key {
    /// The id by which the header of a token names the key.
    pub id: String,
    /// The public key.
    pub rsa: RsaKey,
}

struct Discovery {
    issuer: String,
    jwks_uri: String,
}

from_json!(Discovery { issuer, jwks_uri } and others);

struct KeySet {
    keys: Vec<Json>,
}

from_json!(KeySet { keys } and others);

struct Jwk {
    kid: String,
    kty: String,
    alg: Option<String>,
    usage: Option<String>,
    n: String,
    e: String,
}

from_json!(Jwk { kid, kty, alg, usage as "use", n, e } and others);

/// Whether the service may send requests to a URL: `https`, or `http` on loopback.
pub fn is_allowed_url(url: &str) -> bool {
    Address::parse(url).is_some_and(|address| address.is_secure || address.is_loopback())
}

/// Fetches an issuer's keys.
pub(crate) async fn fetch<H: Host>(host: &H, issuer: &str) -> Result<Vec<Key>> {
    let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let address = parse_discovery(&host.fetch(&address).await?, issuer)?;
    parse_key_set(&host.fetch(&address).await?)
}

/// The URL of an issuer's key set, from the issuer's discovery document.
///
/// # Errors
/// [`HostError::Issuer`] for anything but a discovery document of this issuer, and for a URL that
/// the service may not send requests to.
pub fn parse_discovery(document: &[u8], issuer: &str) -> Result<String> {
    let discovery: Discovery = json::read(document).map_err(|_| fault("its discovery document is none"))?;
    if discovery.issuer != issuer {
        return Err(fault("its discovery document is another issuer's"));
    }
    let is_secret = |url: &str| url.starts_with("https:");
    if !is_allowed_url(&discovery.jwks_uri) || (is_secret(issuer) && !is_secret(&discovery.jwks_uri)) {
        return Err(fault("its keys are not on https, or on loopback as itself"));
    }
    Ok(discovery.jwks_uri)
}

/// Parses a key set. Unusable keys are skipped, since an issuer may have others. A document with a
/// duplicate name is invalid, since two parsers may read it differently.
///
/// # Errors
/// [`HostError::Issuer`] for anything but a key set.
pub fn parse_key_set(document: &[u8]) -> Result<Vec<Key>> {
    let set: KeySet = json::read(document).map_err(|_| fault("its key set is none"))?;
    Ok(set.keys.into_iter().filter_map(key).take(KEYS_MAX).collect())
}

fn key(value: Json) -> Option<Key> {
    let jwk = Jwk::from_json(value).ok()?;
    let signs = jwk.usage.is_none_or(|usage| usage == "sig") && jwk.alg.is_none_or(|alg| alg == ALGORITHM);
    let decode = |text: &str| Base64UrlUnpadded::decode_vec(text).ok();
    let (modulus, exponent) = (decode(&jwk.n)?, decode(&jwk.e)?);
    let strong = MODULUS_BYTES.contains(&modulus.len()) && modulus[0] >= 0x80 && exponent == EXPONENT;
    let fits = jwk.kty == "RSA" && signs && strong;
    fits.then_some(Key { id: jwk.kid, rsa: RsaKey { modulus, exponent } })
}

fn fault(what: &str) -> HostError {
    HostError::Issuer(what.to_owned())
}

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
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn https_and_loopback_are_allowed() {
        for good in [
            "https://i.example",
            "https://i.example/a/b",
            "http://127.0.0.1:1/x",
            "http://[::1]:1",
            "http://localhost:1",
        ] {
            assert!(is_allowed_url(good), "{good}");
        }
        for bad in [
            "",
            "i.example",
            "/x",
            "http://i.example",
            "http://10.0.0.1",
            "http://localhost.example",
            "ftp://i.example",
            "https://u:p@i.example",
            "https://i.example/#a",
            "file:///etc/passwd",
            "http://127.0.0.1.example",
        ] {
            assert!(!is_allowed_url(bad), "{bad}");
        }
    }

    #[test]
    fn a_discovery_document_speaks_for_its_own_issuer() {
        let document =
            |issuer: &str, uri: &str| json!({ "issuer": issuer, "jwks_uri": uri, "x": 1 }).to_string();
        let read = |text: String| parse_discovery(text.as_bytes(), "https://i.example").ok();
        assert_eq!(
            read(document("https://i.example", "https://k.example/k")).as_deref(),
            Some("https://k.example/k")
        );
        assert_eq!(read(document("https://i.example/", "https://k.example/k")), None);
        assert_eq!(read(document("https://i.example", "http://k.example/k")), None);
        assert_eq!(
            read(document("https://i.example", "http://127.0.0.1:1/k")),
            None,
            "nobody else's machine"
        );
        let loopback = document("http://127.0.0.1:1", "http://127.0.0.1:2/k");
        assert!(parse_discovery(loopback.as_bytes(), "http://127.0.0.1:1").is_ok());
        assert_eq!(read("<html>".into()), None);
    }

    #[test]
    fn only_rsa_keys_that_sign_and_are_long_enough_are_taken() {
        let modulus = |bytes: usize, first: u8| {
            let mut modulus = vec![7; bytes];
            modulus[0] = first;
            Base64UrlUnpadded::encode_string(&modulus)
        };
        let good = json!({ "kid": "a", "kty": "RSA", "alg": "RS256", "use": "sig", "n": modulus(256, 0x80), "e": "AQAB" });
        let with = |name: &str, value: Value| {
            let mut key = good.clone();
            key[name] = value;
            key
        };
        let set = json!({ "keys": [
            with("kty", json!("EC")), with("alg", json!("RS512")), with("use", json!("enc")), with("e", json!("Aw")),
            with("n", json!(modulus(128, 0x80))), with("n", json!(modulus(256, 0x7f))), with("n", json!(modulus(1025, 0x80))),
            with("kid", json!(1)), json!("text"), good,
        ]});
        let keys = parse_key_set(set.to_string().as_bytes()).unwrap();
        assert_eq!(keys.iter().map(|key| key.id.as_str()).collect::<Vec<_>>(), ["a"]);
        assert!(parse_key_set(b"{}").is_err());
    }

    const ISSUER: &str = "https://i.example";

    fn cached_key(id: &str) -> Key {
        Key { id: id.into(), rsa: RsaKey { modulus: id.as_bytes().to_vec(), exponent: vec![3] } }
    }

    /// Rows: time and key id of a lookup, its expected result, and whether the issuer then answers
    /// with key `a`.
    fn check(rows: &[(u64, &str, Lookup, bool)]) {
        let issuers = IssuerKeyCache::default();
        for (now, id, expected, answers) in rows {
            assert_eq!(issuers.look_up(ISSUER, id, *now), *expected, "{id} at {now}");
            if *answers {
                issuers.remember(ISSUER, vec![cached_key("a")], *now);
            }
        }
    }

    #[test]
    fn keys_are_read_again_when_they_are_old_or_one_is_missing_and_once_a_minute_at_most() {
        let found = || Lookup::Found(cached_key("a").rsa);
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
        let found = || Lookup::Found(cached_key("a").rsa);
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
