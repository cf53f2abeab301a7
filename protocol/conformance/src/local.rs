//! Test vectors of data that stays on the laptop or in the project store: phrase, project keys,
//! sealed values, store rows.

use capy_protocol::env_value;
use capy_protocol::id::ProjectId;
use capy_protocol::key::{MasterKey, StoreKey};
use capy_protocol::phrase::RecoveryPhrase;
use capy_protocol::store_row;
use serde::Deserialize;

use crate::{Check, Outcome, StepName, same};

/// `local_keys.json`.
#[derive(Debug, Deserialize)]
pub struct Keys {
    words: String,
    master_key: String,
    project_id: String,
    project_key_epoch_0: String,
    project_key_epoch_1: String,
    values: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct Value {
    name: String,
    value: String,
    sealed: String,
}

impl Keys {
    pub(crate) fn check(&self) -> Vec<Outcome> {
        let keys = [
            Outcome::of("local phrase", self.phrase()),
            Outcome::of("local project key, epoch 0", self.project_key(0, &self.project_key_epoch_0)),
            Outcome::of("local project key, epoch 1", self.project_key(1, &self.project_key_epoch_1)),
        ];
        let values = self.values.iter();
        let values = values.map(|value| Outcome::of(format!("local {}", value.name), self.value(value)));
        keys.into_iter().chain(values).collect()
    }

    fn phrase(&self) -> Check {
        let phrase = RecoveryPhrase::parse(&self.words).in_step("phrase")?;
        same("words", &*phrase.expose_secret(), &self.words)?;
        same("master key", &*phrase.master_key().serialize_hex(), &self.master_key)
    }

    fn project_key(&self, epoch: u32, expected: &String) -> Check {
        let project = ProjectId::parse(&self.project_id).in_step("project id")?;
        let key = MasterKey::parse_hex(&self.master_key).in_step("master key")?.project_key(&project, epoch);
        same("project key", &*key.serialize_hex(), expected)
    }

    fn value(&self, value: &Value) -> Check {
        let project = ProjectId::parse(&self.project_id).in_step("project id")?;
        let key = MasterKey::parse_hex(&self.master_key).in_step("master key")?.project_key(&project, 0);
        let opened = env_value::open(&key, &project, &value.name, &value.sealed).in_step("open")?;
        same("value", opened.expose_secret(), &value.value)
    }
}

/// `store_rows.json`.
#[derive(Debug, Deserialize)]
pub struct Rows {
    #[serde(rename = "ENCRYPTION_KEY")]
    encryption_key: String,
    rows: Vec<Row>,
}

#[derive(Debug, Deserialize)]
struct Row {
    value: String,
    stored: String,
}

impl Rows {
    pub(crate) fn check(&self) -> Vec<Outcome> {
        let rows = self.rows.iter().enumerate();
        rows.map(|(index, row)| Outcome::of(format!("store row {index}"), self.row(row))).collect()
    }

    fn row(&self, row: &Row) -> Check {
        let key = StoreKey::parse_hex(&self.encryption_key).in_step("key")?;
        let opened = store_row::open_v0(&key, &row.stored).in_step("open")?;
        same("value", opened.expose_secret(), &row.value)
    }
}
