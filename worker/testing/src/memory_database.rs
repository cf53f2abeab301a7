//! A SQLite database in memory, with all tables of the service.

use std::sync::{Mutex, MutexGuard, PoisonError};

use capy_worker::host::{HostError, Result, Statement};
use capy_worker::hosts::sqlite::{self, Answer};
use capy_worker::migrations::MIGRATIONS;
use rusqlite::Connection;

/// A database in memory. Its data is lost when it is dropped.
#[derive(Debug)]
pub struct MemoryDatabase(Mutex<Connection>);

impl MemoryDatabase {
    /// An empty database with all tables.
    ///
    /// # Errors
    /// [`HostError::Database`].
    pub fn new() -> Result<Self> {
        let database = Connection::open_in_memory().map_err(database_error)?;
        for (_, migration) in MIGRATIONS {
            database.execute_batch(migration).map_err(database_error)?;
        }
        Ok(Self(Mutex::new(database)))
    }

    /// The connection, for a test's own statements.
    pub fn connection(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs one transaction.
    ///
    /// # Errors
    /// [`HostError::Database`]; the transaction is then rolled back.
    pub fn transaction(&self, statements: &[Statement]) -> Result<Vec<Answer>> {
        let run = || {
            let mut connection = self.connection();
            let transaction = connection.transaction()?;
            let answers = sqlite::run(&transaction, statements)?;
            transaction.commit()?;
            Ok(answers)
        };
        run().map_err(database_error)
    }
}

fn database_error(error: rusqlite::Error) -> HostError {
    HostError::Database(error.to_string())
}
