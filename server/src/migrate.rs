//! Database migrations. Applied ones are recorded in the table that wrangler uses for D1, so that a
//! file of either side works on the other.

use std::path::Path;

use capy_worker::migrations::{APPLIED, APPLY, MIGRATIONS, RECORD};
use rusqlite::{Connection, TransactionBehavior};

use crate::{Error, Result};

/// Applies the missing migrations, each in one transaction with its record.
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<()> {
    let failed = |source| Error::Database { path: path.to_owned(), source };
    connection.execute_batch(RECORD).map_err(failed)?;
    let applied = applied(connection).map_err(failed)?;
    let known = |name: &String| MIGRATIONS.iter().any(|(known, _)| known == name);
    if let Some(migration) = applied.iter().find(|name| !known(name)) {
        return Err(Error::FromTheFuture { path: path.to_owned(), migration: migration.clone() });
    }
    for (name, text) in MIGRATIONS.iter().filter(|(name, _)| !applied.iter().any(|done| done == name)) {
        apply(connection, name, text).map_err(failed)?;
    }
    Ok(())
}

fn applied(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut names = connection.prepare(APPLIED)?;
    names.query_map([], |row| row.get(0))?.collect()
}

fn apply(connection: &mut Connection, name: &str, text: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(text)?;
    transaction.execute(APPLY, [name])?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_migration_is_applied_once() {
        let mut database = Connection::open_in_memory().unwrap();
        for _ in 0..2 {
            migrate(&mut database, Path::new("x")).unwrap();
        }
        let names = MIGRATIONS.map(|(name, _)| name.to_owned());
        assert_eq!(applied(&database).unwrap(), names);
    }

    #[test]
    fn a_database_of_a_newer_version_is_refused_by_the_migration_it_has() {
        let mut database = Connection::open_in_memory().unwrap();
        migrate(&mut database, Path::new("x")).unwrap();
        database.execute("INSERT INTO d1_migrations (name) VALUES ('9999_later.sql')", []).unwrap();
        let error = migrate(&mut database, Path::new("x")).unwrap_err();
        assert!(error.to_string().contains("9999_later.sql"), "{error}");
    }
}
