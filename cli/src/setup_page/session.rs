//! The state of the setup page: the project's open values, what was chosen, what was made. In
//! memory only.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use capy_client::signals::Interrupt;
use capy_protocol::api::Deploy;
use capy_protocol::id::DeployId;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::choice::{Blob, Choice, PushTo};
use super::gate::Gate;
use crate::deployment::{
    BlobFile, BlobPlace, DeployContext, DeployRequest, Deployment, PartialRequest, Replaces, Terms, lifetime,
};
use crate::error::{Error, Result};
use crate::push::{PushPlan, Report};
use crate::settings::deadline;

/// One run of the page.
pub(crate) struct Session {
    pub(crate) gate: Gate,
    pub(crate) context: DeployContext,
    /// The options from the command line.
    pub(crate) request: PartialRequest,
    deployments: Mutex<Vec<Arc<Deployment>>>,
    last_activity: Mutex<Instant>,
    done: AtomicBool,
    /// How many programs of platforms run now.
    running_pushes: AtomicUsize,
    interrupt: Interrupt,
}

impl Session {
    pub(crate) fn new(
        gate: Gate,
        context: DeployContext,
        request: PartialRequest,
        interrupt: Interrupt,
    ) -> Self {
        Self {
            gate,
            context,
            request,
            deployments: Mutex::new(Vec::new()),
            last_activity: Mutex::new(Instant::now()),
            done: AtomicBool::new(false),
            running_pushes: AtomicUsize::new(0),
            interrupt,
        }
    }

    /// Whether a platform's program runs now.
    pub(crate) fn is_pushing(&self) -> bool {
        self.running_pushes.load(Ordering::SeqCst) > 0
    }

    /// Notes that the user did something.
    pub(crate) fn touch(&self) {
        *lock(&self.last_activity) = Instant::now();
    }

    /// When the user last did something.
    pub(crate) fn last_activity(&self) -> Instant {
        *lock(&self.last_activity)
    }

    /// Notes that the user is done.
    pub(crate) fn finish(&self) {
        self.done.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_done(&self) -> bool {
        self.done.load(Ordering::SeqCst)
    }

    /// The deployments that were made, in order.
    pub(crate) fn deployments(&self) -> Vec<Arc<Deployment>> {
        lock(&self.deployments).clone()
    }

    /// The request for a choice on the page.
    pub(crate) fn request(&self, choice: Choice) -> Result<DeployRequest> {
        let request = PartialRequest {
            terms: self.terms(&choice)?,
            platform: choice.platform,
            environment: choice.environment,
            only: choice.only,
            label: choice.label,
            credential: choice.credential,
            format: choice.format,
            blob: match choice.blob {
                Blob::Variable => BlobPlace::Variable,
                Blob::Split => BlobPlace::Split,
                Blob::File => BlobPlace::File(self.blob_file(choice.replace)),
            },
        };
        request.complete()
    }

    /// The file for the blob, if the blob goes into a file.
    pub(crate) fn blob_file(&self, replace: bool) -> BlobFile {
        let file = self.request.blob.file().cloned();
        let file = file.unwrap_or_else(|| BlobFile::in_folder(&self.context.project.folder()));
        BlobFile { replaces: if replace { Replaces::Any } else { Replaces::None }, ..file }
    }

    /// The terms of a choice. Those that the page sends are complete, as the page starts with the
    /// command line's own; addresses come from the command line.
    fn terms(&self, choice: &Choice) -> Result<Terms> {
        let expires = choice.expires.as_deref().map(lifetime).transpose();
        Ok(Terms {
            expires: expires.map_err(|reason| Error::LifetimeMalformed { reason })?,
            max_uses: choice.max_uses.map(NonZeroU64::get),
            cidr: self.request.terms.cidr.clone(),
        })
    }

    /// Mints a deployment and keeps it.
    pub(crate) fn mint(&self, choice: Choice) -> Result<Arc<Deployment>> {
        let checked = self.context.check(self.request(choice)?, Err)?;
        let deployment = Arc::new(self.context.mint(&checked)?);
        lock(&self.deployments).push(Arc::clone(&deployment));
        Ok(deployment)
    }

    /// A deployment that was made in this run. Nothing is locked while somebody works on it.
    pub(crate) fn deployment(&self, id: &DeployId) -> Result<Arc<Deployment>> {
        let found = lock(&self.deployments).iter().find(|deployment| deployment.id == *id).cloned();
        found.ok_or_else(|| Error::PrefixUnknown { prefix: id.short() })
    }

    /// A value, to be shown or copied. If it is the key, the deployment counts as delivered.
    pub(crate) fn reveal(&self, id: &DeployId, name: &str) -> Result<Zeroizing<String>> {
        let deployment = self.deployment(id)?;
        let found = deployment.variables.iter().find(|variable| variable.name == name);
        let value = found.map(|variable| variable.value.clone());
        let value = value.ok_or_else(|| Error::NameMalformed { name: name.into() })?;
        deployment.mark_variable_delivered(name)?;
        Ok(value)
    }

    /// Sets the variables by the platform's own command line.
    pub(crate) fn push(&self, to: &PushTo) -> Result<Report> {
        let project = to.project.as_deref().map(str::trim).filter(|project| !project.is_empty());
        let deployment = self.deployment(&to.deploy_id)?;
        self.running_pushes.fetch_add(1, Ordering::SeqCst);
        let report = PushPlan::of(&deployment, project).and_then(|plan| plan.run(self.interrupt.stop()));
        self.running_pushes.fetch_sub(1, Ordering::SeqCst);
        let report = report?;
        if !report.nothing_was_set() {
            deployment.mark_delivered()?;
        }
        Ok(report)
    }

    /// What the service knows of a deployment.
    pub(crate) fn status(&self, id: &DeployId) -> Result<Option<Deploy>> {
        let list = self.context.service.list(self.context.project.id(), deadline()?)?;
        Ok(list.into_iter().find(|deploy| deploy.deploy_id == *id))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
