//! Public identifiers: deploy ids, project ids and key ids. None of them is secret.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use crate::key_id::KeyId;
use crate::{Error, Result};

/// The id of one deployment: 32 random bytes, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeployId([u8; 32]);

impl DeployId {
    /// Generates a random id.
    ///
    /// # Errors
    /// [`Error::Randomness`].
    pub fn generate() -> Result<Self> {
        crate::seal::random().map(Self)
    }

    /// Makes an id from 32 bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Parses 64 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// [`Error::MalformedDeployId`] for anything else, upper-case digits included, so that one id
    /// has one spelling.
    pub fn parse(text: &str) -> Result<Self> {
        let mut bytes = [0; 32];
        let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        if !lower || hex::decode_to_slice(text, &mut bytes).is_err() {
            return Err(Error::MalformedDeployId);
        }
        Ok(Self(bytes))
    }

    /// The first twelve digits: enough for people to tell a project's deployments apart, and for a
    /// command to find one.
    pub fn short(&self) -> String {
        hex::encode(&self.0[..6])
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for DeployId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for DeployId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeployId({self})")
    }
}

impl Serialize for DeployId {
    fn serialize<S: Serializer>(&self, serializer: S) -> core::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DeployId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> core::result::Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// The id of a project: 1 to 64 characters of `A-Z a-z 0-9 _ -`, usually `prj_` and random digits.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ProjectId(String);

impl ProjectId {
    /// The longest id, in bytes.
    pub const MAX_LEN: usize = 64;

    /// Generates an id: `prj_` and 20 lower-case hexadecimal digits (80 random bits).
    ///
    /// # Errors
    /// [`Error::Randomness`].
    pub fn generate() -> Result<Self> {
        let bytes: [u8; 10] = crate::seal::random()?;
        Ok(Self(alloc::format!("prj_{}", hex::encode(bytes))))
    }

    /// Checks and copies an id.
    ///
    /// # Errors
    /// [`Error::MalformedProjectId`].
    pub fn parse(text: &str) -> Result<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if text.is_empty() || text.len() > Self::MAX_LEN || !text.bytes().all(allowed) {
            return Err(Error::MalformedProjectId);
        }
        Ok(Self(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Display for ProjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for ProjectId {
    fn serialize<S: Serializer>(&self, serializer: S) -> core::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ProjectId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> core::result::Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deploy_id_has_one_spelling() {
        let id = DeployId::new([0xab; 32]);
        assert_eq!(DeployId::parse(&id.to_string()), Ok(id));
        for bad in ["", "ab", &"AB".repeat(32), &"ab".repeat(33), &"zz".repeat(32)] {
            assert_eq!(DeployId::parse(bad), Err(Error::MalformedDeployId), "{bad}");
        }
    }

    #[test]
    fn a_project_id_is_safe_in_paths_headers_and_urls() {
        assert!(ProjectId::parse("prj_Local-1").is_ok());
        for bad in ["", "a/b", "..", "a b", "é", "a\n", &"a".repeat(65)] {
            assert_eq!(ProjectId::parse(bad), Err(Error::MalformedProjectId), "{bad}");
        }
        let fresh = ProjectId::generate().unwrap();
        assert_eq!(ProjectId::parse(fresh.as_str()), Ok(fresh));
    }
}
