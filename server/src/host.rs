//! The [`Host`] of a machine of one's own: database, rate limiter, outbound requests and timers.
//!
//! This host keeps no revocation list beside the database. The database answers as fast as a list
//! would, and an id that is not listed only means that the database decides.

use std::time::Duration;

use capy_protocol::id::DeployId;
use capy_worker::host::{Host, Limit, Result, RsaKey, Statement};
use capy_worker::hosts::limiter::Limiter;
use capy_worker::hosts::outbound;
use capy_worker::hosts::sqlite::Answer;

use crate::database::Database;

/// The routes' host on this machine.
#[derive(Debug)]
pub(crate) struct SqliteHost {
    pub(crate) database: Database,
    pub(crate) limiter: Limiter,
}

impl Host for SqliteHost {
    const LOCAL_SOURCES: bool = true;

    type Rows = Answer;

    async fn transaction(&self, statements: Vec<Statement>) -> Result<Vec<Answer>> {
        self.database.transaction(statements).await
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

    async fn run_in_background(&self, work: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(work);
    }

    async fn with_timeout<T: Send>(&self, millis: u32, work: impl Future<Output = T> + Send) -> Option<T> {
        tokio::time::timeout(Duration::from_millis(millis.into()), work).await.ok()
    }

    async fn check_limits(&self) -> Result<()> {
        Ok(())
    }

    async fn check_revocations(&self) -> Result<()> {
        Ok(())
    }
}
