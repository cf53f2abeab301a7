//! Conformance checks of the protocol against test vectors from an independent implementation.
//!
//! The same checks run natively (`protocol/tests/it/vectors.rs`) and as wasm inside the Workers
//! runtime (`worker.mjs` beside this crate). This crate interprets the vector files but reads none
//! of them from disk.

mod bad;
mod deployments;
mod local;
mod row_seals;
mod store;
#[cfg(target_family = "wasm")]
pub mod wasm;

use std::fmt::Debug;

use serde::{Deserialize, Serialize};

/// The result of one case.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// The case's name.
    pub case: String,
    /// What is wrong; none if the case passed.
    pub fault: Option<String>,
}

impl Outcome {
    fn of(case: impl Into<String>, result: Check) -> Self {
        Self { case: case.into(), fault: result.err() }
    }
}

type Check = Result<(), String>;

/// A parsed vector file. Serde recognises the kind by the shape of the content.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum VectorFile {
    /// `secrets_blob_v1.json`, `secrets_blob_v0.json`.
    Deployments(Vec<deployments::Case>),
    /// `secrets_blob_bad.json`.
    Bad(Vec<bad::Case>),
    /// `local_keys.json`.
    Local(local::Keys),
    /// `store_rows.json`.
    Rows(local::Rows),
    /// `store_rows_bound.json`.
    Bound(store::Rows),
    /// `row_seals.json`.
    Seals(row_seals::Rows),
}

impl VectorFile {
    /// Runs every case of the file. The vectors are public, so a fault may show expected values.
    pub fn check(&self) -> Vec<Outcome> {
        match self {
            Self::Deployments(cases) => cases.iter().map(deployments::Case::check).collect(),
            Self::Bad(cases) => cases.iter().map(bad::Case::check).collect(),
            Self::Local(keys) => keys.check(),
            Self::Rows(rows) => rows.check(),
            Self::Bound(rows) => rows.check(),
            Self::Seals(rows) => rows.check(),
        }
    }
}

fn same<T: PartialEq + Debug>(what: &str, found: T, expected: T) -> Check {
    if found == expected { Ok(()) } else { Err(format!("{what}: found {found:?}, expected {expected:?}")) }
}

/// Adds the name of a failed step to its error.
trait StepName<T> {
    fn in_step(self, what: &str) -> Result<T, String>;
}

impl<T> StepName<T> for capy_protocol::Result<T> {
    fn in_step(self, what: &str) -> Result<T, String> {
        self.map_err(|error| format!("{what}: {error}"))
    }
}
