//! An issuer of CI identities: its documents, and tokens that it signs. Its key is these tests' own.

use base64ct::{Base64UrlUnpadded, Encoding};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

pub(crate) const AUDIENCE: &str = "https://keys.example";

pub(crate) struct Issuer {
    pub(crate) url: String,
    key: RsaKeyPair,
}

impl Issuer {
    pub(crate) fn at(url: &str) -> Self {
        let key = RsaKeyPair::from_pkcs8(include_bytes!("issuer.pk8")).unwrap();
        Self { url: url.to_owned(), key }
    }

    /// Its discovery document and its keys, by their paths.
    pub(crate) fn documents(&self, key_id: &str) -> [(String, Value); 2] {
        let public: PublicKeyComponents<Vec<u8>> = self.key.public().into();
        let [modulus, exponent] =
            [&public.n, &public.e].map(|number| Base64UrlUnpadded::encode_string(number));
        let key =
            json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": key_id, "n": modulus, "e": exponent });
        [
            (
                format!("{}/.well-known/openid-configuration", self.url),
                json!({ "issuer": self.url, "jwks_uri": format!("{}/keys", self.url) }),
            ),
            (format!("{}/keys", self.url), json!({ "keys": [key] })),
        ]
    }

    /// A token of `o/r` on its main branch that is good for five minutes from `now`, in seconds.
    pub(crate) fn token(&self, now: u64, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = json!({
            "iss": self.url, "aud": AUDIENCE, "iat": now, "nbf": now, "exp": now + 300, "sub": "repo:o/r:ref:refs/heads/main",
            "repository": "o/r", "ref": "refs/heads/main", "repository_id": "42",
            "workflow": "ci", "workflow_ref": "o/r/.github/workflows/ci.yml@refs/heads/main", "jti": "1",
        });
        change(&mut claims);
        self.sign(&json!({ "typ": "JWT", "alg": "RS256", "kid": "one" }), &claims)
    }

    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed = [header, claims]
            .map(|part| Base64UrlUnpadded::encode_string(part.to_string().as_bytes()))
            .join(".");
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", Base64UrlUnpadded::encode_string(&signature))
    }
}
