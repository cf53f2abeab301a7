//! SQLite in this process: how statements run there, its migrations, and a database in memory.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql};
use serde::de::DeserializeOwned;
use serde_json::Map;

use super::{HostError, Result, Rows, Statement, Value};

/// The migrations in their order, by the names that wrangler knows them by.
pub const MIGRATIONS: [(&str, &str); 7] = [
    ("0001_deploys.sql", include_str!("../../migrations/0001_deploys.sql")),
    ("0002_deploy_terms.sql", include_str!("../../migrations/0002_deploy_terms.sql")),
    ("0003_tokens.sql", include_str!("../../migrations/0003_tokens.sql")),
    ("0004_audit_seals.sql", include_str!("../../migrations/0004_audit_seals.sql")),
    ("0005_oidc_trusts.sql", include_str!("../../migrations/0005_oidc_trusts.sql")),
    ("0006_projects.sql", include_str!("../../migrations/0006_projects.sql")),
    ("0007_service_audit.sql", include_str!("../../migrations/0007_service_audit.sql")),
];

/// A database in this process.
#[derive(Debug)]
pub struct Sqlite(Mutex<Connection>);

impl Sqlite {
    /// An empty database that is gone when it is dropped.
    ///
    /// # Errors
    /// [`HostError::Database`].
    pub fn in_memory() -> Result<Self> {
        let database = Connection::open_in_memory().map_err(database_error)?;
        for (_, migration) in MIGRATIONS {
            database.execute_batch(migration).map_err(database_error)?;
        }
        Ok(Self(Mutex::new(database)))
    }

    /// The connection itself, for what only an operator or a test does.
    pub fn connection(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs one transaction.
    ///
    /// # Errors
    /// [`HostError::Database`]; then nothing of it stays.
    pub fn transaction(&self, statements: &[Statement]) -> Result<Vec<Answer>> {
        let run = || {
            let mut connection = self.connection();
            let transaction = connection.transaction()?;
            let answers = run(&transaction, statements)?;
            transaction.commit()?;
            Ok(answers)
        };
        run().map_err(|error: rusqlite::Error| database_error(error))
    }
}

/// The rows of one statement.
#[derive(Debug)]
pub struct Answer(Vec<serde_json::Value>);

impl Rows for Answer {
    fn count(&self) -> Result<usize> {
        Ok(self.0.len())
    }

    fn parse<T: DeserializeOwned>(&self) -> Result<Vec<T>> {
        let rows = self.0.iter().map(T::deserialize);
        rows.collect::<serde_json::Result<_>>().map_err(|error| HostError::Database(error.to_string()))
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

/// Runs statements one after the other, inside whatever transaction the connection is in.
///
/// # Errors
/// The first statement's that fails; what came before it stays, until the transaction is rolled back.
pub fn run(connection: &Connection, statements: &[Statement]) -> rusqlite::Result<Vec<Answer>> {
    statements.iter().map(|statement| run_one(connection, statement)).collect()
}

fn run_one(connection: &Connection, statement: &Statement) -> rusqlite::Result<Answer> {
    let mut prepared = connection.prepare_cached(statement.sql)?;
    let names: Vec<String> = prepared.column_names().map(str::to_owned).collect();
    let mut rows = prepared.query(rusqlite::params_from_iter(&statement.values))?;
    let mut answer = Vec::new();
    while let Some(row) = rows.next()? {
        let mut object = Map::new();
        for (place, name) in names.iter().enumerate() {
            object.insert(name.clone(), json(row.get_ref(place)?));
        }
        answer.push(serde_json::Value::Object(object));
    }
    Ok(Answer(answer))
}

/// The tables are strict and hold neither reals nor blobs; text that is not UTF-8 could only be put there by hand.
fn json(value: ValueRef<'_>) -> serde_json::Value {
    match value {
        ValueRef::Null | ValueRef::Blob(_) => serde_json::Value::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into(),
    }
}

fn database_error(error: impl std::fmt::Display) -> HostError {
    HostError::Database(error.to_string())
}
