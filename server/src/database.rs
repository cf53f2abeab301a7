//! The SQLite database file: one writer thread with group commit, and parallel readers.
//!
//! SQLite has one writer at a time, and a commit waits for the disk. So the writer thread takes all
//! waiting transactions and commits them together, each in a savepoint of its own. A transaction
//! that fails is rolled back without the others, and none is answered before the commit is on disk.
//! Reads run on threads of their own and see what was committed before they began, so a slow commit
//! does not hold them up.
//!
//! No caller waits longer than [`DEADLINE`]. A change whose caller gave up before its turn is not
//! made; one that was just being committed may be made, once.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use capy_access::Access;
use capy_worker::host::{HostError, Result as HostResult, Statement};
use capy_worker::hosts::sqlite::{self, Answer};
use rusqlite::{Connection, OpenFlags};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use crate::migrate::migrate;
use crate::{Error, Result};

/// The name of the database file, in the data folder.
pub const FILE: &str = "capy.sqlite";
const LOCK: &str = "lock";
/// The most transactions in one commit. It limits how long the first of them waits.
const GROUP_MAX: usize = 256;

/// How long a caller waits for its transaction. A client gives up its call after ten seconds.
const DEADLINE: Duration = Duration::from_secs(5);
/// How long SQLite waits for another process's lock. Shorter than `DEADLINE`, so that the caller
/// gets SQLite's own error.
const BUSY_TIMEOUT: Duration = Duration::from_secs(4);

/// How many reads run at once.
pub(crate) fn readers() -> usize {
    thread::available_parallelism().map_or(2, usize::from).clamp(2, 8)
}

/// An open database. Drop ends the writer thread and closes the file.
#[derive(Debug)]
pub(crate) struct Database {
    /// `None` only during drop.
    jobs: Option<Sender<Job>>,
    writer: Option<JoinHandle<()>>,
    readers: Arc<Readers>,
    /// One permit for each read that may run at once.
    reading: Arc<Semaphore>,
    /// The lock on the data folder, held until drop.
    _lock: File,
}

#[derive(Debug)]
struct Readers {
    path: PathBuf,
    /// Open connections that no read is using.
    idle: Mutex<Vec<Connection>>,
}

struct Job {
    statements: Vec<Statement>,
    answer: oneshot::Sender<HostResult<Vec<Answer>>>,
}

impl Database {
    /// Opens the database in `folder` and applies missing migrations. Creates folder and file if
    /// they do not exist, readable by this user alone.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let data = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Data { path, source }
        };
        capy_access::create_private_folder(folder).map_err(data(folder))?;
        let lock = lock(folder)?;
        let path = folder.join(FILE);
        // SQLite creates its other files, such as the WAL, with the mode of this one.
        open_private(&path).map_err(data(&path))?;
        let mut connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        migrate(&mut connection, &path)?;
        let (jobs, waiting) = channel();
        let writer =
            thread::Builder::new().name("database".into()).spawn(move || write(connection, &waiting));
        let writer = Some(writer.map_err(Error::Server)?);
        let readers = Arc::new(Readers { path, idle: Mutex::default() });
        let reading = Arc::new(Semaphore::new(self::readers()));
        Ok(Self { jobs: Some(jobs), writer, readers, reading, _lock: lock })
    }

    /// Runs one transaction: on a reader if all of its statements only read, else on the writer.
    pub(crate) async fn transaction(&self, statements: Vec<Statement>) -> HostResult<Vec<Answer>> {
        let work = async {
            match statements.iter().all(Statement::reads) {
                true => self.read(statements).await,
                false => self.write(statements).await,
            }
        };
        let silent = |_| HostError::Database(format!("no answer within {} seconds", DEADLINE.as_secs()));
        timeout(DEADLINE, work).await.map_err(silent)?
    }

    async fn write(&self, statements: Vec<Statement>) -> HostResult<Vec<Answer>> {
        let (answer, answered) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(closed)?;
        jobs.send(Job { statements, answer }).map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }

    async fn read(&self, statements: Vec<Statement>) -> HostResult<Vec<Answer>> {
        let permit = Arc::clone(&self.reading).acquire_owned().await.map_err(|_| closed())?;
        let readers = Arc::clone(&self.readers);
        let read = tokio::task::spawn_blocking(move || {
            let answers = readers.read(&statements);
            drop(permit);
            answers
        });
        read.await.map_err(|_| closed())?
    }
}

