//! A host of the key service with injected faults, for tests and fuzz targets: a real database in
//! memory, and a revocation list, a rate limiter and issuers that fail, lag or wait on request.

mod memory_database;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use capy_protocol::id::DeployId;
use capy_worker::future::MaybeSend;
use capy_worker::host::{Host, HostError, Limit, Result, RsaKey, Statement};
use capy_worker::hosts::outbound;
use capy_worker::hosts::sqlite::Answer;
use capy_worker::store::deploys;

pub use memory_database::MemoryDatabase;

/// The faults to inject.
#[derive(Clone, Copy, Default, Debug)]
pub struct Faults {
    /// The database fails every transaction.
    pub database: bool,
    /// The database answers reads and fails changes.
    pub database_writes: bool,
    /// The database does not answer until this is cleared.
    pub database_waits: bool,
    /// The revocation list cannot be read.
    pub list_reads: bool,
    /// The revocation list cannot be written.
    pub list_writes: bool,
    /// The revocation list answers as it was before any write.
    pub list_lags: bool,
    /// Each deployment is revoked between its lookup and its release.
    pub revoked_between: bool,
    /// The rate limiter does not answer.
    pub limiter: bool,
    /// Fetching fails.
    pub issuer: bool,
    /// Fetching does not answer until this is cleared.
    pub issuer_waits: bool,
}

/// An in-memory database, a revocation list, and the faults that are injected.
#[derive(Debug)]
pub struct FaultyHost {
    database: MemoryDatabase,
    listed: Mutex<BTreeMap<DeployId, u64>>,
    faults: Mutex<Faults>,
    /// Requests counted under each limit and key. The counts never expire: no time passes in this
    /// host.
    requests: Mutex<BTreeMap<(Limit, String), u32>>,
    documents: Mutex<BTreeMap<String, Vec<u8>>>,
    fetched: AtomicU32,
}

impl FaultyHost {
    /// An empty host without faults.
    ///
    /// # Errors
    /// [`HostError::Database`].
    pub fn new() -> Result<Self> {
        let database = MemoryDatabase::new()?;
        Ok(Self {
            database,
            listed: Mutex::default(),
            faults: Mutex::default(),
            requests: Mutex::default(),
            documents: Mutex::default(),
            fetched: AtomicU32::new(0),
        })
    }

    /// Replaces the injected faults.
    pub fn inject(&self, faults: Faults) {
        *lock(&self.faults) = faults;
    }

    /// The ids on the revocation list.
    pub fn listed(&self) -> Vec<DeployId> {
        lock(&self.listed).keys().copied().collect()
    }

    /// Publishes documents at their URLs, for [`Host::fetch`].
    pub fn publish<D: ToString>(&self, documents: impl IntoIterator<Item = (String, D)>) {
        let documents = documents.into_iter().map(|(url, document)| (url, document.to_string().into_bytes()));
        lock(&self.documents).extend(documents);
    }

    /// How many documents were fetched, failed attempts included.
    pub fn fetched(&self) -> u32 {
        self.fetched.load(Ordering::SeqCst)
    }

    /// The database, bypassing the faults.
    pub fn database(&self) -> &MemoryDatabase {
        &self.database
    }

    fn faults(&self) -> Faults {
        *lock(&self.faults)
    }
}

impl Host for FaultyHost {
    const LOCAL_SOURCES: bool = false;

    type Rows = Answer;

    async fn transaction(&self, statements: Vec<Statement>) -> Result<Vec<Answer>> {
        while self.faults().database_waits {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let faults = self.faults();
        let writes = statements.iter().any(|statement| !statement.reads());
        if faults.database || (faults.database_writes && writes) {
            return Err(HostError::Database("injected".into()));
        }
        if faults.revoked_between
            && let Some(release) = statements.iter().find(|statement| statement.sql == deploys::RELEASE)
        {
            let values = release.values[..2].to_vec();
            self.database.transaction(&[Statement::new(deploys::REVOKE, values)])?;
        }
        self.database.transaction(&statements)
    }

    async fn is_listed(&self, id: &DeployId) -> Result<bool> {
        let faults = self.faults();
        if faults.list_reads {
            return Err(HostError::RevocationList("injected".into()));
        }
        Ok(!faults.list_lags && lock(&self.listed).contains_key(id))
    }

    async fn list_revoked(&self, id: &DeployId, revoked_at: u64) -> Result<()> {
        if self.faults().list_writes {
            return Err(HostError::RevocationList("injected".into()));
        }
        lock(&self.listed).insert(*id, revoked_at);
        Ok(())
    }

    async fn is_within(&self, limit: Limit, key: &str) -> Result<bool> {
        if self.faults().limiter {
            return Err(HostError::RateLimiter("injected".into()));
        }
        let mut requests = lock(&self.requests);
        let count = requests.entry((limit, key.to_owned())).or_default();
        *count += 1;
        Ok(*count <= limit.max_requests().get())
    }

    async fn fetch(&self, url: &str) -> Result<Vec<u8>> {
        self.fetched.fetch_add(1, Ordering::SeqCst);
        while self.faults().issuer_waits {
            tokio::task::yield_now().await;
        }
        if self.faults().issuer {
            return Err(HostError::Issuer("injected".into()));
        }
        let found = lock(&self.documents).get(url).cloned();
        found.ok_or_else(|| HostError::Issuer("it answered 404".into()))
    }

    async fn verify_rs256(&self, key: &RsaKey, message: &[u8], signature: &[u8]) -> Result<bool> {
        Ok(outbound::verify_rs256(key, message, signature))
    }

    /// Waits for the work, so that a test sees its effects.
    async fn run_in_background(&self, work: impl Future<Output = ()> + MaybeSend + 'static) {
        let _ = tokio::spawn(work).await;
    }

    async fn with_timeout<T: MaybeSend>(
        &self,
        millis: u32,
        work: impl Future<Output = T> + MaybeSend,
    ) -> Option<T> {
        tokio::time::timeout(Duration::from_millis(millis.into()), work).await.ok()
    }

    async fn check_limits(&self) -> Result<()> {
        self.is_within(Limit::DecryptsOfDeploy, "health").await.map(drop)
    }

    async fn check_revocations(&self) -> Result<()> {
        self.is_listed(&DeployId::new([0; 32])).await.map(drop)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
