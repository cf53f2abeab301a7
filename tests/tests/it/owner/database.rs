//! A D1 database: SQLite, asked as the API's `query` asks it.
//!
//! It does not know D1's own limits (sizes, times, statements it forbids), and counts no rows that were read.

use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::types::ValueRef;
use rusqlite::{Batch, Connection};
use serde_json::{Map, Value, json};

/// One database of the account.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) id: String,
    pub(crate) name: String,
    connection: Connection,
    /// All that was asked and done, in its order.
    pub(crate) history: Vec<String>,
}

impl Database {
    pub(crate) fn new(id: String, name: String) -> rusqlite::Result<Self> {
        Ok(Self { id, name, connection: Connection::open_in_memory()?, history: Vec::new() })
    }

    /// Runs statements one after the other, all or none, and returns a result in D1's form for each.
    pub(crate) fn query(&mut self, sql: &str) -> rusqlite::Result<Vec<Value>> {
        let transaction = self.connection.transaction()?;
        let mut results = Vec::new();
        let mut batch = Batch::new(&transaction, sql);
        while let Some(mut statement) = batch.next()? {
            let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
            let (mut rows, mut found) = (statement.query([])?, Vec::new());
            while let Some(row) = rows.next()? {
                let fields = names.iter().enumerate();
                let fields = fields.map(|(index, name)| Ok((name.clone(), value(row.get_ref(index)?))));
                found.push(Value::Object(fields.collect::<rusqlite::Result<Map<_, _>>>()?));
            }
            results.push(json!({ "results": found, "success": true, "meta": meta(&transaction) }));
        }
        transaction.commit()?;
        self.history.push(sql.to_owned());
        Ok(results)
    }

    /// How the API describes it.
    pub(crate) fn described(&self) -> Value {
        json!({ "uuid": self.id, "name": self.name, "version": "production", "file_size": 0 })
    }
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into(),
        ValueRef::Blob(bytes) => bytes.into(),
    }
}

fn meta(connection: &Connection) -> Value {
    json!({
        "duration": 0.1, "changes": connection.changes(), "last_row_id": connection.last_insert_rowid(),
        "changed_db": false, "size_after": 0, "rows_read": 0, "rows_written": 0,
    })
}
