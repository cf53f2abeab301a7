//! In-process SQLite: runs statements on a connection, for hosts other than Workers.

use std::fmt;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql};

use crate::host::rows::missing;
use crate::host::{Cell, Result, Rows, Statement, Value};

/// The rows of one statement.
pub struct Answer {
    columns: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("columns", &self.columns).finish_non_exhaustive()
    }
}

impl Rows for Answer {
    fn count(&self) -> usize {
        self.rows.len()
    }

    fn cell(&self, place: usize, column: &'static str) -> Result<Cell> {
        let named = self.columns.iter().position(|name| name == column).ok_or_else(|| missing(column))?;
        Ok(self.rows[place][named].clone())
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Null => Ok(ToSqlOutput::Borrowed(ValueRef::Null)),
            Self::Integer(number) => number.to_sql(),
            Self::Text(text) => text.to_sql(),
        }
    }
}

/// Runs statements one after the other, inside the connection's current transaction.
///
/// # Errors
/// The first failing statement's. Earlier changes stay until the transaction is rolled back.
pub fn run(connection: &Connection, statements: &[Statement]) -> rusqlite::Result<Vec<Answer>> {
    statements.iter().map(|statement| run_one(connection, statement)).collect()
}

fn run_one(connection: &Connection, statement: &Statement) -> rusqlite::Result<Answer> {
    let mut prepared = connection.prepare_cached(statement.sql)?;
    let columns: Vec<String> = prepared.column_names().map(str::to_owned).collect();
    let mut found = prepared.query(rusqlite::params_from_iter(&statement.values))?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let cells = (0..columns.len()).map(|place| row.get_ref(place).map(cell));
        rows.push(cells.collect::<rusqlite::Result<_>>()?);
    }
    Ok(Answer { columns, rows })
}

/// Converts a value. The tables are strict and hold neither reals nor blobs; text that is not UTF-8
/// can only be written by hand.
fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Integer(number),
        ValueRef::Text(text) => Cell::Text(String::from_utf8_lossy(text).into()),
        ValueRef::Real(_) | ValueRef::Blob(_) => Cell::Unsupported,
    }
}

#[cfg(test)]
mod tests {
    use capy_protocol::id::{DeployId, KeyId};

    use super::*;
    use crate::host::HostError;

    fn select(sql: &'static str) -> Answer {
        let connection = Connection::open_in_memory().unwrap();
        run(&connection, &[Statement::new(sql, vec![])]).unwrap().remove(0)
    }

    #[test]
    fn a_cell_that_does_not_fit_is_an_error_that_names_its_column_and_not_what_is_in_it() {
        let answer = select(
            "SELECT NULL AS void, -1 AS below, 4294967296 AS beyond, 1.5 AS real, x'00' AS blob, \
             '7' AS digits, 'canary.CELL.x9' AS words, 7 AS seven",
        );
        let number = |column| answer.column::<u64>(column).map(drop);
        let narrow = |column| answer.column::<KeyId>(column).map(drop);
        let text = |column| answer.column::<String>(column).map(drop);
        let id = |column| answer.column::<Option<DeployId>>(column).map(drop);
        for (read, fault) in [
            (number("void"), "column void does not hold an integer of u64"),
            (number("below"), "column below does not hold an integer of u64"),
            (number("digits"), "column digits does not hold an integer of u64"),
            (number("real"), "column real holds neither a text nor an exact integer"),
            (narrow("beyond"), "column beyond does not hold a key's id"),
            (text("void"), "column void does not hold a text"),
            (text("seven"), "column seven does not hold a text"),
            (text("blob"), "column blob holds neither a text nor an exact integer"),
            (text("gone"), "column gone is missing"),
            (id("words"), "column words does not hold a deployment's id"),
            (id("gone"), "column gone is missing"),
        ] {
            assert_eq!(read, Err(HostError::Database(fault.into())));
        }
        assert!(!format!("{answer:?}").contains("x9"));
    }

    #[test]
    fn null_is_none_and_only_that() {
        let answer = select("SELECT NULL AS a, 0 AS b, '' AS c");
        assert_eq!(answer.column::<Option<u64>>("a"), Ok(vec![None]));
        assert_eq!(answer.column::<Option<u64>>("b"), Ok(vec![Some(0)]));
        assert_eq!(answer.column::<Option<String>>("c"), Ok(vec![Some(String::new())]));
        assert!(answer.column::<Option<u64>>("c").is_err());
    }
}
