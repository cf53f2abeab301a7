//! Database migrations, compiled in, so that a service updates its own database, and the table that
//! records them: the same table as wrangler's, with the same names.
//!
//! Migrations are never undone: a database that a newer version has migrated stays as it is.

use crate::host::{Result, Rows, Statement};

/// Each name with the text of its file, without comments.
macro_rules! migrations {
    ($($name:literal)*) => { [$(($name, include_str!(concat!(env!("OUT_DIR"), "/", $name)))),*] };
}

/// The migrations in order, by the names that wrangler knows.
pub const MIGRATIONS: [(&str, &str); 8] = migrations! {
    "0001_deploys.sql"
    "0002_deploy_terms.sql"
    "0003_tokens.sql"
    "0004_audit_seals.sql"
    "0005_oidc_trusts.sql"
    "0006_projects.sql"
    "0007_service_audit.sql"
    "0008_row_seals.sql"
};

/// Creates the table in which wrangler records D1's migrations.
pub const RECORD: &str = "CREATE TABLE IF NOT EXISTS d1_migrations (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT UNIQUE,
    applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
)";

/// The names of the applied migrations, in that order.
pub const APPLIED: &str = "SELECT name FROM d1_migrations ORDER BY id";

/// Records a migration. The name is unique, so that two writers cannot apply the same migration.
pub const APPLY: &str = "INSERT INTO d1_migrations (name) VALUES (?1)";

/// How many statements one call may spend on migrations. The free plan allows fifty in a call, and
/// the first call to an empty database needs two more.
pub const STATEMENTS_AT_ONCE: usize = 47;

/// Applies the missing migrations, each with its record in one transaction. Runs at most `room`
/// statements, and returns whether all migrations are applied or a later call has to continue.
///
/// # Errors
/// The database's. Migrations that were applied before the error stay.
pub async fn migrate<R: Rows, F: Future<Output = Result<Vec<R>>>>(
    transaction: impl Fn(Vec<Statement>) -> F,
    room: usize,
) -> Result<bool> {
    let mut applied = applied(&transaction).await?;
    let mut left = room.saturating_sub(2);
    for (name, text) in MIGRATIONS {
        if applied.iter().any(|done| done == name) {
            continue;
        }
        let record = Statement::new(APPLY, vec![name.into()]);
        let changes = statements(text).map(|sql| Statement::new(sql, Vec::new()));
        let batch: Vec<Statement> = std::iter::once(record).chain(changes).collect();
        match left.checked_sub(batch.len()) {
            Some(after) => left = after,
            None => return Ok(false),
        }
        if let Err(error) = transaction(batch).await {
            // Another instance may have applied the migration first: all of it, and nothing of
            // ours.
            applied = self::applied(&transaction).await?;
            if applied.iter().all(|done| done != name) {
                return Err(error);
            }
            left = left.saturating_sub(2);
        }
    }
    Ok(true)
}

async fn applied<R: Rows, F: Future<Output = Result<Vec<R>>>>(
    transaction: impl Fn(Vec<Statement>) -> F,
) -> Result<Vec<String>> {
    let asked = vec![Statement::new(RECORD, Vec::new()), Statement::new(APPLIED, Vec::new())];
    let answers = transaction(asked).await?;
    answers.last().map_or(Ok(Vec::new()), |names| names.column("name"))
}

/// Splits a migration into single statements, as D1 takes them. A statement ends with its line, and
/// a trigger with the line `END;`. A test compares this with SQLite's own parser for every
/// migration.
pub fn statements(text: &'static str) -> impl Iterator<Item = &'static str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let is_trigger = rest.starts_with("CREATE TRIGGER");
        let is_last = |line: &&str| if is_trigger { *line == "END;\n" } else { line.ends_with(";\n") };
        let mut length = 0;
        rest.split_inclusive('\n').inspect(|line| length += line.len()).find(is_last)?;
        let (statement, after) = rest.split_at_checked(length)?;
        rest = after;
        Some(statement.trim_end())
    })
}
