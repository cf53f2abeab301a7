//! D1's answers. The JavaScript objects are not converted; each column is read on demand.

use js_sys::Array;
use wasm_bindgen::{JsCast, JsValue};

use super::bindings::{Record, property, text};
use crate::host::rows::missing;
use crate::host::{Cell, HostError, Result, Rows};

/// The greatest integer up to which doubles are exact.
const EXACT: f64 = ((1_u64 << 53) - 1) as f64;

/// The rows of one statement.
pub(crate) struct Answer(Vec<Record>);

impl Answer {
    /// The answers of a batch.
    pub(super) fn of_batch(answers: JsValue) -> Result<Vec<Self>> {
        array(answers)?.iter().map(Self::of).collect()
    }

    /// One answer: an object whose `results` are rows. An answer without `results` has no rows.
    pub(super) fn of(answer: JsValue) -> Result<Self> {
        let results = property(&answer, "results").map_err(|error| HostError::Database(text(&error)))?;
        if results.is_null() || results.is_undefined() {
            return Ok(Self(Vec::new()));
        }
        array(results)?.iter().map(record).collect::<Result<_>>().map(Self)
    }
}

impl Rows for Answer {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn cell(&self, place: usize, column: &'static str) -> Result<Cell> {
        let value = self.0[place].column(column);
        if let Some(text) = value.as_string() {
            return Ok(Cell::Text(text));
        }
        match value.as_f64() {
            Some(number) => Ok(exact(number).map_or(Cell::Unsupported, Cell::Integer)),
            None if value.is_null() => Ok(Cell::Null),
            None if value.is_undefined() => Err(missing(column)),
            None => Ok(Cell::Unsupported),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "it is an integer of 53 bits")]
fn exact(number: f64) -> Option<i64> {
    (number.trunc() == number && number.abs() <= EXACT).then_some(number as i64)
}

fn array(value: JsValue) -> Result<Array> {
    value.dyn_into().map_err(|_| HostError::Database("an answer is no array".into()))
}

/// Checks that a row is an object: columns of anything else cannot be read.
fn record(row: JsValue) -> Result<Record> {
    match row.is_object() {
        true => Ok(row.unchecked_into()),
        false => Err(HostError::Database("a row is no object".into())),
    }
}
