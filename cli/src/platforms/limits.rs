//! Size limits of platforms, which are checked before a deployment is registered.
//!
//! All sizes are in bytes. A limit for all variables together states what it counts.

use serde::{Deserialize, Serialize};

use crate::error::Misfit;

/// The limits that a platform documents.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    /// Limit of one variable's value.
    pub(crate) value: Option<usize>,
    /// Limit of all variables together.
    pub(crate) total: Option<usize>,
    /// What `total` counts.
    #[serde(default)]
    pub(crate) counts: Counts,
    /// Limit of the number of variables. The setup page shows it; [`Limits::check`] does not check
    /// it.
    pub(crate) count: Option<usize>,
    /// The page on which the platform documents the limits.
    pub(crate) source: Option<String>,
    /// Lower limits that hold in a part of the platform.
    pub(crate) careful: Option<Careful>,
}

/// Limits of a part of the platform. Exceeding one is a warning, and no error.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Careful {
    pub(crate) value: Option<usize>,
    pub(crate) total: Option<usize>,
    /// Explains which part refuses the variables.
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
    /// One JSON object of names and values, with its quotes, colons and commas.
    Json,
}

impl Counts {
    fn bytes(self, sizes: &[(&str, usize)]) -> usize {
        let (names, values) = sizes.iter().fold((0, 0), |(n, v), (name, bytes)| (n + name.len(), v + bytes));
        match self {
            Self::NamesAndValues => names + values,
            Self::Values => values,
            // `"":""` and a comma for each, without the last comma, and braces around all; none of
            // these values needs an escape.
            Self::Json => names + values + 6 * sizes.len() + 1,
        }
    }
}

impl Limits {
    /// Checks the limits of one value and of all variables together. The platform's other variables
    /// are not known here, so the real total may be larger.
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

    /// The limit that is used up most: bytes used, the limit, and whether it is that of a single
    /// variable. `None` if no limit is known.
    pub(crate) fn used(&self, sizes: &[(&str, usize)]) -> Option<(usize, usize, bool)> {
        let longest = sizes.iter().map(|(_, bytes)| *bytes).max()?;
        let value = self.value.map(|limit| (longest, limit, true));
        let total = self.total.map(|limit| (self.counts.bytes(sizes), limit, false));
        // The limit of which the larger part is used.
        let fuller =
            |one: &(usize, usize, bool), other: &(usize, usize, bool)| one.0 * other.1 >= other.0 * one.1;
        match (value, total) {
            (Some(value), Some(total)) => Some(if fuller(&value, &total) { value } else { total }),
            (value, total) => value.or(total),
        }
    }

    /// The length at which a blob is split; `None` if there is no limit for one value.
    pub(crate) fn cut(&self) -> Option<usize> {
        let careful = self.careful.as_ref().and_then(|careful| careful.value);
        careful.into_iter().chain(self.value).min()
    }

    /// A warning if a part of the platform would refuse the variables.
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
