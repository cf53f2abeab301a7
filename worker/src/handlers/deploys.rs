//! Registers, revokes and lists deployments, for tokens whose scope covers the project.

use std::sync::Arc;

use capy_protocol::api::{
    Deploy, DeployList, RegisterRequest, RegisterResponse, RevokeAllResponse, RevokeResponse,
};
use capy_protocol::id::{DeployId, KeyId, ProjectId};
use capy_protocol::scope::Scope;
use capy_protocol::text::serialize_base64;
use capy_protocol::wrap::InnerBlob;

use crate::app::App;
use crate::audit::{Action, Subject};
use crate::auth;
use crate::call::{Answer, Call, Outcome};
use crate::deploy_record::{Record, Repeats};
use crate::error::{ApiError, Fault};
use crate::host::Host;
use crate::policy::{self, Denial};
use crate::query;
use crate::row_seals;
use crate::store::deploys;

/// How many ids one call puts on the revocation list: each is a write over the network, and the
/// time of a call is limited.
const LISTED_AT_ONCE: usize = 40;

/// `POST /deploy`: registers a deployment.
///
/// 1. Authenticate the bearer: 401. Read the body: 400, 413, 415. Require a scope that deploys the
///    project: 403.
/// 2. Check the fields against the policy, and the shape of the inner blob: 400.
/// 3. Wrap the inner blob under the newest root: 503.
/// 4. Write the sealed record and its event, without any blob: 409 when the id is taken, 503.
/// 5. Answer 201 with the outer blob, which the service does not keep.
pub(crate) async fn register<H: Host>(app: Arc<App<H>>, call: Call) -> Outcome {
    let identity = auth::identify(&app, call.authorization()).await?;
    let caller = call.caller();
    let request: RegisterRequest = call.json().await?;
    identity.require(&Scope::Deploy(request.project_id.clone()))?;
    policy::registration(&request)?;
    let inner = InnerBlob::parse_base64(request.inner_blob.expose_secret())
        .map_err(|_| ApiError::BadRequest("inner_blob is not base64 of 60 bytes".into()))?;
    let roots = app.secrets.wrap_roots()?;
    let outer = roots
        .wrap(&request.deploy_id, &request.project_id, &inner)
        .map_err(|error| ApiError::Unavailable(Fault::Wrap(error)))?;
    let at = app.clock.now();
    let mut record = record(request, outer.kid(), at, identity.actor());
    let key = roots.row_key(record.key_id).map_err(|error| ApiError::Unavailable(Fault::Wrap(error)))?;
    record.seal = Some(row_seals::seal_deploy(&key, &record, 0));
    let event = identity.event(Action::Register, at, caller);
    let event = app.seal(&event, Subject::deploy(&record.project_id, &record.deploy.deploy_id), "ok")?;
    if !deploys::insert(&app.host, &record, &event).await? {
        return Err(ApiError::DeployExists);
    }
    let outer_blob = serialize_base64(outer.as_bytes());
    Answer::created(&RegisterResponse { outer_blob })
}

fn record(request: RegisterRequest, key_id: KeyId, created_at: u64, created_by: &str) -> Record {
    Record {
        project_id: request.project_id,
        key_id,
        deploy: Deploy {
            deploy_id: request.deploy_id,
            label: request.label,
            platform: request.platform,
            credential: request.credential,
            format: request.format,
            created_at,
            last_used_at: None,
            uses: 0,
            revoked_at: None,
            expires_at: request.expires_in.map(|seconds| created_at + seconds * 1000),
            max_uses: request.max_uses,
            cidrs: request.cidrs,
            created_by: Some(created_by.to_owned()),
        },
        seal: None,
        repeats: Repeats::default(),
    }
}

/// `DELETE /deploy/{id}`: revokes a deployment.
///
/// 1. Authenticate the bearer: 401. Parse the path: 400. Find the deployment: 404. Require a scope
///    that deploys its project: 403.
/// 2. Revoke in the database, which is the authority: 503 when the write fails.
/// 3. Put the id on the revocation list. When that fails, the revocation still holds, and the
///    failure is logged.
/// 4. Answer 200 with the time of the first revocation, however often the call is repeated.
pub(crate) async fn revoke<H: Host>(app: Arc<App<H>>, call: Call) -> Outcome {
    let identity = auth::identify(&app, call.authorization()).await?;
    let deploy_id = call.id(DeployId::parse)?;
    let caller = call.caller();
    let record = deploys::find(&app.host, &deploy_id).await?.ok_or(Denial::Unknown)?;
    identity.require(&Scope::Deploy(record.project_id.clone()))?;
    let event = identity.event(Action::Revoke, app.clock.now(), caller);
    let event = app.seal(&event, Subject::deploy(&record.project_id, &deploy_id), "ok")?;
    let revoked_at = deploys::revoke(&app.host, &deploy_id, &event).await?.ok_or(Denial::Unknown)?;
    if let Err(error) = app.host.list_revoked(&deploy_id, revoked_at).await {
        app.log.warn(&error);
    }
    Answer::ok(&RevokeResponse { deploy_id, revoked_at })
}

/// `DELETE /projects/{project_id}/deploys`: revokes all deployments of a project.
///
/// 1. Authenticate the bearer: 401. Parse the path: 400. Require a scope that deploys the project:
///    403.
/// 2. Revoke up to 500 live deployments of the project in the database: 503 when the write fails.
/// 3. Put as many of their ids on the revocation list as one call may write. The others get there
///    with their next use.
/// 4. Answer 200 with their number, and whether more are left for another call. An unknown project
///    has none.
pub(crate) async fn revoke_all<H: Host>(app: Arc<App<H>>, call: Call) -> Outcome {
    let identity = auth::identify(&app, call.authorization()).await?;
    let project_id = call.id(ProjectId::parse)?;
    let caller = call.caller();
    identity.require(&Scope::Deploy(project_id.clone()))?;
    let live = deploys::live(&app.host, &project_id).await?;
    let event = identity.event(Action::Revoke, app.clock.now(), caller);
    let events = live.iter().map(|deploy_id| app.seal(&event, Subject::deploy(&project_id, deploy_id), "ok"));
    let events = events.collect::<Result<Vec<_>, _>>()?;
    let revoked = deploys::revoke_each(&app.host, &events).await?;
    for deploy_id in revoked.iter().take(LISTED_AT_ONCE) {
        if let Err(error) = app.host.list_revoked(deploy_id, event.at).await {
            app.log.warn(&error);
            break;
        }
    }
    let more = live.len() as u64 >= deploys::REVOKED_AT_ONCE;
    Answer::ok(&RevokeAllResponse { revoked: revoked.len() as u64, more })
}

/// `GET /projects/{project_id}/deploys?cursor=`: lists a project's deployments.
///
/// 1. Authenticate the bearer: 401. Parse the path: 400. Require a scope that reads the project:
///    403. Parse the cursor: 400.
/// 2. Answer 200 with a page of the project's deployments, newest first. An unknown project has
///    none. 503 without the database.
pub(crate) async fn list<H: Host>(app: Arc<App<H>>, call: Call) -> Outcome {
    let identity = auth::identify(&app, call.authorization()).await?;
    let project_id = call.id(ProjectId::parse)?;
    identity.require(&Scope::Read(project_id.clone()))?;
    let cursor = query::cursor(call.query(), DeployId::parse)?;
    let (deploys, next) = deploys::list(&app.host, &project_id, cursor.as_ref()).await?;
    Answer::ok(&DeployList { deploys, next: next.map(|cursor| cursor.to_string()) })
}
