//! The project store: values go in, names come out. A project that the bearer may not see is one that is not there.

use std::sync::Arc;

use capy_protocol::api::projects::{
    NewProject, NewSecret, Project, ProjectChange, ProjectList, Recipe, RemovedProject, RemovedSecret,
};
use capy_protocol::env_map::SecretValue;
use capy_protocol::id::ProjectId;
use capy_protocol::scope::Scope;
use capy_protocol::store_keys::StoreKeys;
use capy_protocol::store_row::Place;
use capy_protocol::token::SecretId;

use crate::app::App;
use crate::audit::{Action, Subject};
use crate::auth;
use crate::call::{Answer, Call, Outcome};
use crate::error::{ApiError, Fault};
use crate::host::Host;
use crate::identity::Identity;
use crate::policy::projects::{self as policy, BODY_MAX, Held};
use crate::query;
use crate::store::projects::{self, OfSecret, Sealed, SealedRow};

/// How many names of secrets an event tells.
const TOLD: usize = 20;

/// `POST /api/project`
/// 1. An admin's bearer: 401, 403. The store's keys: 503. The body: 400, 413, 415.
/// 2. The policy on its fields: 400; on its size: 422. An id that is taken: 409.
/// 3. Each value sealed for its place, then the project with all of them and the event, in one transaction: 503.
/// 4. 201 with the project and the names of its secrets.
pub(crate) async fn create<H: Host>(app: Arc<App<H>>, call: Call) -> Outcome {
    let identity = auth::admin(&app, call.authorization()).await?;
    let caller = call.caller();
    let request: NewProject = call.json_of(BODY_MAX).await?;
    let keys = app.store_keys()?;
    policy::new_project(&request, H::LOCAL_SOURCES)?;
    policy::capacity(Held::default(), &request.secrets).map_err(|_| ApiError::ProjectFull)?;
    let told = told(Some(&request.name), &request.recipe, &request.secrets);
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
    let subject = Subject::of_project(&project_id, &project_id, Some(told));
    let event = app.seal(&identity.event(Action::CreateProject, now, caller), subject, "ok")?;
    let created_by = identity.actor().to_owned();
    let project = Project { project_id, name, recipe, created_at: now, created_by, updated_at: now };
    let made = projects::insert(&app.host, &project, &sealed, &event).await?;
    Answer::created(&made.ok_or(ApiError::ProjectUnknown)?)
}

/// `PUT /api/project/projects/{project_id}`
/// 1. The bearer: 401. The path: 400. A scope that deploys the project: 404 for who may not see it, 403 for who may.
/// 2. The store's keys: 503. The body: 400, 413, 415. The policy on its fields: 400.
/// 3. What the project would hold then: 422. Two calls at once may both still fit.
/// 4. All of it with the event, in one transaction: 404 for a project that is not there, 503.
/// 5. 200 with the project and the names of its secrets.
pub(crate) async fn change<H: Host>(app: Arc<App<H>>, call: Call) -> Outcome {
    let identity = auth::identify(&app, call.authorization()).await?;
    let project_id = call.id(ProjectId::parse)?;
    let caller = call.caller();
    let request: ProjectChange = call.json_of(BODY_MAX).await?;
    require(&identity, &Scope::Deploy(project_id.clone()), &project_id)?;
    let keys = app.store_keys()?;
    // Whoever may name any path would have the build host read what is there.
    policy::change(&request, H::LOCAL_SOURCES && identity.may(&Scope::Admin))?;
    let ProjectChange { name, recipe, secrets } = request;
    let told = told(name.as_deref(), &recipe, &secrets);
    if !secrets.is_empty() {
        let names: Vec<_> = secrets.iter().map(|secret| secret.key.as_str()).collect();
        let others = projects::others(&app.host, &project_id, &names).await?;
        policy::capacity(others, &secrets).map_err(|_| ApiError::ProjectFull)?;
    }
    let sealed = seal(&keys, &project_id, secrets)?;
    let subject = Subject::of_project(&project_id, &project_id, Some(told));
    let event = app.seal(&identity.event(Action::ChangeProject, app.clock.now(), caller), subject, "ok")?;
    let changed = projects::change(&app.host, &project_id, name.as_deref(), &recipe, &sealed, &event).await?;
    Answer::ok(&changed.ok_or(ApiError::ProjectUnknown)?)
}

/// What an event says of a change: which settings, and the names of the first secrets.
fn told(name: Option<&str>, recipe: &Recipe, secrets: &[NewSecret]) -> String {
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
    let names = secrets.iter().take(TOLD).map(|secret| secret.key.as_str());
    let mut told = settings.chain(names).collect::<Vec<_>>().join(" ");
    if secrets.len() > TOLD {
        told.push_str(&format!(" and {} more", secrets.len() - TOLD));
    }
    told
}

/// The plaintexts end here.
fn seal(keys: &StoreKeys, project: &ProjectId, secrets: Vec<NewSecret>) -> Result<Sealed, ApiError> {
    let rows = secrets.into_iter().map(|NewSecret { key, value }| {
        let value = SecretValue::from(value);
        let row = keys.seal(Place { project, name: &key }, &value)?;
        Ok(SealedRow { key, row })
    });
    let rows: capy_protocol::Result<_> = rows.collect();
    let rows = rows.map_err(|error| ApiError::Unavailable(Fault::Store(error)))?;
    Ok(Sealed { key_id: keys.newest(), rows })
}

/// `GET /api/project/projects`
/// 1. The bearer: 401. The store's keys: 503. The query, which may have a cursor: 400.
/// 2. 200 with a page of the projects that the bearer may see, newest first. 503.
pub(crate) async fn list<H: Host>(app: Arc<App<H>>, call: Call) -> Outcome {
    let identity = auth::identify(&app, call.authorization()).await?;
    app.store_keys()?;
    let cursor = query::cursor(call.query(), ProjectId::parse)?;
    let seen = identity.projects();
    let (projects, next) = projects::list(&app.host, seen.as_deref(), cursor.as_ref()).await?;
    Answer::ok(&ProjectList { projects, next: next.map(|cursor| cursor.to_string()) })
}

/// `GET /api/project/projects/{project_id}`
/// 1. The bearer: 401. The path: 400. A scope that reads or builds the project: else 404. The store's keys: 503.
/// 2. 200 with the project and the names of its secrets. 404, 503.
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

/// `DELETE /api/project/projects/{project_id}`
/// 1. The bearer: 401. The path: 400. The admin scope: 404 for who may not see it, 403 for who may. The store's keys: 503.
/// 2. The database: 404 when there is no such project, 503.
/// 3. 200. Its values are gone with it.
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

/// `DELETE /api/project/secret/{secret_id}`
/// 1. The bearer: 401. The path: 400. The store's keys: 503.
/// 2. A scope that deploys the secret's project: 404 for who may not see it, 403 for who may.
/// 3. The database: 404 when there is no such secret, 503.
/// 4. 200.
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

/// Who may not even see the project does not learn whether there is one.
pub(super) fn require(identity: &Identity, needed: &Scope, project: &ProjectId) -> Result<(), ApiError> {
    if sees(identity, project) { identity.require(needed) } else { Err(ApiError::ProjectUnknown) }
}

fn sees(identity: &Identity, project: &ProjectId) -> bool {
    [Scope::Read(project.clone()), Scope::Build(project.clone())].iter().any(|scope| identity.may(scope))
}
