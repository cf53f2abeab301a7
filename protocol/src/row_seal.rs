//! Row seals of deployments, API tokens and trusts: HMACs under a wrap root. Whoever can write to
//! the service's database but has no wrap root can neither forge nor change such a row.
//!
//! ```text
//! key    = HKDF(wrap_root[key_id], "", "capy/v1/row-seal", 32)
//! seal   = HMAC-SHA-256(key, record)     64 lower-case hex digits; for record see `audit.rs`
//! deploy = "capy/v1/row/deploy" || deploy_id || project_id || key_id || format || credential
//!          || expires_at? || max_uses? || uses? || cidrs?
//! token  = "capy/v1/row/token" || token_id || digest || scopes || expires_at? || key_id
//! trust  = "capy/v1/row/trust" || trust_id || issuer || audience || claims || scope || key_id
//! repeat = "capy/v1/row/repeat" || deploy_id || idempotency_key || at || key_id
//! ```
//!
//! Key ids, `format`, times and counts are number fields, all others text fields; `?` marks
//! optional fields. A deployment's `key_id` is the wrap root of its outer blob: without that root
//! the service can release no key anyway. The seal covers `uses` only if `max_uses` limits it. A
//! revoked row has no seal, because a refusal needs no proof.

use alloc::string::String;

use crate::Result;
use crate::audit::{Record, hmac, is_hmac};
use crate::id::{DeployId, KeyId, ProjectId};
use crate::kdf::hkdf;
use crate::key::RowKey;
use crate::token::{TokenId, TrustId};
use crate::wrap::WrapRoots;

/// The fields of a deployment's row that decide whether and how the service releases its key.
#[derive(Clone, Copy, Debug)]
pub struct DeployTerms<'a> {
    /// The deployment.
    pub deploy_id: &'a DeployId,
    /// The deployment's project.
    pub project_id: &'a ProjectId,
    /// The key id of the wrap root of the deployment's outer blob.
    pub key_id: KeyId,
    /// The number of the format: 0 or 1.
    pub format: u8,
    /// The credential that the platform holds, by its name on the wire.
    pub credential: &'a str,
    /// When the deployment expires: milliseconds since the Unix epoch.
    pub expires_at: Option<u64>,
    /// The maximum number of key releases.
    pub max_uses: Option<u64>,
    /// How many keys were released so far.
    pub uses: u64,
    /// The allowed addresses and prefixes, separated by single spaces; none for anywhere.
    pub cidrs: Option<&'a str>,
}

impl DeployTerms<'_> {
    /// The input of the row's seal.
    pub fn record(&self) -> Record {
        Record::of("capy/v1/row/deploy")
            .text(Some(&alloc::format!("{}", self.deploy_id)))
            .text(Some(self.project_id.as_str()))
            .number(self.key_id.0.into())
            .number(self.format.into())
            .text(Some(self.credential))
            .number_or_nothing(self.expires_at)
            .number_or_nothing(self.max_uses)
            .number_or_nothing(self.max_uses.and(Some(self.uses)))
            .text(self.cidrs)
    }
}

/// The fields of an API token's row that decide what its bearer may do.
#[derive(Clone, Copy, Debug)]
pub struct TokenTerms<'a> {
    /// The token.
    pub token_id: &'a TokenId,
    /// SHA-256 of the token's text: 64 hexadecimal digits.
    pub digest: &'a str,
    /// The scopes, separated by single spaces.
    pub scopes: &'a str,
    /// When the token expires: milliseconds since the Unix epoch.
    pub expires_at: Option<u64>,
}

impl TokenTerms<'_> {
    /// The input of the row's seal under the root `key_id`.
    pub fn record(&self, key_id: KeyId) -> Record {
        Record::of("capy/v1/row/token")
            .text(Some(&alloc::format!("{}", self.token_id)))
            .text(Some(self.digest))
            .text(Some(self.scopes))
            .number_or_nothing(self.expires_at)
            .number(key_id.0.into())
    }
}

/// The fields of a trust's row that decide which CI jobs get which scope.
#[derive(Clone, Copy, Debug)]
pub struct TrustTerms<'a> {
    /// The trust.
    pub trust_id: &'a TrustId,
    /// The issuer of the identity tokens.
    pub issuer: &'a str,
    /// The audience of the identity tokens.
    pub audience: &'a str,
    /// The required claims, as the JSON in the database.
    pub claims: &'a str,
    /// The scope that the trust grants.
    pub scope: &'a str,
}

impl TrustTerms<'_> {
    /// The input of the row's seal under the root `key_id`.
    pub fn record(&self, key_id: KeyId) -> Record {
        Record::of("capy/v1/row/trust")
            .text(Some(&alloc::format!("{}", self.trust_id)))
            .text(Some(self.issuer))
            .text(Some(self.audience))
            .text(Some(self.claims))
            .text(Some(self.scope))
            .number(key_id.0.into())
    }
}

