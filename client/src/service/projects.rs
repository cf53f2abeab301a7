//! The project store as calls.

use capy_protocol::api::projects::{
    NewProject, Project, ProjectChange, ProjectDetail, ProjectList, RemovedProject, RemovedSecret,
    RotateRequest, Rotated, StoreKeyList, StoreRows,
};
use capy_protocol::id::ProjectId;
use capy_protocol::token::SecretId;

use super::{LARGE, SMALL, Service, post, put};
use crate::http::Method;
use crate::{Deadline, Error, Result};

/// A page of projects, whatever their commands are.
const PAGE: u64 = 8 * 1024 * 1024;
/// All sealed values of a project.
const ROWS: u64 = 16 * 1024 * 1024;

impl Service {
    /// Makes a project: `POST /api/project`.
    ///
    /// With an id that was drawn for this call, [`Error::ProjectExists`] says that a try whose answer got lost has made it.
    ///
    /// # Errors
    /// [`Error::ProjectExists`], [`Error::StoreOff`], [`Error::Forbidden`] and its kin, and the service errors.
    pub fn create_project(&self, body: &NewProject, deadline: Deadline) -> Result<ProjectDetail> {
        self.ask_any(&self.authorized(post(body), "/api/project".into(), LARGE), deadline)
    }

    /// Changes a project, and sets secrets by their names: `PUT /api/project/projects/{project_id}`.
    ///
    /// # Errors
    /// [`Error::ProjectUnknown`], [`Error::StoreOff`], [`Error::Forbidden`] and its kin, and the service errors.
    pub fn change_project(
        &self,
        id: &ProjectId,
        body: &ProjectChange,
        deadline: Deadline,
    ) -> Result<ProjectDetail> {
        self.ask_any(&self.authorized(put(body), format!("/api/project/projects/{id}"), LARGE), deadline)
    }

    /// The projects that the token may see, newest first: every page of `GET /api/project/projects`.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] and its kin, and the service errors.
    pub fn projects(&self, deadline: Deadline) -> Result<Vec<Project>> {
        let mut projects = Vec::new();
        let mut query = String::new();
        loop {
            let path = format!("/api/project/projects{query}");
            let page: ProjectList = self.ask_any(&self.authorized(Method::Get, path, PAGE), deadline)?;
            projects.extend(page.projects);
            match page.next {
                Some(next) => query = self.cursor(&next)?,
                None => return Ok(projects),
            }
        }
    }

    /// A project and the names of its secrets: `GET /api/project/projects/{project_id}`.
    ///
    /// # Errors
    /// [`Error::ProjectUnknown`], [`Error::Unauthorized`] and its kin, and the service errors.
    pub fn project(&self, id: &ProjectId, deadline: Deadline) -> Result<ProjectDetail> {
        self.ask_any(&self.authorized(Method::Get, format!("/api/project/projects/{id}"), LARGE), deadline)
    }

    /// Removes a project with its secrets: `DELETE /api/project/projects/{project_id}`.
    ///
    /// # Errors
    /// [`Error::ProjectUnknown`], [`Error::Forbidden`] and its kin, and the service errors.
    pub fn remove_project(&self, id: &ProjectId, deadline: Deadline) -> Result<RemovedProject> {
        let request = self.authorized(Method::Delete, format!("/api/project/projects/{id}"), SMALL);
        self.ask_any(&request, deadline)
    }

    /// Removes a secret: `DELETE /api/project/secret/{secret_id}`.
    ///
    /// # Errors
    /// [`Error::SecretUnknown`], [`Error::Forbidden`] and its kin, and the service errors.
    pub fn remove_secret(&self, id: &SecretId, deadline: Deadline) -> Result<RemovedSecret> {
        self.ask_any(&self.authorized(Method::Delete, format!("/api/project/secret/{id}"), SMALL), deadline)
    }

    /// A project's sealed values, for who holds `ENCRYPTION_KEY` and the scope `build:<project>`:
    /// `GET /api/build/projects/{project_id}/rows`.
    ///
    /// # Errors
    /// [`Error::ProjectUnknown`], [`Error::Forbidden`] and its kin, and the service errors.
    pub fn store_rows(&self, id: &ProjectId, deadline: Deadline) -> Result<StoreRows> {
        let request = self.authorized(Method::Get, format!("/api/build/projects/{id}/rows"), ROWS);
        let rows: StoreRows = self.ask_any(&request, deadline)?;
        if rows.project_id == *id {
            return Ok(rows);
        }
        let reason = "it answered with the rows of another project".into();
        Err(Error::ServiceProtocol { url: self.url().clone(), reason })
    }

    /// The store's keys, and how many rows each sealed: `GET /admin/store/keys`.
    ///
    /// # Errors
    /// [`Error::StoreOff`], [`Error::Forbidden`] and its kin, and the service errors.
    pub fn store_keys(&self, deadline: Deadline) -> Result<StoreKeyList> {
        self.ask_any(&self.authorized(Method::Get, "/admin/store/keys".into(), SMALL), deadline)
    }

    /// Has some rows sealed again under the newest key: `POST /admin/store/rotate`. To be called again from where the
    /// answer says; asked twice for the same rows it changes nothing the second time.
    ///
    /// # Errors
    /// [`Error::StoreOff`], [`Error::Forbidden`] and its kin, and the service errors.
    pub fn rotate_store(&self, after: Option<SecretId>, deadline: Deadline) -> Result<Rotated> {
        let request = self.authorized(post(&RotateRequest { after }), "/admin/store/rotate".into(), LARGE);
        self.ask_any(&request, deadline)
    }
}
