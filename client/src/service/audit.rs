//! Calls for auditing: the audit trail, its verification, row seals and wrap roots.

use capy_protocol::api::{
    AuditEvent, AuditList, AuditVerification, RowVerification, SealRows, SealedRows, WrapRootList,
    WriteOffRequest, WriteOffResponse,
};
use capy_protocol::id::ProjectId;

use super::{LIST_MAX, Service, post};
use crate::http::Method;
use crate::{Deadline, Error, Result};

impl Service {
    /// The newest `count` events of a project, newest first: `GET /projects/{project_id}/audit`.
    /// Without a project, the events of the service itself: `GET /admin/audit`.
    ///
    /// # Errors
    /// [`Error::Unauthorized`], and the service errors.
    pub fn audit(
        &self,
        project: Option<&ProjectId>,
        count: usize,
        deadline: Deadline,
    ) -> Result<Vec<AuditEvent>> {
        let path = project.map_or("/admin/audit".into(), |project| format!("/projects/{project}/audit"));
        self.pages(&path, LIST_MAX, count, deadline, |page: AuditList| (page.events, page.next))
    }

    /// Has the service verify one range of its audit trail: `GET /admin/audit/verify?from=N`.
    ///
    /// # Errors
    /// [`Error::Unauthorized`], and the service errors.
    pub fn verify_audit(&self, from: u64, deadline: Deadline) -> Result<AuditVerification> {
        let request = self.authorized(Method::Get, format!("/admin/audit/verify?from={from}"), LIST_MAX);
        let answer: AuditVerification = self.ask_any(&request, deadline)?;
        let moves_on = answer.next.is_none_or(|next| next > from);
        let is_asked = answer.checkpoint.as_ref().is_none_or(|checkpoint| checkpoint.id == from);
        if moves_on && is_asked {
            return Ok(answer);
        }
        let reason = "it verified another segment than was asked for".into();
        Err(Error::ServiceProtocol { url: self.url().clone(), reason })
    }

    /// Gives up lost wrap roots, or only reports what would be lost: `POST /admin/audit/give-up`.
    ///
    /// # Errors
    /// [`Error::Unauthorized`], and the service errors. The service refuses if it holds a root, if
    /// the audit trail does not need the root, or if these roots are not all that the trail lacks.
    pub fn write_off_roots(&self, body: &WriteOffRequest, deadline: Deadline) -> Result<WriteOffResponse> {
        self.ask_any(&self.authorized(post(body), "/admin/audit/give-up".into(), LIST_MAX), deadline)
    }

    /// Has the service verify the row seals of some live deployments, API tokens and trusts:
    /// `GET /admin/rows/verify?cursor=`. `cursor` is the `next` of the previous answer.
    ///
    /// # Errors
    /// [`Error::Unauthorized`], and the service errors.
    pub fn verify_rows(&self, cursor: Option<&str>, deadline: Deadline) -> Result<RowVerification> {
        let query = cursor.map(|cursor| self.cursor(cursor)).transpose()?.unwrap_or_default();
        self.ask_any(&self.authorized(Method::Get, format!("/admin/rows/verify{query}"), LIST_MAX), deadline)
    }

    /// Has the service seal some of its unsealed rows, or only report them:
    /// `POST /admin/rows/seal`.
    ///
    /// # Errors
    /// [`Error::Unauthorized`], and the service errors.
    pub fn seal_rows(&self, body: &SealRows, deadline: Deadline) -> Result<SealedRows> {
        self.ask_any(&self.authorized(post(body), "/admin/rows/seal".into(), LIST_MAX), deadline)
    }

    /// The wrap roots that the service holds or needs: `GET /admin/wrap-roots`.
    ///
    /// # Errors
    /// [`Error::Unauthorized`], and the service errors.
    pub fn wrap_roots(&self, deadline: Deadline) -> Result<WrapRootList> {
        self.ask_any(&self.authorized(Method::Get, "/admin/wrap-roots".into(), LIST_MAX), deadline)
    }
}
