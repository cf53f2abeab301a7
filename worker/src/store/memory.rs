//! A store in memory, with faults to inject. For tests, and for hosts that need nothing kept.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use capy_protocol::api::Deploy;
use capy_protocol::id::{DeployId, ProjectId};

use super::{Event, Record, Result, Store, StoreError};

/// What does not work.
#[derive(Clone, Copy, Default, Debug)]
pub struct Faults {
    /// The database answers nothing.
    pub database: bool,
    /// The database answers reads and refuses changes.
    pub database_writes: bool,
    /// The revocation list cannot be read.
    pub list_reads: bool,
    /// The revocation list cannot be written.
    pub list_writes: bool,
    /// The revocation list answers as it was before any write.
    pub list_lags: bool,
    /// Each deployment is revoked between its lookup and its release.
    pub revoked_between: bool,
}

/// Deployments, events and revocation list in memory.
#[derive(Default, Debug)]
pub struct MemoryStore(Mutex<State>);

#[derive(Default, Debug)]
struct State {
    deploys: BTreeMap<DeployId, Record>,
    events: Vec<(DeployId, Event)>,
    listed: BTreeMap<DeployId, u64>,
    faults: Faults,
}

impl MemoryStore {
    /// From now on, these do not work.
    pub fn inject(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// The audit trail, oldest first.
    pub fn events(&self) -> Vec<(DeployId, Event)> {
        self.state().events.clone()
    }

    /// The ids on the revocation list.
    pub fn listed(&self) -> Vec<DeployId> {
        self.state().listed.keys().copied().collect()
    }

    /// Everything, for a search.
    pub fn dump(&self) -> String {
        format!("{:?}", self.state())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> Result<MutexGuard<'_, State>> {
        let state = self.state();
        match state.faults.database {
            true => Err(StoreError::Database("injected".into())),
            false => Ok(state),
        }
    }

    fn write(&self) -> Result<MutexGuard<'_, State>> {
        let state = self.read()?;
        match state.faults.database_writes {
            true => Err(StoreError::Database("injected".into())),
            false => Ok(state),
        }
    }
}

impl Store for MemoryStore {
    async fn is_listed(&self, id: &DeployId) -> Result<bool> {
        let state = self.state();
        if state.faults.list_reads {
            return Err(StoreError::RevocationList("injected".into()));
        }
        Ok(!state.faults.list_lags && state.listed.contains_key(id))
    }

    async fn list_revoked(&self, id: &DeployId, revoked_at: u64) -> Result<()> {
        let mut state = self.state();
        if state.faults.list_writes {
            return Err(StoreError::RevocationList("injected".into()));
        }
        state.listed.insert(*id, revoked_at);
        Ok(())
    }

    async fn find(&self, id: &DeployId) -> Result<Option<Record>> {
        Ok(self.read()?.deploys.get(id).cloned())
    }

    async fn insert(&self, record: &Record, event: &Event) -> Result<bool> {
        let mut state = self.write()?;
        let id = record.deploy.deploy_id;
        if state.deploys.contains_key(&id) {
            return Ok(false);
        }
        state.deploys.insert(id, record.clone());
        state.events.push((id, event.clone()));
        Ok(true)
    }

    async fn release(&self, id: &DeployId, event: &Event) -> Result<bool> {
        let mut state = self.write()?;
        let raced = state.faults.revoked_between;
        let Some(record) = state.deploys.get_mut(id) else {
            return Ok(false);
        };
        if raced {
            record.deploy.revoked_at = Some(event.at);
        }
        if record.deploy.revoked_at.is_some() {
            return Ok(false);
        }
        record.deploy.uses += 1;
        record.deploy.last_used_at = Some(event.at);
        state.events.push((*id, event.clone()));
        Ok(true)
    }

    async fn revoke(&self, id: &DeployId, event: &Event) -> Result<Option<u64>> {
        let mut state = self.write()?;
        let Some(record) = state.deploys.get_mut(id) else {
            return Ok(None);
        };
        if let Some(revoked_at) = record.deploy.revoked_at {
            return Ok(Some(revoked_at));
        }
        record.deploy.revoked_at = Some(event.at);
        state.events.push((*id, event.clone()));
        Ok(Some(event.at))
    }

    async fn deploys(&self, project_id: &ProjectId) -> Result<Vec<Deploy>> {
        let state = self.read()?;
        let of_project = state.deploys.values().filter(|record| record.project_id == *project_id);
        let mut deploys: Vec<Deploy> = of_project.map(|record| record.deploy.clone()).collect();
        deploys.sort_by_key(|deploy| std::cmp::Reverse(deploy.created_at));
        Ok(deploys)
    }

    async fn check_database(&self) -> Result<()> {
        self.read().map(drop)
    }

    async fn check_revocations(&self) -> Result<()> {
        self.is_listed(&DeployId::new([0; 32])).await.map(drop)
    }
}
