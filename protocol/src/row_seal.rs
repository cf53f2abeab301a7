//! Seals of the rows that decide who gets what: who can write to the service's database, and has no wrap root, can
//! neither make such a row nor change one.
//!
//! ```text
//! key    = HKDF(wrap_root[key_id], "", "capy/v1/row-seal", 32)
//! seal   = HMAC-SHA-256(key, record), 64 lower-case hexadecimal digits; for record see the audit trail
//! deploy = "capy/v1/row/deploy" || deploy_id || project_id || key_id || format || credential
//!          || expires_at? || max_uses? || uses? || cidrs?
//! token  = "capy/v1/row/token" || token_id || digest || scopes || expires_at? || key_id
//! trust  = "capy/v1/row/trust" || trust_id || issuer || audience || claims || scope || key_id
//! repeat = "capy/v1/row/repeat" || deploy_id || idempotency_key || at || key_id
//! ```
//!
//! Fields are texts, or numbers where they are ids of keys, times and counts; `?` marks those that may be nothing. A
//! deployment's `key_id` is the wrap root of its outer blob: where that root is gone, no key is released anyway. `uses` is
//! sealed where `max_uses` limits it. A row that was revoked bears no seal: nobody needs proof of a refusal.

use alloc::string::String;

use crate::Result;
use crate::audit::{Record, hmac, is_hmac};
use crate::id::{DeployId, KeyId, ProjectId};
use crate::kdf::hkdf;
use crate::key::RowKey;
use crate::token::{TokenId, TrustId};
use crate::wrap::WrapRoots;

/// What of a deployment decides whether its key is released, how, and what is answered.
#[derive(Clone, Copy, Debug)]
pub struct DeployTerms<'a> {
    /// The deployment.
    pub deploy_id: &'a DeployId,
    /// Its project.
    pub project_id: &'a ProjectId,
    /// The wrap root of its outer blob.
    pub key_id: KeyId,
    /// 0 or 1.
    pub format: u8,
    /// What the platform holds, by its name on the wire.
    pub credential: &'a str,
    /// Milliseconds since the Unix epoch.
    pub expires_at: Option<u64>,
    /// How many keys are released at most.
    pub max_uses: Option<u64>,
    /// How many keys were released.
    pub uses: u64,
    /// Addresses and prefixes with a space between two; nothing for anywhere.
    pub cidrs: Option<&'a str>,
}

impl DeployTerms<'_> {
    /// What the seal is over.
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

/// What of an API token decides who its bearer is.
#[derive(Clone, Copy, Debug)]
pub struct TokenTerms<'a> {
    /// The token.
    pub token_id: &'a TokenId,
    /// SHA-256 of its text: 64 hexadecimal digits.
    pub digest: &'a str,
    /// With a space between two.
    pub scopes: &'a str,
    /// Milliseconds since the Unix epoch.
    pub expires_at: Option<u64>,
}

impl TokenTerms<'_> {
    /// What the seal under this root is over.
    pub fn record(&self, key_id: KeyId) -> Record {
        Record::of("capy/v1/row/token")
            .text(Some(&alloc::format!("{}", self.token_id)))
            .text(Some(self.digest))
            .text(Some(self.scopes))
            .number_or_nothing(self.expires_at)
            .number(key_id.0.into())
    }
}

/// What of a trust decides which CI jobs stand for which scope.
#[derive(Clone, Copy, Debug)]
pub struct TrustTerms<'a> {
    /// The trust.
    pub trust_id: &'a TrustId,
    /// Who signs the identities.
    pub issuer: &'a str,
    /// Whom they are for.
    pub audience: &'a str,
    /// What they have to claim, as the JSON that is kept.
    pub claims: &'a str,
    /// What they may do.
    pub scope: &'a str,
}

impl TrustTerms<'_> {
    /// What the seal under this root is over.
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

/// What shows that a key was released for this idempotency key at this time.
#[derive(Clone, Copy, Debug)]
pub struct RepeatTerms<'a> {
    /// The deployment.
    pub deploy_id: &'a DeployId,
    /// The client's key: 32 hexadecimal digits.
    pub idempotency_key: &'a str,
    /// Milliseconds since the Unix epoch.
    pub at: u64,
    /// The wrap root of the deployment.
    pub key_id: KeyId,
}

impl RepeatTerms<'_> {
    /// What the seal is over.
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

    /// Whether this is the record's seal. Takes the same time for every seal.
    pub fn is_seal(&self, record: &Record, seal: &str) -> bool {
        is_hmac(self.expose_secret(), record, seal)
    }
}

impl WrapRoots {
    /// The key that seals rows under this root.
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

    /// Computed with Python's `hmac` and `hashlib`, HKDF by RFC 5869. More cases are among the shared vectors.
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
