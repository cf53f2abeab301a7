//! Answers of the server to the setup page, as JSON. Only [`Value`] holds a secret.

use std::path::Path;

use capy_protocol::api::Deploy;
use capy_protocol::id::DeployId;
use serde::Serialize;

use super::choice::Choice;
use super::session::Session;
use crate::deployment::{DeployRequest, Deployment, SizeCheck};
use crate::error::{Alternatives, Error};
use crate::names;
use crate::platforms::{self, Guide, Kind, Limits, Pattern};
use crate::push::PushPlan;

/// Everything that can be chosen.
#[derive(Serialize)]
pub(crate) struct State<'a> {
    project: &'a str,
    service: &'a str,
    env_file: String,
    blob_file: String,
    platforms: Vec<PlatformView>,
    variables: Vec<VariableView<'a>>,
    /// The options of the command line, to begin with.
    choice: Choice,
    deployments: Vec<DeploymentView>,
    cidr: Vec<String>,
}

#[derive(Serialize)]
struct PlatformView {
    id: &'static str,
    name: String,
    kind: Kind,
    pattern: Pattern,
    explanation: &'static str,
    search: Vec<String>,
    docs: String,
    environments: Vec<String>,
    own_environments: bool,
    /// The file that shows that the repository is deployed there.
    marker: Option<String>,
    limits: Limits,
}

#[derive(Serialize)]
struct VariableView<'a> {
    name: &'a str,
    bytes: usize,
    /// Its name makes it public: a framework would publish it.
    public: bool,
}

impl<'a> State<'a> {
    pub(crate) fn of(session: &'a Session) -> Self {
        let context = &session.context;
        let folder = context.project.folder();
        let variables = context.values.iter().map(|(name, value)| VariableView {
            name,
            bytes: value.expose_secret().len(),
            public: names::is_public(name),
        });
        Self {
            project: context.project.id().as_str(),
            service: context.service.url().as_str(),
            env_file: context.env_path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            blob_file: session.blob_file(false).name,
            platforms: platforms::all()
                .into_iter()
                .map(|platform| PlatformView::of(platform, &folder))
                .collect(),
            variables: variables.collect(),
            choice: Choice::from(session.request.clone()),
            deployments: session
                .deployments()
                .iter()
                .map(|deployment| DeploymentView::of(deployment))
                .collect(),
            cidr: session.request.terms.cidr.iter().map(ToString::to_string).collect(),
        }
    }
}

impl PlatformView {
    fn of(platform: platforms::Platform, folder: &Path) -> Self {
        let marker = platform.marker_in(folder).map(str::to_owned);
        Self {
            id: platform.id,
            marker,
            name: platform.name,
            kind: platform.kind,
            pattern: platform.pattern,
            explanation: platform.pattern.explain(),
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
pub(crate) struct SizeView {
    sizes: Vec<VariableSize>,
    /// The bytes used of the limit that is nearest, if there is a limit.
    used: Option<usize>,
    limit: Option<usize>,
    /// Whether that limit is for a single variable.
    single: bool,
    problem: Option<Problem>,
    warning: Option<String>,
    alternatives: Alternatives,
}

impl SizeView {
    pub(crate) fn of(request: &DeployRequest, size: SizeCheck, problem: Option<Error>) -> Self {
        let usage = request.platform.limits.usage(&size.sizes);
        Self {
            sizes: VariableSize::all(&size.sizes),
            used: usage.map(|usage| usage.bytes),
            limit: usage.map(|usage| usage.limit),
            single: usage.is_some_and(|usage| usage.of_one_variable),
            problem: problem.as_ref().map(Problem::from),
            warning: size.warning,
            alternatives: size.alternatives,
        }
    }
}

#[derive(Serialize)]
pub(crate) struct VariableSize {
    name: &'static str,
    bytes: usize,
}

impl VariableSize {
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
pub(crate) struct DeploymentView {
    deploy_id: DeployId,
    short_id: String,
    platform: String,
    environment: Option<String>,
    revoked: bool,
    docs: String,
    explanation: &'static str,
    variables: Vec<VariableSize>,
    limit: Option<usize>,
    limit_source: Option<String>,
    warning: Option<String>,
    preset_notes: Vec<String>,
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

impl DeploymentView {
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
            explanation: platform.pattern.explain(),
            variables: VariableSize::all(&sizes),
            limit: platform.limits.value,
            limit_source: platform.limits.source.clone(),
            warning: platform.limits.warning(&sizes),
            preset_notes: deployment.preset_notes.clone(),
            guide: deployment.guide.clone(),
            blob_file: deployment.blob_file.as_ref().map(|written| written.file.path.display().to_string()),
            push: PushPlan::of(deployment, None).ok().filter(|_| is_set).map(|plan| PushView {
                program: plan.push.program.clone(),
                installed: plan.is_installed(),
                commands: plan.command_lines(),
                project: plan.push.project.clone(),
                note: plan.push.note.clone(),
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