impl Readers {
    fn read(&self, statements: &[Statement]) -> HostResult<Vec<Answer>> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connect(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(host_error)?,
        };
        let answers = in_transaction(&connection, statements).map_err(host_error)?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Ok(answers)
    }
}

fn closed() -> HostError {
    HostError::Database("it was closed".into())
}

impl Drop for Database {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// Locks the data folder: one process at a time may serve from it, since rate limits are counted in
/// memory.
fn lock(folder: &Path) -> Result<File> {
    let path = folder.join(LOCK);
    let file = open_private(&path).map_err(|source| Error::Data { path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(Error::InUse(folder.to_owned())),
        Err(fs::TryLockError::Error(source)) => Err(Error::Data { path, source }),
    }
}

/// Opens a file for writing, and creates it for this user alone if it does not exist.
fn open_private(path: &Path) -> io::Result<File> {
    match capy_access::create_new(path, &Access::PRIVATE) {
        // Opened again below: on Windows the handle that creates the file excludes other programs.
        Ok(made) => drop(made),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    OpenOptions::new().write(true).open(path)
}

fn connect(path: &Path, access: OpenFlags) -> Result<Connection> {
    let open = || {
        let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // An answered revocation must survive a power cut.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        Ok(connection)
    };
    open().map_err(|source| Error::Database { path: path.to_owned(), source })
}

fn write(connection: Connection, waiting: &Receiver<Job>) {
    while let Ok(first) = waiting.recv() {
        let jobs = std::iter::once(first).chain(waiting.try_iter());
        let group: Vec<Job> = jobs.filter(|job| !job.is_abandoned()).take(GROUP_MAX).collect();
        if !group.is_empty() {
            commit(&connection, group);
        }
    }
}

impl Job {
    /// Whether its caller no longer waits for the answer.
    fn is_abandoned(&self) -> bool {
        self.answer.is_closed()
    }
}

/// Commits a group of transactions and answers each of them.
fn commit(connection: &Connection, group: Vec<Job>) {
    let committed = connection.execute_batch("BEGIN IMMEDIATE").and_then(|()| {
        let mut answers = Vec::with_capacity(group.len());
        for job in &group {
            // `BEGIN` may have waited for another process's lock, and the caller may have given up
            // meanwhile.
            if job.is_abandoned() {
                answers.push(Err(HostError::Database("it was given up".into())));
                continue;
            }
            answers.push(in_savepoint(connection, &job.statements));
            // SQLite has rolled back the whole transaction, as it may on a full disk. Without this
            // check the next job's statements would be committed outside of any transaction.
            if connection.is_autocommit() {
                return Err(rolled_back_early());
            }
        }
        connection.execute_batch("COMMIT")?;
        Ok(answers)
    });
    let answers = committed.unwrap_or_else(|error| {
        rolled_back(connection);
        group.iter().map(|_| Err(host_error(&error))).collect()
    });
    for (job, answer) in group.into_iter().zip(answers) {
        // The caller may be gone; its change stays committed.
        let _ = job.answer.send(answer);
    }
}

fn in_savepoint(connection: &Connection, statements: &[Statement]) -> HostResult<Vec<Answer>> {
    let run = || {
        connection.prepare_cached("SAVEPOINT call")?.execute([])?;
        let answers = sqlite::run(connection, statements)?;
        connection.prepare_cached("RELEASE call")?.execute([])?;
        Ok(answers)
    };
    run().map_err(|error: rusqlite::Error| {
        let _ = connection.execute_batch("ROLLBACK TO call; RELEASE call");
        host_error(error)
    })
}

/// Runs statements in one read transaction, so that all see the same snapshot.
fn in_transaction(connection: &Connection, statements: &[Statement]) -> rusqlite::Result<Vec<Answer>> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    let answers = sqlite::run(connection, statements);
    connection.prepare_cached("COMMIT")?.execute([])?;
    answers
}

fn rolled_back_early() -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT_ROLLBACK);
    rusqlite::Error::SqliteFailure(code, Some("another call of the same commit ended it".into()))
}

fn rolled_back(connection: &Connection) {
    if !connection.is_autocommit() {
        let _ = connection.execute_batch("ROLLBACK");
    }
}

