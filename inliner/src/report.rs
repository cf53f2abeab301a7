//! The report of a run, for people and for scripts.
//!
//! No field can hold a value: only names, places and counts. `print` writes the report as text.

mod print;

use std::path::PathBuf;

use serde::Serialize;

use crate::finding::{Finding, Severity};
use crate::layout::Root;
use crate::leaks::{Leak, NotSearched, Unscanned};
use crate::printable;
use crate::progress::Phases;

/// The result for one variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Variable {
    pub name: String,
    /// How many reads were replaced with the value, and in how many files.
    pub replaced: usize,
    pub files: usize,
    /// Reads that certainly need the variable, were left unchanged and will not find it.
    pub missing: usize,
    /// Set before the program starts, for uses that cannot be replaced.
    pub prelude: bool,
    /// Never inlined, because the name belongs to the framework.
    pub left_alone: bool,
    pub not_searched: Option<NotSearched>,
}

impl Variable {
    pub(crate) fn named(name: String) -> Self {
        let (replaced, files, missing) = (0, 0, 0);
        Self { name, replaced, files, missing, prelude: false, left_alone: false, not_searched: None }
    }
}

/// The results of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    pub roots: Vec<Root>,
    pub server_files: usize,
    pub parsed_files: usize,
    /// Files that were written, or, if the run failed, would have been written.
    pub changed_files: usize,
    pub scanned_files: usize,
    /// Files that were not searched, or only in part.
    pub unscanned_files: Vec<Unscanned>,
    /// Server files that set variables before anything else runs.
    #[serde(serialize_with = "printable::serialize_paths")]
    pub preludes: Vec<PathBuf>,
    pub variables: Vec<Variable>,
    /// Manifests of known outputs that were not written since the time in the request, and do not
    /// hold these values.
    #[serde(serialize_with = "printable::serialize_paths")]
    pub older_than_run: Vec<PathBuf>,
    /// Folders with scripts that were written since then and belong to no known layout; or such
    /// scripts themselves.
    #[serde(serialize_with = "printable::serialize_paths")]
    pub unrecognised: Vec<PathBuf>,
    pub findings: Vec<Finding>,
    pub leaks: Vec<Leak>,
    /// The time that each phase took.
    pub phases: Phases,
    /// Whether the tree now holds what this run planned. A failed run writes nothing.
    pub written: bool,
}

impl Report {
    /// The highest severity, if anything was found.
    pub fn worst(&self) -> Option<Severity> {
        let leak = self.leaks.iter().any(|leak| !leak.allowed).then_some(Severity::Failure);
        self.findings.iter().map(|finding| finding.severity).max().max(leak)
    }

    /// How many reads were replaced with a value.
    pub fn replaced(&self) -> usize {
        self.variables.iter().map(|variable| variable.replaced).sum()
    }
}
