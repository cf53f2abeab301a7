//! The id of a build.

use std::{fmt, io};

use serde::{Deserialize, Serialize};

/// A build's id: `bld_` and 16 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct BuildId(String);

impl BuildId {
    pub(super) fn draw() -> io::Result<Self> {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        Ok(Self(format!("bld_{}", hex::encode(bytes))))
    }

    /// Parses an id.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("bld_")?;
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (digits.len() == 16 && digits.bytes().all(is_digit)).then(|| Self(text.into()))
    }

    /// The whole id.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The first eight digits.
    pub(super) fn short(&self) -> &str {
        &self.0[4..12]
    }

    /// The name of the build's container.
    pub(super) fn container(&self) -> String {
        format!("capy-{}", &self.0[4..])
    }
}

impl fmt::Display for BuildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for BuildId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("not a build's id")
    }
}

impl From<BuildId> for String {
    fn from(id: BuildId) -> Self {
        id.0
    }
}