fn host_error(error: impl std::fmt::Display) -> HostError {
    HostError::Database(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use capy_worker::host::Rows;

    use super::*;

    const ADD: &str =
        "INSERT INTO audit (project_id, subject, action, result, at) VALUES (?1, ?2, 'x', 'ok', 1)";
    const BAD: &str = "INSERT INTO audit (project_id) VALUES (?1)";
    const COUNT: &str = "SELECT count(*) AS events FROM audit";

    fn add(project: &str) -> Statement {
        Statement::new(ADD, vec![project.into(), "d".into()])
    }

    async fn count(database: &Database) -> u64 {
        let answers = database.transaction(vec![Statement::new(COUNT, vec![])]).await.unwrap();
        answers[0].column("events").unwrap()[0]
    }

    #[tokio::test]
    async fn a_transaction_that_fails_takes_nothing_of_its_group_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let database = Arc::new(Database::open(folder.path()).unwrap());
        let calls: Vec<_> = (0..50)
            .map(|number| {
                let second = if number % 5 == 0 { Statement::new(BAD, vec!["p".into()]) } else { add("p") };
                let database = Arc::clone(&database);
                tokio::spawn(async move { database.transaction(vec![add("p"), second]).await })
            })
            .collect();
        let mut failed = 0;
        for call in calls {
            failed += usize::from(call.await.unwrap().is_err());
        }
        assert_eq!(failed, 10);
        assert_eq!(count(&database).await, 80);
    }

    #[tokio::test]
    async fn a_call_that_ends_the_whole_transaction_ends_its_group_and_nothing_of_it_stays() {
        let folder = tempfile::tempdir().unwrap();
        drop(Database::open(folder.path()).unwrap());
        let connection = connect(&folder.path().join(FILE), OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
        // The trigger rolls back the whole transaction, as a full disk may.
        let trigger = "CREATE TRIGGER ends BEFORE INSERT ON audit WHEN NEW.project_id = 'full' \
            BEGIN SELECT RAISE(ROLLBACK, 'disk full'); END";
        connection.execute_batch(trigger).unwrap();
        let (group, answers): (Vec<_>, Vec<_>) = ["p", "full", "p"]
            .map(|project| {
                let (answer, answered) = oneshot::channel();
                (Job { statements: vec![add(project)], answer }, answered)
            })
            .into_iter()
            .unzip();
        commit(&connection, group);
        for answered in answers {
            assert!(answered.await.unwrap().is_err(), "nobody is told of a change that is not there");
        }
        let left: i64 = connection.query_row(COUNT, [], |row| row.get(0)).unwrap();
        assert_eq!(left, 0);
    }

    #[tokio::test]
    async fn what_was_answered_is_there_after_the_database_is_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path()).unwrap();
        database.transaction(vec![add("p")]).await.unwrap();
        assert!(matches!(Database::open(folder.path()), Err(Error::InUse(_))), "one process at a time");
        drop(database);
        assert_eq!(count(&Database::open(folder.path()).unwrap()).await, 1);
    }

    /// Another process holds SQLite's lock, as a backup may.
    #[tokio::test]
    async fn a_change_that_was_given_up_is_not_made_and_reads_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let database = Arc::new(Database::open(folder.path()).unwrap());
        let other = connect(&folder.path().join(FILE), OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let began = Instant::now();
        let changes: Vec<_> = (0..3)
            .map(|_| {
                let database = Arc::clone(&database);
                tokio::spawn(async move { database.transaction(vec![add("p")]).await })
            })
            .collect();
        assert_eq!(count(&database).await, 0);
        assert!(began.elapsed() < Duration::from_secs(2), "a read waits for no writer");
        for change in changes {
            assert!(change.await.unwrap().is_err());
        }
        assert!(began.elapsed() < DEADLINE + Duration::from_secs(5), "{:?}", began.elapsed());
        let given_up = database.transaction(vec![add("p")]);
        assert!(tokio::time::timeout(Duration::from_millis(300), given_up).await.is_err());
        other.execute_batch("ROLLBACK").unwrap();
        database.transaction(vec![add("p")]).await.unwrap();
        assert_eq!(count(&database).await, 1, "what nobody waited for was not made");
    }

    #[test]
    fn folder_and_files_are_this_users_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let _database = Database::open(&data).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&data), 0o700);
        for entry in fs::read_dir(&data).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }
}
