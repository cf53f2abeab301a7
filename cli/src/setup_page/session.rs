//! What the page works on: the project's open values, what was chosen, what was made. In memory, and gone with it.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use capy_protocol::api::Deploy;
use capy_protocol::id::DeployId;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::gate::Gate;
use super::view::{Blob, Choice, PushTo};
use crate::cli::{Terms, lifetime};
use crate::deployment::{BlobFile, BlobPlace, Deployment, Wish, Wishes, Workbench};
use crate::error::{Error, Result};
use crate::platforms;
use crate::project::deadline;
use crate::push::Report;

/// One sitting.
pub(crate) struct Session {
    pub(crate) gate: Gate,
    pub(crate) workbench: Workbench,
    /// What the command line said already.
    pub(crate) wishes: Wishes,
    made: Mutex<Vec<Deployment>>,
    active: Mutex<Instant>,
    done: AtomicBool,
}

impl Session {
    pub(crate) fn new(gate: Gate, workbench: Workbench, wishes: Wishes) -> Self {
        let (made, active) = (Mutex::new(Vec::new()), Mutex::new(Instant::now()));
        Self { gate, workbench, wishes, made, active, done: AtomicBool::new(false) }
    }

    /// Notes that a person did something.
    pub(crate) fn touch(&self) {
        *lock(&self.active) = Instant::now();
    }

    /// When a person last did something.
    pub(crate) fn last_activity(&self) -> Instant {
        *lock(&self.active)
    }

    /// The person is done.
    pub(crate) fn finish(&self) {
        self.done.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_done(&self) -> bool {
        self.done.load(Ordering::SeqCst)
    }

    /// What was made, in order.
    pub(crate) fn deployments(&self) -> MutexGuard<'_, Vec<Deployment>> {
        lock(&self.made)
    }

    /// The wish that a choice on the page stands for.
    pub(crate) fn wish(&self, choice: &Choice) -> Result<Wish> {
        let platform = platforms::find(&choice.platform)?;
        let environment = platform.environment(choice.environment.as_deref())?;
        let label = choice.label.as_deref().map(str::trim).filter(|label| !label.is_empty());
        Ok(Wish {
            platform,
            label: label.map(str::to_owned).or_else(|| environment.clone()),
            environment,
            only: choice.only.clone(),
            terms: self.terms(choice)?,
            credential: choice.credential,
            format: choice.format,
            blob: match choice.blob {
                Blob::Variable => BlobPlace::Variable,
                Blob::Split => BlobPlace::Split,
                Blob::File => BlobPlace::File(self.blob_file()),
            },
        })
    }

    /// Where the blob is written if a file takes it.
    pub(crate) fn blob_file(&self) -> BlobFile {
        match self.wishes.blob() {
            BlobPlace::File(file) => file,
            _ => BlobFile::in_folder(&self.workbench.project.folder()),
        }
    }

    /// The page shows the command line's own first, so that what it sends is what is meant.
    fn terms(&self, choice: &Choice) -> Result<Terms> {
        let expires = choice.expires.as_deref().map(lifetime).transpose();
        Ok(Terms {
            expires: expires.map_err(|reason| Error::LifetimeMalformed { reason })?,
            max_uses: choice.max_uses.map(NonZeroU64::get),
            cidr: self.wishes.terms.cidr.clone(),
        })
    }

    /// Makes a deployment and keeps it.
    pub(crate) fn mint(&self, choice: &Choice) -> Result<DeployId> {
        let deployment = self.workbench.mint(&self.wish(choice)?)?;
        let id = deployment.id;
        if let Err(error) = deployment.write_blob_file() {
            self.workbench.revoke(&id)?;
            return Err(error);
        }
        lock(&self.made).push(deployment);
        Ok(id)
    }

    /// Works on one that was made here.
    pub(crate) fn with<T>(
        &self,
        id: &DeployId,
        work: impl FnOnce(&mut Deployment) -> Result<T>,
    ) -> Result<T> {
        let mut made = lock(&self.made);
        let found = made.iter_mut().find(|deployment| deployment.id == *id);
        work(found.ok_or_else(|| Error::PrefixUnknown { prefix: id.to_string() })?)
    }

    /// A value, to be seen or copied.
    pub(crate) fn reveal(&self, id: &DeployId, name: &str) -> Result<Zeroizing<String>> {
        self.with(id, |deployment| {
            let found = deployment.variables.iter().find(|variable| variable.name == name);
            let value = found.map(|variable| variable.value.clone());
            let value = value.ok_or_else(|| Error::NameMalformed { name: name.into() })?;
            deployment.hand_over()?;
            Ok(value)
        })
    }

    /// Lets the platform's own command line have the values.
    pub(crate) fn push(&self, to: &PushTo) -> Result<Report> {
        let project = to.project.as_deref().map(str::trim).filter(|project| !project.is_empty());
        self.with(&to.deploy_id, |deployment| {
            let report = deployment.pushing(project)?.run()?;
            if !report.stored.is_empty() || !report.missing.is_empty() {
                deployment.hand_over()?;
            }
            Ok(report)
        })
    }

    /// What the service knows of it.
    pub(crate) fn status(&self, id: &DeployId) -> Result<Option<Deploy>> {
        let bench = &self.workbench;
        let list = bench.service.list(bench.project.id(), deadline()?)?;
        Ok(list.into_iter().find(|deploy| deploy.deploy_id == *id))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
