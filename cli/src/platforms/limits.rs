//! What fits a platform, decided before anything is minted.
//!
//! Sizes are bytes; a variable counts with its name where the platform's limit is one for all of them together.

use core::fmt;

use serde::{Deserialize, Serialize};

/// A platform's documented limits; none where it documents none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    /// Of one variable's value.
    pub(crate) value: Option<usize>,
    /// Of all variables together, names included.
    pub(crate) total: Option<usize>,
    /// How many variables there may be.
    pub(crate) count: Option<usize>,
    /// Where the platform says so.
    pub(crate) source: Option<String>,
    /// A size of one value from which on a part of the platform refuses it.
    pub(crate) careful: Option<usize>,
    /// Which part.
    pub(crate) careful_why: Option<String>,
}

/// What does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// One value.
    Value { name: String, bytes: usize, limit: usize },
    /// All together.
    Total { bytes: usize, limit: usize },
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value { name, bytes, limit } => {
                write!(f, "{name} has {bytes} bytes, {limit} are allowed in one variable")
            }
            Self::Total { bytes, limit } => {
                write!(f, "the variables have {bytes} bytes, {limit} are allowed in all of them together")
            }
        }
    }
}

impl Limits {
    /// Refuses what the platform refuses for sure. Its other variables are not known here.
    pub(crate) fn check(&self, sizes: &[(&str, usize)]) -> Result<(), Misfit> {
        for (name, bytes) in sizes {
            if let Some(limit) = self.value.filter(|limit| bytes > limit) {
                return Err(Misfit::Value { name: (*name).into(), bytes: *bytes, limit });
            }
        }
        let bytes = sizes.iter().map(|(name, bytes)| name.len() + bytes).sum();
        match self.total {
            Some(limit) if bytes > limit => Err(Misfit::Total { bytes, limit }),
            _ => Ok(()),
        }
    }

    /// What a part of the platform would refuse.
    pub(crate) fn warning(&self, sizes: &[(&str, usize)]) -> Option<String> {
        let limit = self.careful?;
        let (name, bytes) = sizes.iter().find(|(_, bytes)| *bytes > limit)?;
        Some(format!("{name} has {bytes} bytes: {}", self.careful_why.as_deref().unwrap_or_default()))
    }
}
