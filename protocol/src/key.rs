//! The key types of the protocol: wiped on drop, compared in constant time, never printed.
//!
//! Only `expose_secret` reads a key's bytes: search for it to find each place that can see key
//! material.

use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::id::{DeployId, ProjectId};
use crate::kdf::hkdf;
use crate::{Error, Result};

/// The length of a key that is written as hexadecimal digits.
pub const HEX_LEN: usize = 64;

macro_rules! secret_key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Zeroize, ZeroizeOnDrop)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Makes a key from 32 bytes.
            pub fn new(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// Parses exactly 64 hexadecimal digits of either case.
            ///
            /// # Errors
            /// [`Error::MalformedKey`].
            pub fn parse_hex(text: &str) -> Result<Self> {
                let mut bytes = Zeroizing::new([0; 32]);
                hex::decode_to_slice(text, bytes.as_mut()).map_err(|_| Error::MalformedKey)?;
                Ok(Self(*bytes))
            }

            /// The key as [`HEX_LEN`] lower-case hexadecimal digits, in memory that is wiped on
            /// drop.
            pub fn serialize_hex(&self) -> Zeroizing<alloc::string::String> {
                Zeroizing::new(hex::encode(self.0))
            }

            /// The key's 32 bytes.
            pub fn expose_secret(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.0.ct_eq(&other.0).into()
            }
        }

        impl Eq for $name {}

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}

macro_rules! random_key {
    ($name:ident) => {
        impl $name {
            /// Generates a random key.
            ///
            /// # Errors
            /// [`Error::Randomness`].
            pub fn generate() -> Result<Self> {
                crate::seal::random().map(Self)
            }
        }
    };
}

secret_key! {
    /// `M`: the first 32 bytes of the BIP-39 seed. It stays on the laptop.
    MasterKey
}
secret_key! {
    /// `PK`: one project's key, derived from [`MasterKey`]. It stays on the laptop.
    ProjectKey
}
secret_key! {
    /// `K_d`: opens one deployment's blob and nothing else. The platform holds it as `PROJECT_KEY`.
    DeployProjectKey
}
secret_key! {
    /// `DT`: the deploy token, which wraps `K_d`. The platform holds it if the deployment's
    /// credential is the deploy key; otherwise it is discarded.
    DeployToken
}
secret_key! {
    /// A root key of the key service, from which each project's wrap key is derived.
    WrapRoot
}
secret_key! {
    /// The service's half of a deployment's key.
    ServiceKey
}
secret_key! {
    /// The key that seals the audit trail, derived from a [`WrapRoot`].
    AuditKey
}
secret_key! {
    /// The key that seals rows of deployments, API tokens and trusts, derived from a [`WrapRoot`].
    RowKey
}
secret_key! {
    /// A key of `ENCRYPTION_KEY`, which seals values in the project store.
    StoreKey
}
random_key!(DeployToken);
random_key!(WrapRoot);
random_key!(StoreKey);

impl MasterKey {
    /// Derives `PK = HKDF(M, project_id, "capy/v1/project-key/" + epoch, 32)`, the epoch in
    /// decimal.
    pub fn project_key(&self, project_id: &ProjectId, epoch: u32) -> ProjectKey {
        let info = alloc::format!("capy/v1/project-key/{epoch}");
        ProjectKey(*hkdf(&[&self.0], project_id.as_bytes(), &[info.as_bytes()]))
    }
}

impl ProjectKey {
    /// Derives `K_d = HKDF(PK, deploy_id, "capy/v1/deploy-project-key", 32)`.
    pub fn deploy_project_key(&self, deploy_id: &DeployId) -> DeployProjectKey {
        DeployProjectKey(*hkdf(&[&self.0], deploy_id.as_bytes(), &[b"capy/v1/deploy-project-key"]))
    }

    /// A keyed fingerprint of a variable's value in a deployment, by which the owner later
    /// recognises the same value:
    /// `HKDF(value, HKDF(PK, deploy_id, "capy/v1/mark/" + name, 32), "", 16)`. Nobody can test
    /// guessed values against the fingerprint without `PK`.
    pub fn fingerprint(&self, deploy_id: &DeployId, name: &str, value: &str) -> [u8; 16] {
        let key = hkdf::<32>(&[&self.0], deploy_id.as_bytes(), &[b"capy/v1/mark/", name.as_bytes()]);
        *hkdf(&[value.as_bytes()], key.as_ref(), &[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_never_prints_itself() {
        let key = DeployToken::new([0x5a; 32]);
        assert_eq!(alloc::format!("{key:?}"), "DeployToken(…)");
    }

    #[test]
    fn a_fingerprint_is_of_one_key_deployment_name_and_value() {
        let (one, two) = (DeployId::new([1; 32]), DeployId::new([2; 32]));
        let key = ProjectKey::new([5; 32]);
        let fingerprint = key.fingerprint(&one, "A", "x");
        assert_eq!(fingerprint, key.fingerprint(&one, "A", "x"));
        let others = [
            ProjectKey::new([6; 32]).fingerprint(&one, "A", "x"),
            key.fingerprint(&two, "A", "x"),
            key.fingerprint(&one, "B", "x"),
            key.fingerprint(&one, "A", "y"),
        ];
        assert!(others.iter().all(|other| *other != fingerprint));
    }

    #[test]
    fn fingerprint_format_unchanged() {
        let fingerprint = ProjectKey::new([5; 32]).fingerprint(&DeployId::new([1; 32]), "A", "x");
        assert_eq!(hex::encode(fingerprint), "778c4db34218e330a9a885324a8dd870");
    }

    #[test]
    fn a_key_is_exactly_64_hex_digits() {
        let text = "5A".repeat(32);
        assert_eq!(WrapRoot::parse_hex(&text).unwrap(), WrapRoot::new([0x5a; 32]));
        for bad in ["", "5a", &"5a".repeat(33), &"5g".repeat(32), &format!(" {text}")] {
            assert_eq!(WrapRoot::parse_hex(bad), Err(Error::MalformedKey), "{bad}");
        }
    }
}
