//! What fits a platform, decided before anything is minted.
//!
//! Sizes are bytes. A limit for all variables together says what it counts.

use serde::{Deserialize, Serialize};

use crate::error::Misfit;

/// A platform's documented limits; none where it documents none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    /// Of one variable's value.
    pub(crate) value: Option<usize>,
    /// Of all variables together.
    pub(crate) total: Option<usize>,
    /// What that total counts.
    #[serde(default)]
    pub(crate) counts: Counts,
    /// How many variables there may be.
    pub(crate) count: Option<usize>,
    /// Where the platform says so.
    pub(crate) source: Option<String>,
    /// What a part of the platform refuses.
    pub(crate) careful: Option<Careful>,
}

/// A limit of a part of the platform: it warns.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Careful {
    pub(crate) value: Option<usize>,
    pub(crate) total: Option<usize>,
    /// Which part.
    pub(crate) why: String,
}

/// What a limit of all variables together counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Counts {
    #[default]
    NamesAndValues,
    /// The values alone.
    Values,
    /// One JSON object of them, with its quotes, colons and commas.
    Json,
}

impl Counts {
    fn bytes(self, sizes: &[(&str, usize)]) -> usize {
        let (names, values) = sizes.iter().fold((0, 0), |(n, v), (name, bytes)| (n + name.len(), v + bytes));
        match self {
            Self::NamesAndValues => names + values,
            Self::Values => values,
            // "":"", with a comma between two and braces around all; none of these values needs an escape.
            Self::Json => names + values + 6 * sizes.len() + 1,
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
        let bytes = self.counts.bytes(sizes);
        match self.total {
            Some(limit) if bytes > limit => Err(Misfit::Total { bytes, limit }),
            _ => Ok(()),
        }
    }

    /// How much of which limit is used, and whether that is the one of a single variable; of no limit where none is known.
    pub(crate) fn used(&self, sizes: &[(&str, usize)]) -> Option<(usize, usize, bool)> {
        let longest = sizes.iter().map(|(_, bytes)| *bytes).max()?;
        let value = self.value.map(|limit| (longest, limit, true));
        let total = self.total.map(|limit| (self.counts.bytes(sizes), limit, false));
        // The one that is nearer.
        let fuller =
            |one: &(usize, usize, bool), other: &(usize, usize, bool)| one.0 * other.1 >= other.0 * one.1;
        match (value, total) {
            (Some(value), Some(total)) => Some(if fuller(&value, &total) { value } else { total }),
            (value, total) => value.or(total),
        }
    }

    /// The longest part of a blob that is split.
    pub(crate) fn cut(&self) -> Option<usize> {
        let careful = self.careful.as_ref().and_then(|careful| careful.value);
        careful.into_iter().chain(self.value).min()
    }

    /// What a part of the platform would refuse.
    pub(crate) fn warning(&self, sizes: &[(&str, usize)]) -> Option<String> {
        let careful = self.careful.as_ref()?;
        let inner =
            Self { value: careful.value, total: careful.total, counts: self.counts, ..Self::default() };
        let misfit = inner.check(sizes).err()?;
        let what = match misfit {
            Misfit::Value { name, bytes, .. } => format!("{name} has {bytes} bytes"),
            Misfit::Total { bytes, .. } => format!("the variables have {bytes} bytes"),
        };
        Some(format!("{what}: {}", careful.why))
    }
}
