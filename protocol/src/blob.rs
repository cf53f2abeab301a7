//! `SECRETS_BLOB`: one deployment's variables, sealed under a key that is split between platform
//! and service.
//!
//! ```text
//! +--------+------+-----------+---------+------------+------------+--------------------------+
//! | "capy" | 0x01 | deploy id | len u32 | outer blob | commitment | SEAL(env_key, header, …) |
//! |   4    |  1   |    32     |    4    |    len     |     32     |  {name: value} as JSON   |
//! +--------+------+-----------+---------+------------+------------+--------------------------+
//! |<------------------- header ------------------->|
//! ```
//!
//! The bytes are encoded as base64, without compression. Bytes without the magic are of the original
//! system, see [`Format::V0`]: they lack magic, version and commitment.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::env_map::EnvMap;
use crate::id::{DeployId, ProjectId};
use crate::kdf::hkdf;
use crate::key::{DeployProjectKey, DeployToken, ServiceKey};
use crate::wrap::{InnerBlob, OUTER_LEN, OuterBlob};
use crate::{Error, Result, seal, text, v0};

const MAGIC: &[u8; 4] = b"capy";
const VERSION: u8 = 1;
const COMMITMENT_LEN: usize = 32;
/// The length of a v0 header around an outer blob of this service: deploy id, length, outer blob.
const V0_HEADER_LEN: usize = 32 + 4 + OUTER_LEN;

/// The layout of a deployment's blobs and keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// The original system's layout: readable, but written only on request.
    V0,
    /// The current layout.
    #[default]
    V1,
}

impl Format {
    /// The format's number on the wire and in the database.
    pub fn number(self) -> u8 {
        match self {
            Self::V0 => 0,
            Self::V1 => 1,
        }
    }

    /// The inverse of [`Format::number`].
    ///
    /// # Errors
    /// [`Error::UnknownVersion`].
    pub fn from_number(number: u8) -> Result<Self> {
        match number {
            0 => Ok(Self::V0),
            1 => Ok(Self::V1),
            other => Err(Error::UnknownVersion(other)),
        }
    }

    /// Derives the service's half of the key with this format's label.
    pub fn service_key(self, inner: &InnerBlob, id: &DeployId, project: &ProjectId) -> ServiceKey {
        match self {
            Self::V0 => v0::service_key(inner, id, project),
            Self::V1 => inner.service_key(id, project),
        }
    }

    /// Opens an inner blob to `K_d` with this format's label.
    ///
    /// # Errors
    /// [`Error::Unauthentic`].
    pub fn open_inner(
        self,
        inner: &InnerBlob,
        token: &DeployToken,
        id: &DeployId,
        project: &ProjectId,
    ) -> Result<DeployProjectKey> {
        match self {
            Self::V0 => v0::open_inner(inner, token, project),
            Self::V1 => inner.open(token, id, project),
        }
    }
}

/// A parsed `SECRETS_BLOB`, still sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretsBlob {
    format: Format,
    deploy_id: DeployId,
    outer_blob: Vec<u8>,
    /// Empty in v0, which has no key commitment.
    commitment: Vec<u8>,
    sealed: Vec<u8>,
}

impl SecretsBlob {
    /// Parses the text form. White space and one pair of matching quotes around it are ignored.
    ///
    /// # Errors
    /// [`Error::Base64`], [`Error::Truncated`], [`Error::UnknownVersion`]. Nothing is decrypted.
    pub fn parse(text: &str) -> Result<Self> {
        Self::from_bytes(&text::parse_base64(text::strip_wrapping(text))?)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (format, rest) = match bytes.strip_prefix(MAGIC) {
            Some([VERSION, rest @ ..]) => (Format::V1, rest),
            Some([other, ..]) => return Err(Error::UnknownVersion(*other)),
            Some([]) => return Err(Error::Truncated),
            None => (Format::V0, bytes),
        };
        let (id, rest) = rest.split_first_chunk::<32>().ok_or(Error::Truncated)?;
        let (len, rest) = rest.split_first_chunk::<4>().ok_or(Error::Truncated)?;
        let len = usize::try_from(u32::from_be_bytes(*len)).map_err(|_| Error::Truncated)?;
        let (outer_blob, rest) = rest.split_at_checked(len).ok_or(Error::Truncated)?;
        let commitment_len = if format == Format::V1 { COMMITMENT_LEN } else { 0 };
        let (commitment, sealed) = rest.split_at_checked(commitment_len).ok_or(Error::Truncated)?;
        if sealed.len() < seal::OVERHEAD {
            return Err(Error::Truncated);
        }
        Ok(Self {
            format,
            deploy_id: DeployId::new(*id),
            outer_blob: outer_blob.to_vec(),
            commitment: commitment.to_vec(),
            sealed: sealed.to_vec(),
        })
    }

    /// The canonical text form.
    pub fn serialize(&self) -> String {
        text::serialize_base64(&[self.header().as_slice(), &self.commitment, &self.sealed].concat())
    }

