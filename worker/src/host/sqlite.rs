//! SQLite in this process: how statements run there, its migrations, and a host in memory. It needs no revocation list
//! beside it: the database is as near as a list would be.

use std::sync::{Mutex, MutexGuard, PoisonError};

use capy_protocol::id::DeployId;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql};
use serde::de::DeserializeOwned;
use serde_json::Map;

use super::limiter::Limiter;
use super::outbound;
use super::{Host, HostError, Limit, Result, Rows, RsaKey, Statement, Value};

/// The migrations in their order, by the names that wrangler knows them by.
pub const MIGRATIONS: [(&str, &str); 4] = [
    ("0001_deploys.sql", include_str!("../../migrations/0001_deploys.sql")),
    ("0002_deploy_terms.sql", include_str!("../../migrations/0002_deploy_terms.sql")),
    ("0003_tokens.sql", include_str!("../../migrations/0003_tokens.sql")),
    ("0005_oidc_trusts.sql", include_str!("../../migrations/0005_oidc_trusts.sql")),
];

/// A database in this process.
#[derive(Debug)]
pub struct Sqlite {
    connection: Mutex<Connection>,
    limiter: Limiter,
}

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
        Ok(Self { connection: Mutex::new(database), limiter: Limiter::new(Limit::most) })
    }

    /// The connection itself, for what only an operator or a test does.
    pub fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, statements: &[Statement]) -> rusqlite::Result<Vec<Answer>> {
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        let answers = run(&transaction, statements)?;
        transaction.commit()?;
        Ok(answers)
    }
}

impl Host for Sqlite {
    type Rows = Answer;

    async fn transaction(&self, statements: Vec<Statement>) -> Result<Vec<Answer>> {
        self.run(&statements).map_err(database_error)
    }

    async fn is_listed(&self, _: &DeployId) -> Result<bool> {
        Ok(false)
    }

    async fn list_revoked(&self, _: &DeployId, _: u64) -> Result<()> {
        Ok(())
    }

    async fn is_within(&self, limit: Limit, key: &str) -> Result<bool> {
        Ok(self.limiter.is_within(limit, key))
    }

    async fn fetch(&self, url: &str) -> Result<Vec<u8>> {
        outbound::fetch(url).await
    }

    async fn verify_rs256(&self, key: &RsaKey, message: &[u8], signature: &[u8]) -> Result<bool> {
        Ok(outbound::verify_rs256(key, message, signature))
    }

    async fn check_revocations(&self) -> Result<()> {
        Ok(())
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
