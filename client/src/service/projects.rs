//! Calls for the project store.

use capy_protocol::api::projects::{
    NewProject, Project, ProjectChange, ProjectDetail, ProjectList, RemovedProject, RemovedSecret,
    RotateRequest, Rotated, StoreKeyList, StoreRows,
};
use capy_protocol::id::ProjectId;
use capy_protocol::token::SecretId;

use super::{ANSWER_MAX, LIST_MAX, Service, WHOLE_LIST, post, put};
use crate::http::Method;
use crate::{Deadline, Error, Result};

/// The size limit of a page of projects, in bytes, with the longest possible commands.
const PAGE: u64 = 8 * 1024 * 1024;
/// The size limit of all sealed values of a project, in bytes.
const ROWS: u64 = 16 * 1024 * 1024;

impl Service {
    /// Creates a project: `POST /api/project`.
    ///
    /// If the caller generated the id for this call, [`Error::ProjectExists`] means that an earlier
    /// attempt, whose answer was lost, created the project.
    ///
    /// # Errors
    /// [`Error::ProjectExists`], [`Error::StoreOff`], [`Error::Forbidden`] and the other errors
    /// about API tokens, and the service errors.
    pub fn create_project(&self, body: &NewProject, deadline: Deadline) -> Result<ProjectDetail> {
        self.ask_any(&self.authorized(post(body), "/api/project".into(), LIST_MAX), deadline)
    }

    /// Changes a project's settings and adds or replaces secrets by name:
    /// `PUT /api/project/projects/{project_id}`.
    ///
    /// # Errors
    /// [`Error::ProjectUnknown`], [`Error::StoreOff`], [`Error::Forbidden`] and the other errors
    /// about API tokens, and the service errors.
    pub fn change_project(
        &self,
        id: &ProjectId,
        body: &ProjectChange,
        deadline: Deadline,
    ) -> Result<ProjectDetail> {
        self.ask_any(&self.authorized(put(body), format!("/api/project/projects/{id}"), LIST_MAX), deadline)
    }

    /// The projects that the token may see, newest first: every page of
    /// `GET /api/project/projects`.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] and the other errors about API tokens, and the service errors.
    pub fn projects(&self, deadline: Deadline) -> Result<Vec<Project>> {
        let split = |page: ProjectList| (page.projects, page.next);
        self.pages("/api/project/projects", PAGE, WHOLE_LIST, deadline, split)
    }

    /// A project and the names of its secrets: `GET /api/project/projects/{project_id}`.
    ///
    /// # Errors
    /// [`Error::ProjectUnknown`], [`Error::Unauthorized`] and the other errors about API tokens,
    /// and the service errors.
    pub fn project(&self, id: &ProjectId, deadline: Deadline) -> Result<ProjectDetail> {
        self.ask_any(&self.authorized(Method::Get, format!("/api/project/projects/{id}"), LIST_MAX), deadline)
    }

    /// Removes a project with its secrets: `DELETE /api/project/projects/{project_id}`.
    ///
    /// # Errors
    /// [`Error::ProjectUnknown`], [`Error::Forbidden`] and the other errors about API tokens, and
    /// the service errors.
    pub fn remove_project(&self, id: &ProjectId, deadline: Deadline) -> Result<RemovedProject> {
        let request = self.authorized(Method::Delete, format!("/api/project/projects/{id}"), ANSWER_MAX);
        self.ask_any(&request, deadline)
    }

    /// Removes a secret: `DELETE /api/project/secret/{secret_id}`.
    ///
    /// # Errors
    /// [`Error::SecretUnknown`], [`Error::Forbidden`] and the other errors about API tokens, and
    /// the service errors.
    pub fn remove_secret(&self, id: &SecretId, deadline: Deadline) -> Result<RemovedSecret> {
        self.ask_any(
            &self.authorized(Method::Delete, format!("/api/project/secret/{id}"), ANSWER_MAX),
            deadline,
        )
    }

    /// A project's sealed values, for a build host with `ENCRYPTION_KEY` and the scope
    /// `build:<project>`: `GET /api/build/projects/{project_id}/rows`.
    ///
    /// # Errors
    /// [`Error::ProjectUnknown`], [`Error::Forbidden`] and the other errors about API tokens, and
    /// the service errors.
    pub fn store_rows(&self, id: &ProjectId, deadline: Deadline) -> Result<StoreRows> {
        let request = self.authorized(Method::Get, format!("/api/build/projects/{id}/rows"), ROWS);
        let rows: StoreRows = self.ask_any(&request, deadline)?;
        if rows.project_id == *id {
            return Ok(rows);
        }
        let reason = "it answered with the rows of another project".into();
        Err(Error::ServiceProtocol { url: self.url().clone(), reason })
    }

    /// The store's keys, and how many rows each key sealed: `GET /admin/store/keys`.
    ///
    /// # Errors
    /// [`Error::StoreOff`], [`Error::Forbidden`] and the other errors about API tokens, and the
    /// service errors.
    pub fn store_keys(&self, deadline: Deadline) -> Result<StoreKeyList> {
        self.ask_any(&self.authorized(Method::Get, "/admin/store/keys".into(), ANSWER_MAX), deadline)
    }

    /// Reseals some rows under the newest key: `POST /admin/store/rotate`. Repeat the call with the
    /// `next` of the answer. A repeated call for the same rows changes nothing.
    ///
    /// # Errors
    /// [`Error::StoreOff`], [`Error::Forbidden`] and the other errors about API tokens, and the
    /// service errors.
    pub fn rotate_store(&self, after: Option<SecretId>, deadline: Deadline) -> Result<Rotated> {
        let request = self.authorized(post(&RotateRequest { after }), "/admin/store/rotate".into(), LIST_MAX);
        self.ask_any(&request, deadline)
    }
}