/// Proof that the service released a key for an idempotency key at a certain time.
#[derive(Clone, Copy, Debug)]
pub struct RepeatTerms<'a> {
    /// The deployment.
    pub deploy_id: &'a DeployId,
    /// The client's key: 32 hexadecimal digits.
    pub idempotency_key: &'a str,
    /// When the key was released: milliseconds since the Unix epoch.
    pub at: u64,
    /// The key id of the deployment's wrap root.
    pub key_id: KeyId,
}

impl RepeatTerms<'_> {
    /// The input of the row's seal.
    pub fn record(&self) -> Record {
        Record::of("capy/v1/row/repeat")
            .text(Some(&alloc::format!("{}", self.deploy_id)))
            .text(Some(self.idempotency_key))
            .number(self.at)
            .number(self.key_id.0.into())
    }
}

impl RowKey {
    /// The seal of a record: 64 lower-case hexadecimal digits.
    pub fn seal(&self, record: &Record) -> String {
        hmac(self.expose_secret(), record)
    }

    /// Whether `seal` is the record's seal, compared in constant time.
    pub fn is_seal(&self, record: &Record, seal: &str) -> bool {
        is_hmac(self.expose_secret(), record, seal)
    }
}

impl WrapRoots {
    /// The key that seals rows, derived from the wrap root `key_id`.
    ///
    /// # Errors
    /// [`crate::Error::UnknownWrapRoot`].
    pub fn row_key(&self, key_id: KeyId) -> Result<RowKey> {
        let root = self.root(key_id)?;
        Ok(RowKey::new(*hkdf(&[root.expose_secret()], b"", &[b"capy/v1/row-seal"])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms<'a>(deploy_id: &'a DeployId, project_id: &'a ProjectId) -> DeployTerms<'a> {
        DeployTerms {
            deploy_id,
            project_id,
            key_id: KeyId(9),
            format: 1,
            credential: "project-key",
            expires_at: Some(1_790_000_000_000),
            max_uses: Some(5),
            uses: 2,
            cidrs: Some("10.0.0.0/8 2001:db8::7"),
        }
    }

    /// Computed with Python's `hmac` and `hashlib`, HKDF by RFC 5869. The shared vectors have more
    /// cases.
    #[test]
    fn row_seal_format_unchanged() {
        let roots = WrapRoots::parse(&alloc::format!("9:{}", "22".repeat(32))).unwrap();
        let key = roots.row_key(KeyId(9)).unwrap();
        let (id, project) = (DeployId::new([0xab; 32]), ProjectId::parse("prj_a").unwrap());
        let seal = key.seal(&terms(&id, &project).record());
        assert_eq!(seal, "e5c3d88da11cb21e6e314e81a7545e9274a97511ba9e862a45309de9a968b86e");
        assert!(key.is_seal(&terms(&id, &project).record(), &seal));
        for other in ["", &seal[1..], &seal.to_uppercase()] {
            assert!(!key.is_seal(&terms(&id, &project).record(), other), "{other}");
        }
        assert_ne!(roots.audit_key(KeyId(9)).unwrap().expose_secret(), key.expose_secret());
    }

    #[test]
    fn every_field_that_decides_is_under_the_seal() {
        let (id, project) = (DeployId::new([0xab; 32]), ProjectId::parse("prj_a").unwrap());
        let (other_id, other_project) = (DeployId::new([0xac; 32]), ProjectId::parse("prj_b").unwrap());
        let whole = terms(&id, &project);
        let others = [
            DeployTerms { deploy_id: &other_id, ..whole },
            DeployTerms { project_id: &other_project, ..whole },
            DeployTerms { key_id: KeyId(10), ..whole },
            DeployTerms { format: 0, ..whole },
            DeployTerms { credential: "deploy-key", ..whole },
            DeployTerms { expires_at: None, ..whole },
            DeployTerms { expires_at: Some(1_790_000_000_001), ..whole },
            DeployTerms { max_uses: None, ..whole },
            DeployTerms { max_uses: Some(6), ..whole },
            DeployTerms { uses: 1, ..whole },
            DeployTerms { cidrs: None, ..whole },
            DeployTerms { cidrs: Some("10.0.0.0/8"), ..whole },
        ];
        assert!(others.iter().all(|other| other.record() != whole.record()));
        let endless = DeployTerms { max_uses: None, ..whole };
        assert_eq!(
            DeployTerms { uses: 3, ..endless }.record(),
            endless.record(),
            "a count that limits nothing"
        );
    }
}
