//! Size limits of platforms, which are checked before a deployment is registered.
//!
//! All sizes are in bytes. A limit for all variables together states what it counts.

use serde::{Deserialize, Serialize};

use crate::error::LimitExceeded;

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
    pub(crate) partial: Option<PartialLimits>,
}

/// Limits of a part of the platform. Exceeding one is a warning, and no error.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartialLimits {
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

/// How far a limit is used up, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) bytes: usize,
    pub(crate) limit: usize,
    /// Whether the limit is for a single variable, and not for all of them together.
    pub(crate) of_one_variable: bool,
}

impl Limits {
    /// Checks the limits of one value and of all variables together. The platform's other variables
    /// are not known here, so the real total may be larger.
    pub(crate) fn check(&self, sizes: &[(&str, usize)]) -> Result<(), LimitExceeded> {
        for (name, bytes) in sizes {
            if let Some(limit) = self.value.filter(|limit| bytes > limit) {
                return Err(LimitExceeded::Value { name: (*name).into(), bytes: *bytes, limit });
            }
        }
        let bytes = self.counts.bytes(sizes);
        match self.total {
            Some(limit) if bytes > limit => Err(LimitExceeded::Total { bytes, limit }),
            _ => Ok(()),
        }
    }

    /// How far the limit is used up that is used up most; `None` if no limit is known.
    pub(crate) fn usage(&self, sizes: &[(&str, usize)]) -> Option<Usage> {
        let longest = sizes.iter().map(|(_, bytes)| *bytes).max()?;
        let value = self.value.map(|limit| Usage { bytes: longest, limit, of_one_variable: true });
        let total =
            self.total.map(|limit| Usage { bytes: self.counts.bytes(sizes), limit, of_one_variable: false });
        match (value, total) {
            (Some(value), Some(total)) => {
                let is_value_fuller = value.bytes * total.limit >= total.bytes * value.limit;
                Some(if is_value_fuller { value } else { total })
            }
            (value, total) => value.or(total),
        }
    }

    /// The length at which a blob is split; `None` if there is no limit for one value.
    pub(crate) fn split_len(&self) -> Option<usize> {
        let partial = self.partial.as_ref().and_then(|partial| partial.value);
        partial.into_iter().chain(self.value).min()
    }

    /// A warning if a part of the platform would refuse the variables.
    pub(crate) fn warning(&self, sizes: &[(&str, usize)]) -> Option<String> {
        let partial = self.partial.as_ref()?;
        let limits =
            Self { value: partial.value, total: partial.total, counts: self.counts, ..Self::default() };
        let what = match limits.check(sizes).err()? {
            LimitExceeded::Value { name, bytes, .. } => format!("{name} has {bytes} bytes"),
            LimitExceeded::Total { bytes, .. } => format!("the variables have {bytes} bytes"),
        };
        Some(format!("{what}: {}", partial.why))
    }
}
