//! The project store: takes values, and answers with names only. A project that the bearer may not
//! see is treated as nonexistent.

use std::sync::Arc;

use capy_protocol::api::projects::{
    NewProject, NewSecret, Project, ProjectChange, ProjectList, Recipe, RemovedProject, RemovedSecret,
};
use capy_protocol::env_map::SecretValue;
use capy_protocol::id::ProjectId;
use capy_protocol::scope::Scope;
use capy_protocol::store_keys::StoreKeys;
use capy_protocol::store_row::Binding;
use capy_protocol::token::SecretId;

use crate::app::App;
use crate::audit::{Action, Subject};
use crate::auth::{self, Identity};
use crate::call::{Answer, Call, Outcome};
use crate::error::{ApiError, Fault};
use crate::host::Host;
use crate::policy::projects::{self as policy, BODY_MAX, ProjectSize};
use crate::query;
use crate::store::projects::{self, OfSecret, Sealed, SealedRow};

/// How many names of secrets an event lists.
const LISTED_NAMES_MAX: usize = 20;

/// `POST /api/project`: creates a project.
///
/// 1. Require an admin's bearer: 401, 403. Read the body: 400, 413, 415. Require the store's keys:
///    503.
/// 2. Check the fields against the policy: 400, their size: 422, and whether the id is free: 409.
/// 3. Seal each value for its project and name, then write the project, its values and the event in
///    one transaction: 503.
/// 4. Answer 201 with the project and the names of its secrets.
pub(crate) async fn create<H: Host>(app: Arc<App<H>>, call: Call) -> Outcome {
    let identity = auth::admin(&app, call.authorization()).await?;
    let caller = call.caller();
    let request: NewProject = call.json_up_to(BODY_MAX).await?;
    let keys = app.store_keys()?;
    policy::new_project(&request, H::LOCAL_SOURCES)?;
    policy::capacity(ProjectSize::default(), &request.secrets).map_err(|_| ApiError::ProjectFull)?;
    let detail = change_detail(Some(&request.name), &request.recipe, &request.secrets);
    let NewProject { project_id, name, recipe, secrets } = request;
    let project_id = match project_id {
        Some(id) => id,
        None => ProjectId::generate().map_err(|error| ApiError::Unavailable(Fault::Draw(error)))?,
    };
    if projects::find(&app.host, &project_id).await?.is_some() {
        return Err(ApiError::ProjectExists);
    }
    let now = app.clock.now();
    let sealed = seal(&keys, &project_id, secrets)?;
    let subject = Subject::of_project(&project_id, &project_id, Some(detail));
    let event = app.seal(&identity.event(Action::CreateProject, now, caller), subject, "ok")?;
    let created_by = identity.actor().to_owned();
    let project = Project { project_id, name, recipe, created_at: now, created_by, updated_at: now };
    let made = projects::insert(&app.host, &project, &sealed, &event).await?;
    Answer::created(&made.ok_or(ApiError::ProjectUnknown)?)
}

/// `PUT /api/project/projects/{project_id}`: changes a project.
///
/// 1. Authenticate the bearer: 401. Parse the path: 400. Read the body: 400, 413, 415. Require a
///    scope that deploys the project: 404 for a bearer that may not see it, 403 for one that may.
/// 2. Require the store's keys: 503. Check the fields against the policy: 400.
/// 3. Check the project's size after the change: 422. Of two concurrent calls both may still fit.
/// 4. Write all changes and the event in one transaction: 404 for a project that does not exist,
///    503.
/// 5. Answer 200 with the project and the names of its secrets.
pub(crate) async fn change<H: Host>(app: Arc<App<H>>, call: Call) -> Outcome {
    let identity = auth::identify(&app, call.authorization()).await?;
    let project_id = call.id(ProjectId::parse)?;
    let caller = call.caller();
    let request: ProjectChange = call.json_up_to(BODY_MAX).await?;
    require(&identity, &Scope::Deploy(project_id.clone()), &project_id)?;
    let keys = app.store_keys()?;
    // Only an admin may name a local path, because the build host reads whatever is there.
    policy::change(&request, H::LOCAL_SOURCES && identity.may(&Scope::Admin))?;
    let ProjectChange { name, recipe, secrets } = request;
    let detail = change_detail(name.as_deref(), &recipe, &secrets);
    if !secrets.is_empty() {
        let names: Vec<_> = secrets.iter().map(|secret| secret.key.as_str()).collect();
        let others = projects::others(&app.host, &project_id, &names).await?;
        policy::capacity(others, &secrets).map_err(|_| ApiError::ProjectFull)?;
    }
    let sealed = seal(&keys, &project_id, secrets)?;
    let subject = Subject::of_project(&project_id, &project_id, Some(detail));
    let event = app.seal(&identity.event(Action::ChangeProject, app.clock.now(), caller), subject, "ok")?;
    let changed = projects::change(&app.host, &project_id, name.as_deref(), &recipe, &sealed, &event).await?;
    Answer::ok(&changed.ok_or(ApiError::ProjectUnknown)?)
}

/// The detail of a change's event: which settings are given, and the names of the first secrets.
fn change_detail(name: Option<&str>, recipe: &Recipe, secrets: &[NewSecret]) -> String {
    let settings = [
        ("name", name.is_some()),
        ("repository_url", recipe.repository_url.is_some()),
        ("branch", recipe.branch.is_some()),
        ("install_command", recipe.install_command.is_some()),
        ("build_command", recipe.build_command.is_some()),
        ("output_directory", recipe.output_directory.is_some()),
        ("image", recipe.image.is_some()),
    ];
    let settings = settings.iter().filter_map(|(setting, is_given)| is_given.then_some(*setting));
    let names = secrets.iter().take(LISTED_NAMES_MAX).map(|secret| secret.key.as_str());
    let mut detail = settings.chain(names).collect::<Vec<_>>().join(" ");
    if secrets.len() > LISTED_NAMES_MAX {
        detail.push_str(&format!(" and {} more", secrets.len() - LISTED_NAMES_MAX));
    }
    detail
}

