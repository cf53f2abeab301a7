//! How a service brings its own database up to date, on SQLite, which D1 is.

use std::cell::{Cell, RefCell};

use capy_worker::host::{HostError, Result, Statement};
use capy_worker::hosts::sqlite::{Answer, run};
use capy_worker::migrations::{APPLIED, MIGRATIONS, RECORD, STATEMENTS_AT_ONCE, migrate, statements};
use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::{Batch, Connection};

fn transaction(database: &RefCell<Connection>, statements: &[Statement]) -> Result<Vec<Answer>> {
    let failed = |error: rusqlite::Error| HostError::Database(error.to_string());
    let mut database = database.borrow_mut();
    let transaction = database.transaction().map_err(failed)?;
    let answers = run(&transaction, statements).map_err(failed)?;
    transaction.commit().map_err(failed)?;
    Ok(answers)
}

async fn migrated(database: &RefCell<Connection>, room: usize) -> Result<bool> {
    migrate(async |statements: Vec<Statement>| transaction(database, &statements), room).await
}

fn empty() -> RefCell<Connection> {
    RefCell::new(Connection::open_in_memory().unwrap())
}

fn rows(database: &RefCell<Connection>, sql: &str) -> Vec<String> {
    let database = database.borrow();
    let mut statement = database.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<rusqlite::Result<_>>().unwrap()
}

const TABLES: &str =
    "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name <> 'd1_migrations' ORDER BY name";

/// What wrangler makes of the same files.
fn expected() -> (Vec<String>, Vec<String>) {
    let database = empty();
    for (_, migration) in MIGRATIONS {
        database.borrow().execute_batch(migration).unwrap();
    }
    (rows(&database, TABLES), MIGRATIONS.map(|(name, _)| name.to_owned()).to_vec())
}

fn found(database: &RefCell<Connection>) -> (Vec<String>, Vec<String>) {
    (rows(database, TABLES), rows(database, APPLIED))
}

#[test]
fn every_migration_is_cut_into_the_statements_that_sqlite_reads() {
    for (name, migration) in MIGRATIONS {
        let database = Connection::open_in_memory().unwrap();
        for (_, earlier) in MIGRATIONS.iter().take_while(|(earlier, _)| *earlier < name) {
            database.execute_batch(earlier).unwrap();
        }
        let mut ours = statements(migration);
        let mut theirs = Batch::new(&database, migration);
        while let Some(mut statement) = theirs.next().unwrap() {
            let whole = statement.expanded_sql().unwrap();
            let bare = |text: &str| text.trim().trim_end_matches(';').to_owned();
            assert_eq!(bare(ours.next().unwrap_or_default()), bare(&whole), "{name}");
            statement.raw_execute().unwrap();
        }
        assert_eq!(ours.next(), None, "{name}");
    }
}

#[test]
fn the_files_of_the_folder_are_the_migrations() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut files: Vec<String> = std::fs::read_dir(folder).unwrap().map(name).collect();
    files.sort();
    assert_eq!(files, MIGRATIONS.map(|(name, _)| name));
}

#[test]
fn without_its_comments_a_migration_makes_the_same_tables() {
    let database = empty();
    for (name, _) in MIGRATIONS {
        let file = format!("{}/migrations/{name}", env!("CARGO_MANIFEST_DIR"));
        database.borrow().execute_batch(&std::fs::read_to_string(file).unwrap()).unwrap();
    }
    // SQLite keeps the text of each.
    let words = |tables: Vec<String>| {
        let code =
            |line: &str| line.split("--").next().unwrap().split_whitespace().map(str::to_owned).collect();
        let words = |table: &String| table.lines().flat_map::<Vec<String>, _>(code).collect::<Vec<_>>();
        tables.iter().map(words).collect::<Vec<_>>()
    };
    assert_eq!(words(rows(&database, TABLES)), words(expected().0));
    // The only rows that migrations make.
    let made =
        |database| rows(database, "SELECT json_array(id, upto, count, flaws, at) FROM audit_checkpoints");
    let ours = empty();
    for (_, migration) in MIGRATIONS {
        ours.borrow().execute_batch(migration).unwrap();
    }
    assert_eq!(made(&ours), made(&database));
    assert_eq!(made(&ours).len(), 1);
}

#[tokio::test]
async fn an_empty_database_gets_every_table_in_one_call_and_a_second_changes_nothing() {
    let database = empty();
    for _ in 0..2 {
        assert_eq!(migrated(&database, STATEMENTS_AT_ONCE).await, Ok(true));
        assert_eq!(found(&database), expected());
    }
}

#[tokio::test]
async fn calls_that_have_not_room_for_all_go_on_where_the_last_one_stopped() {
    let database = empty();
    let mut calls = 1;
    while !migrated(&database, 12).await.unwrap() {
        calls += 1;
        assert!(calls < 10);
    }
    assert!(calls > 1);
    assert_eq!(found(&database), expected());
}

#[tokio::test]
async fn who_is_overtaken_by_another_goes_on_with_what_is_left() {
    for overtaken_at in 1..=MIGRATIONS.len() {
        let (database, asked) = (empty(), Cell::new(0));
        let done = migrate(
            async |statements: Vec<Statement>| {
                if asked.replace(asked.get() + 1) == overtaken_at {
                    // As far as the other one came in the meantime.
                    migrated(&database, 24).await?;
                }
                transaction(&database, &statements)
            },
            usize::MAX,
        );
        assert_eq!(done.await, Ok(true), "{overtaken_at}");
        assert_eq!(found(&database), expected(), "{overtaken_at}");
    }
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_of_itself_and_stops_those_after_it() {
    let database = empty();
    database.borrow().execute_batch("CREATE TABLE tokens (something_else)").unwrap();
    assert!(migrated(&database, usize::MAX).await.is_err());
    assert_eq!(rows(&database, APPLIED), ["0001_deploys.sql", "0002_deploy_terms.sql"]);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_left_as_it_is() {
    let database = empty();
    assert_eq!(migrated(&database, usize::MAX).await, Ok(true));
    database.borrow().execute("INSERT INTO d1_migrations (name) VALUES ('9999_later.sql')", []).unwrap();
    assert_eq!(migrated(&database, usize::MAX).await, Ok(true));
    assert_eq!(rows(&database, APPLIED).len(), MIGRATIONS.len() + 1);
    assert!(RECORD.contains("d1_migrations"));
}
