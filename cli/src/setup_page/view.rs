//! Answers of the server to the setup page, as JSON. Only [`Value`] holds a secret.

use capy_protocol::api::Deploy;
use capy_protocol::id::DeployId;
use serde::Serialize;

use super::choice::Blob;
use super::session::Session;
use crate::deployment::{self, BlobPlace, Deployment, Wish, Wishes};
use crate::error::Error;
use crate::error::Ways;
use crate::names;
use crate::platforms::{self, Guide, Kind, Limits, Pattern};
use crate::push::Pushing;

/// Everything that can be chosen.
#[derive(Serialize)]
pub(crate) struct State<'a> {
    project: &'a str,
    service: &'a str,
    env_file: String,
    blob_file: String,
    blob: Blob,
    platforms: Vec<PlatformView>,
    variables: Vec<Secret<'a>>,
    wishes: &'a Wishes,
    made: Vec<Made>,
    expires: Option<String>,
    max_uses: Option<u64>,
    cidr: Vec<String>,
}

#[derive(Serialize)]
struct PlatformView {
    id: &'static str,
    name: String,
    kind: Kind,
    pattern: Pattern,
    how: &'static str,
    search: Vec<String>,
    docs: String,
    environments: Vec<String>,
    own_environments: bool,
    sign: Option<String>,
    limits: Limits,
}

#[derive(Serialize)]
struct Secret<'a> {
    name: &'a str,
    bytes: usize,
    /// Its name makes it public: a framework would publish it.
    public: bool,
}

impl<'a> State<'a> {
    pub(crate) fn of(session: &'a Session) -> Self {
        let (bench, terms) = (&session.workbench, &session.wishes.terms);
        let variables = bench.values.iter().map(|(name, value)| Secret {
            name,
            bytes: value.expose_secret().len(),
            public: names::is_public(name),
        });
        Self {
            project: bench.project.id().as_str(),
            service: bench.service.url().as_str(),
            env_file: bench.env_path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            blob_file: session.blob_file(false).name,
            blob: match session.wishes.blob {
                BlobPlace::Variable => Blob::Variable,
                BlobPlace::Split => Blob::Split,
                BlobPlace::File(_) => Blob::File,
            },
            platforms: platforms::all()
                .into_iter()
                .map(|platform| PlatformView::of(platform, session))
                .collect(),
            variables: variables.collect(),
            wishes: &session.wishes,
            made: session.deployments().iter().map(|deployment| Made::of(deployment)).collect(),
            expires: terms.expires.map(|time| humantime::format_duration(time).to_string()),
            max_uses: terms.max_uses,
            cidr: terms.cidr.iter().map(ToString::to_string).collect(),
        }
    }
}

impl PlatformView {
    fn of(platform: platforms::Platform, session: &Session) -> Self {
        let sign = session.workbench.sign_of(&platform).map(str::to_owned);
        Self {
            id: platform.id,
            sign,
            name: platform.name,
            kind: platform.kind,
            pattern: platform.pattern,
            how: platform.pattern.explain(),
            search: platform.search,
            docs: platform.docs,
            environments: platform.environments,
            own_environments: platform.own_environments,
            limits: platform.limits,
        }
    }
}

/// Whether a choice fits its platform.
#[derive(Serialize)]
pub(crate) struct Fit {
    sizes: Vec<Size>,
    /// The bytes used of the limit that is nearest, if there is a limit.
    used: Option<usize>,
    limit: Option<usize>,
    /// Whether that limit is for a single variable.
    single: bool,
    problem: Option<Problem>,
    warning: Option<String>,
    ways: Ways,
}

impl Fit {
    pub(crate) fn of(wish: &Wish, fit: deployment::Fit, problem: Option<Error>) -> Self {
        let used = wish.platform.limits.used(&fit.sizes);
        Self {
            sizes: Size::all(&fit.sizes),
            used: used.map(|(used, ..)| used),
            limit: used.map(|(_, limit, _)| limit),
            single: used.is_some_and(|(.., single)| single),
            problem: problem.as_ref().map(Problem::from),
            warning: fit.warning,
            ways: fit.ways,
        }
    }
}

#[derive(Serialize)]
pub(crate) struct Size {
    name: &'static str,
    bytes: usize,
}

impl Size {
    pub(crate) fn all(sizes: &[(&'static str, usize)]) -> Vec<Self> {
        sizes.iter().map(|(name, bytes)| Self { name, bytes: *bytes }).collect()
    }
}

/// An error, for the page.
#[derive(Serialize)]
pub(crate) struct Problem {
    pub(crate) code: &'static str,
    pub(crate) error: String,
    pub(crate) hint: Option<String>,
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        Self { code: error.code(), error: error.to_string(), hint: error.hint() }
    }
}

/// A deployment that was made.
#[derive(Serialize)]
pub(crate) struct Made {
    deploy_id: DeployId,
    short_id: String,
    platform: String,
    environment: Option<String>,
    revoked: bool,
    docs: String,
    how: &'static str,
    variables: Vec<Size>,
    limit: Option<usize>,
    limit_source: Option<String>,
    warning: Option<String>,
    set_there: Vec<String>,
    guide: Guide,
    blob_file: Option<String>,
    push: Option<PushView>,
    /// Why there is no `push`, if that needs an explanation.
    no_push: Option<String>,
}

#[derive(Serialize)]
struct PushView {
    program: String,
    installed: bool,
    commands: Vec<String>,
    project: Option<String>,
    note: Option<String>,
}

impl Made {
    pub(crate) fn of(deployment: &Deployment) -> Self {
        let platform = &deployment.platform;
        let sizes = deployment.sizes();
        let is_set = platform.sets(deployment.environment.as_deref());
        Self {
            deploy_id: deployment.id,
            short_id: deployment.short_id(),
            platform: platform.name.clone(),
            environment: deployment.environment.clone(),
            revoked: deployment.is_revoked(),
            docs: platform.docs.clone(),
            how: platform.pattern.explain(),
            variables: Size::all(&sizes),
            limit: platform.limits.value,
            limit_source: platform.limits.source.clone(),
            warning: platform.limits.warning(&sizes),
            set_there: deployment.set_there.clone(),
            guide: deployment.guide.clone(),
            blob_file: deployment.blob_file.as_ref().map(|placed| placed.file.path.display().to_string()),
            push: Pushing::of(deployment, None).ok().filter(|_| is_set).map(|pushing| PushView {
                program: pushing.push.program.clone(),
                installed: pushing.is_installed(),
                commands: pushing.shown(),
                project: pushing.push.project.clone(),
                note: pushing.push.note.clone(),
            }),
            no_push: platform.no_push().map(str::to_owned),
        }
    }
}

/// A secret for the page.
#[derive(Serialize)]
pub(crate) struct Value<'a> {
    pub(crate) value: &'a str,
}

/// What the service knows of a deployment.
#[derive(Serialize)]
pub(crate) struct Status {
    uses: u64,
    max_uses: Option<u64>,
    last_used_at: Option<u64>,
    revoked: bool,
}

impl From<Deploy> for Status {
    fn from(deploy: Deploy) -> Self {
        Self {
            uses: deploy.uses,
            max_uses: deploy.max_uses,
            last_used_at: deploy.last_used_at,
            revoked: deploy.revoked_at.is_some(),
        }
    }
}