    /// The length of the text form of a blob with these variables, computed without sealing them.
    pub fn sealed_len(format: Format, env: &EnvMap) -> usize {
        let added_by_v1 = match format {
            Format::V0 => 0,
            Format::V1 => MAGIC.len() + 1 + COMMITMENT_LEN,
        };
        let sealed = env.serialize_json().len() + seal::OVERHEAD;
        text::base64_len(V0_HEADER_LEN + added_by_v1 + sealed)
    }

    /// Seals `env` for one deployment (v1).
    ///
    /// # Errors
    /// [`Error::Randomness`], [`Error::TooLarge`].
    pub fn seal(
        deploy_id: DeployId,
        outer_blob: &OuterBlob,
        k_d: &DeployProjectKey,
        service_key: &ServiceKey,
        env: &EnvMap,
    ) -> Result<Self> {
        let keys = EnvKeys::derive(k_d, service_key, &deploy_id);
        let mut blob = Self {
            format: Format::V1,
            deploy_id,
            outer_blob: outer_blob.as_bytes().to_vec(),
            commitment: keys.commitment().to_vec(),
            sealed: Vec::new(),
        };
        blob.sealed = seal::seal(keys.env_key(), &blob.header(), env.serialize_json().as_bytes())?;
        Ok(blob)
    }

    /// Seals `env` for one deployment in the original system's layout (v0).
    ///
    /// # Errors
    /// [`Error::Randomness`], [`Error::TooLarge`].
    pub fn seal_v0(
        deploy_id: DeployId,
        outer_blob: &OuterBlob,
        k_d: &DeployProjectKey,
        service_key: &ServiceKey,
        env: &EnvMap,
    ) -> Result<Self> {
        Ok(Self {
            format: Format::V0,
            deploy_id,
            outer_blob: outer_blob.as_bytes().to_vec(),
            commitment: Vec::new(),
            sealed: v0::seal_env(k_d, service_key, &deploy_id, env)?,
        })
    }

    /// Decrypts the variables.
    ///
    /// # Errors
    /// v1: [`Error::WrongKey`] when the key commitment does not match, [`Error::Unauthentic`] for
    /// any altered byte. v0 has no key commitment, so both are [`Error::Unauthentic`].
    /// [`Error::MalformedEnvMap`] when the decrypted content is not a map of variables.
    pub fn open(&self, k_d: &DeployProjectKey, service_key: &ServiceKey) -> Result<EnvMap> {
        if self.format == Format::V0 {
            return v0::open_env(k_d, service_key, &self.deploy_id, &self.sealed);
        }
        let keys = EnvKeys::derive(k_d, service_key, &self.deploy_id);
        if !bool::from(keys.commitment().ct_eq(&self.commitment)) {
            return Err(Error::WrongKey);
        }
        EnvMap::parse_json(&seal::open(keys.env_key(), &self.header(), &self.sealed)?)
    }

    /// The blob's layout.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The deployment that the blob belongs to.
    pub fn deploy_id(&self) -> DeployId {
        self.deploy_id
    }

    /// The service's outer blob, unparsed: in v0 its layout is private to the issuing service.
    pub fn outer_blob(&self) -> &[u8] {
        &self.outer_blob
    }

    fn header(&self) -> Vec<u8> {
        let len = u32::try_from(self.outer_blob.len()).expect("parsed from a u32 or 93 bytes long");
        let magic: &[&[u8]] = if self.format == Format::V1 { &[MAGIC, &[VERSION]] } else { &[] };
        let rest: &[&[u8]] = &[self.deploy_id.as_bytes(), &len.to_be_bytes(), &self.outer_blob];
        [magic, rest].concat().concat()
    }
}

/// `HKDF(K_d || service_key, deploy_id, "capy/v1/env-map", 64)`: the sealing key, then the key
/// commitment.
struct EnvKeys(Zeroizing<[u8; 64]>);

impl EnvKeys {
    fn derive(k_d: &DeployProjectKey, service_key: &ServiceKey, deploy_id: &DeployId) -> Self {
        let ikm: [&[u8]; 2] = [k_d.expose_secret(), service_key.expose_secret()];
        Self(hkdf(&ikm, deploy_id.as_bytes(), &[b"capy/v1/env-map"]))
    }

    fn env_key(&self) -> &[u8; 32] {
        self.0.first_chunk().expect("64 bytes have a first 32")
    }

    fn commitment(&self) -> &[u8; 32] {
        self.0.last_chunk().expect("64 bytes have a last 32")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cut_is_refused_without_a_panic() {
        let outer = OuterBlob::from_bytes(&[1; OUTER_LEN]).unwrap();
        let (k_d, service_key) = (DeployProjectKey::new([1; 32]), ServiceKey::new([2; 32]));
        let env = EnvMap::new();
        let blob = SecretsBlob::seal(DeployId::new([3; 32]), &outer, &k_d, &service_key, &env).unwrap();
        let bytes = text::parse_base64(&blob.serialize()).unwrap();
        assert_eq!(SecretsBlob::from_bytes(&bytes).unwrap(), blob);
        for len in 0..bytes.len() {
            let opened = SecretsBlob::from_bytes(&bytes[..len]).and_then(|cut| cut.open(&k_d, &service_key));
            assert!(opened.is_err(), "{len}");
        }
    }
}
