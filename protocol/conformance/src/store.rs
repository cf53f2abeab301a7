//! Test vectors of project store rows with their key ids: bound rows, rows of the existing store,
//! and rows that must not open with their binding.

use capy_protocol::Error;
use capy_protocol::env_map::SecretValue;
use capy_protocol::id::{KeyId, ProjectId};
use capy_protocol::store_keys::StoreKeys;
use capy_protocol::store_row::Binding;
use serde::Deserialize;

use crate::{Check, Outcome, StepName, same};

/// `store_rows_bound.json`.
#[derive(Debug, Deserialize)]
pub struct Rows {
    #[serde(rename = "ENCRYPTION_KEY")]
    encryption_key: String,
    bound_rows: Vec<Row>,
}

#[derive(Debug, Deserialize)]
struct Row {
    name: String,
    project_id: String,
    key: String,
    key_id: Option<KeyId>,
    row: String,
    /// The expected value of a row that opens.
    value: Option<String>,
    /// The expected reason why a row does not open.
    reason: Option<String>,
}

impl Rows {
    pub(crate) fn check(&self) -> Vec<Outcome> {
        let rows = self.bound_rows.iter();
        rows.map(|row| Outcome::of(format!("bound row, {}", row.name), self.row(row))).collect()
    }

    fn row(&self, row: &Row) -> Check {
        let keys = StoreKeys::parse(&self.encryption_key).in_step("keys")?;
        let project = ProjectId::parse(&row.project_id).in_step("project id")?;
        let binding = Binding { project: &project, name: &row.key };
        let opened = keys.open(binding, row.key_id, &row.row);
        let found = opened.as_ref().map(SecretValue::expose_secret).map_err(|error| reason(*error));
        same("row", found, row.value.as_deref().ok_or(row.reason.as_deref().unwrap_or("no reason")))
    }
}

/// The vector files' names for this crate's errors.
fn reason(error: Error) -> &'static str {
    match error {
        Error::MalformedSealedValue => "malformed",
        Error::UnknownStoreKey(_) => "unknown key",
        Error::Unauthentic => "unauthentic",
        _ => "another reason",
    }
}