/// Seals the values. The plaintexts are dropped here.
fn seal(keys: &StoreKeys, project: &ProjectId, secrets: Vec<NewSecret>) -> Result<Sealed, ApiError> {
    let rows = secrets.into_iter().map(|NewSecret { key, value }| {
        let value = SecretValue::from(value);
        let row = keys.seal(Binding { project, name: &key }, &value)?;
        Ok(SealedRow { key, row })
    });
    let rows: capy_protocol::Result<_> = rows.collect();
    let rows = rows.map_err(|error| ApiError::Unavailable(Fault::Store(error)))?;
    Ok(Sealed { key_id: keys.newest(), rows })
}

/// `GET /api/project/projects`: lists projects.
///
/// 1. Authenticate the bearer: 401. Require the store's keys: 503. Parse the query, which may have
///    a cursor: 400.
/// 2. Answer 200 with a page of the projects that the bearer may see, newest first. 503 without the
///    database.
pub(crate) async fn list<H: Host>(app: Arc<App<H>>, call: Call) -> Outcome {
    let identity = auth::identify(&app, call.authorization()).await?;
    app.store_keys()?;
    let cursor = query::cursor(call.query(), ProjectId::parse)?;
    let seen = identity.projects();
    let (projects, next) = projects::list(&app.host, seen.as_deref(), cursor.as_ref()).await?;
    Answer::ok(&ProjectList { projects, next: next.map(|cursor| cursor.to_string()) })
}

/// `GET /api/project/projects/{project_id}`: shows a project.
///
/// 1. Authenticate the bearer: 401. Parse the path: 400. Require a scope that reads or builds the
///    project: 404. Require the store's keys: 503.
/// 2. Answer 200 with the project and the names of its secrets. 404 when it does not exist, 503
///    without the database.
pub(crate) async fn show<H: Host>(app: Arc<App<H>>, call: Call) -> Outcome {
    let identity = auth::identify(&app, call.authorization()).await?;
    let project_id = call.id(ProjectId::parse)?;
    if !sees(&identity, &project_id) {
        return Err(ApiError::ProjectUnknown);
    }
    app.store_keys()?;
    let found = projects::detail(&app.host, &project_id).await?;
    Answer::ok(&found.ok_or(ApiError::ProjectUnknown)?)
}

/// `DELETE /api/project/projects/{project_id}`: removes a project and its secrets.
///
/// 1. Authenticate the bearer: 401. Parse the path: 400. Require the admin scope: 404 for a bearer
///    that may not see the project, 403 for one that may. Require the store's keys: 503.
/// 2. Remove the project from the database: 404 when it does not exist, 503.
/// 3. Answer 200.
pub(crate) async fn remove<H: Host>(app: Arc<App<H>>, call: Call) -> Outcome {
    let identity = auth::identify(&app, call.authorization()).await?;
    let project_id = call.id(ProjectId::parse)?;
    let caller = call.caller();
    require(&identity, &Scope::Admin, &project_id)?;
    app.store_keys()?;
    let subject = Subject::of_project(&project_id, &project_id, None);
    let event = app.seal(&identity.event(Action::RemoveProject, app.clock.now(), caller), subject, "ok")?;
    match projects::remove(&app.host, &project_id, &event).await? {
        true => Answer::ok(&RemovedProject { project_id }),
        false => Err(ApiError::ProjectUnknown),
    }
}

/// `DELETE /api/project/secret/{secret_id}`: removes a secret of a project.
///
/// 1. Authenticate the bearer: 401. Parse the path: 400. Require the store's keys: 503.
/// 2. Require a scope that deploys the secret's project: 404 for a bearer that may not see it, 403
///    for one that may.
/// 3. Remove the secret from the database: 404 when it does not exist, 503.
/// 4. Answer 200.
pub(crate) async fn remove_secret<H: Host>(app: Arc<App<H>>, call: Call) -> Outcome {
    let identity = auth::identify(&app, call.authorization()).await?;
    let secret_id = call.id(SecretId::parse)?;
    let caller = call.caller();
    app.store_keys()?;
    let of = projects::of_secret(&app.host, &secret_id).await?;
    let OfSecret { project_id, key } =
        of.filter(|of| sees(&identity, &of.project_id)).ok_or(ApiError::SecretUnknown)?;
    identity.require(&Scope::Deploy(project_id.clone()))?;
    let subject = Subject::of_project(&project_id, &secret_id, Some(key));
    let event = app.seal(&identity.event(Action::RemoveSecret, app.clock.now(), caller), subject, "ok")?;
    match projects::remove_secret(&app.host, &project_id, &secret_id, &event).await? {
        true => Answer::ok(&RemovedSecret { secret_id }),
        false => Err(ApiError::SecretUnknown),
    }
}

/// Requires a scope on a project. A bearer that may not see the project gets 404, and does not
/// learn whether the project exists.
pub(super) fn require(identity: &Identity, needed: &Scope, project: &ProjectId) -> Result<(), ApiError> {
    if sees(identity, project) { identity.require(needed) } else { Err(ApiError::ProjectUnknown) }
}

fn sees(identity: &Identity, project: &ProjectId) -> bool {
    [Scope::Read(project.clone()), Scope::Build(project.clone())].iter().any(|scope| identity.may(scope))
}
