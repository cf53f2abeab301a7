//! Reads an issuer's signing keys: its discovery document (OpenID Connect Discovery 1.0) names the
//! key set (RFC 7517). Only RSA keys for signatures are accepted, of 2048 to 8192 bits with the
//! exponent 65537, which every issuer uses.

mod cache;

pub use cache::IssuerKeyCache;
pub(crate) use cache::Lookup;

use base64ct::{Base64UrlUnpadded, Encoding};
use capy_protocol::from_json;
use capy_protocol::json::{self, FromJson, Json};

use super::jwt::ALGORITHM;
use crate::address::Address;
use crate::host::{Host, HostError, Result, RsaKey};

/// The most keys that are taken from one issuer.
const KEYS_MAX: usize = 64;
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;
const EXPONENT: [u8; 3] = [1, 0, 1];

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
}
