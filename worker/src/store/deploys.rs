//! Deployments: one row each, changed only together with an audit event.

use capy_protocol::api::Deploy;
use capy_protocol::id::{DeployId, KeyId, ProjectId};
use capy_protocol::to_json;

use super::page::{self, Cursor, PAGE};
use super::sql;
use crate::audit::Row as Event;
use crate::deploy_record::{Record, read_deploy, serialize_networks};
use crate::host::{Host, Result, Rows, Statement, Value, nth, query};
use crate::release::Release;

/// The most deployments that one call revokes, when it revokes all of a project.
pub const REVOKED_AT_ONCE: u64 = 500;

/// The deployment with this id.
pub(crate) async fn find<H: Host>(host: &H, id: &DeployId) -> Result<Option<Record>> {
    query(host, sql::FIND, vec![id.into()]).await?.first(Record::read)
}

/// Adds a deployment; `false` when the id is taken.
pub(crate) async fn insert<H: Host>(host: &H, record: &Record, event: &Event) -> Result<bool> {
    let Record { project_id, key_id, deploy, seal, .. } = record;
    let of_deploy = vec![
        (&deploy.deploy_id).into(),
        project_id.as_str().into(),
        u64::from(key_id.0).into(),
        u64::from(deploy.format).into(),
        deploy.credential.as_str().into(),
        deploy.label.as_deref().into(),
        deploy.platform.as_deref().into(),
        deploy.created_at.into(),
        deploy.expires_at.into(),
        deploy.max_uses.into(),
        serialize_networks(&deploy.cidrs).into(),
        deploy.created_by.as_deref().into(),
        seal.as_deref().into(),
    ];
    let event = Statement::new(sql::audit::EVENT_IF_NEW, event.values());
    let insert = Statement::new(sql::INSERT, of_deploy);
    Ok(nth(host.transaction(vec![event, insert]).await?, 1)?.count() > 0)
}

/// Counts a use. Writes nothing and returns `false` when the deployment has been revoked, has
/// expired or was used up meanwhile, or when the key was released for the same idempotency key.
pub(crate) async fn release<H: Host>(
    host: &H,
    id: &DeployId,
    release: &Release,
    event: &Event,
) -> Result<bool> {
    let mut values: Vec<Value> = vec![id.into(), event.at.into()];
    values.extend(release.values());
    let mut of_event = event.values();
    of_event.extend(release.conditions());
    let statements =
        vec![Statement::new(sql::audit::EVENT_IF_OPEN, of_event), Statement::new(sql::RELEASE, values)];
    Ok(nth(host.transaction(statements).await?, 1)?.count() > 0)
}

/// Writes the event of a repeated release, unless the deployment has been revoked, and returns the
/// record as of then.
pub(crate) async fn repeat<H: Host>(host: &H, id: &DeployId, event: &Event) -> Result<Option<Record>> {
    let statements = vec![
        Statement::new(sql::audit::EVENT_IF_LIVE, event.values()),
        Statement::new(sql::FIND, vec![id.into()]),
    ];
    nth(host.transaction(statements).await?, 1)?.first(Record::read)
}

/// Revokes a deployment. Returns when it was first revoked, or `None` when no deployment has the
/// id.
pub(crate) async fn revoke<H: Host>(host: &H, id: &DeployId, event: &Event) -> Result<Option<u64>> {
    let statements = vec![
        Statement::new(sql::audit::EVENT_IF_LIVE, event.values()),
        Statement::new(sql::REVOKE, vec![id.into(), event.at.into()]),
        Statement::new(sql::REVOKED_AT, vec![id.into()]),
    ];
    nth(host.transaction(statements).await?, 2)?.first(|row| row.read("revoked_at"))
}

/// Ids of a project's live deployments: all of them when there are fewer than [`REVOKED_AT_ONCE`].
pub(crate) async fn live<H: Host>(host: &H, project_id: &ProjectId) -> Result<Vec<DeployId>> {
    let values = vec![project_id.as_str().into(), REVOKED_AT_ONCE.into()];
    query(host, sql::LIVE, values).await?.column("deploy_id")
}

/// Revokes the deployment of each event, and returns the ids of those that were live until then.
/// The events differ only in deployment, id and seal.
pub(crate) async fn revoke_each<H: Host>(host: &H, events: &[Event]) -> Result<Vec<DeployId>> {
    let Some(first) = events.first() else {
        return Ok(Vec::new());
    };
    let sealed: Vec<SealedId> = events.iter().map(SealedId::of).collect();
    let mut values = vec![Value::json(&sealed)];
    values.extend(first.shared_values());
    let ids: Vec<&str> = events.iter().map(|event| event.subject.as_str()).collect();
    let ids = Value::json(&ids);
    let statements = vec![
        Statement::new(sql::audit::EVENTS_IF_LIVE, values),
        Statement::new(sql::REVOKE_EACH, vec![ids, first.at.into()]),
    ];
    nth(host.transaction(statements).await?, 1)?.column("deploy_id")
}

/// The parts that differ between the events of [`sql::audit::EVENTS_IF_LIVE`].
struct SealedId<'a> {
    deploy_id: &'a str,
    event_id: Option<&'a str>,
    mac: Option<&'a str>,
}

to_json!(SealedId<'_> { deploy_id, event_id, mac });

impl<'a> SealedId<'a> {
    fn of(event: &'a Event) -> Self {
        let (event_id, mac) = (event.event_id.as_deref(), event.mac.as_deref());
        Self { deploy_id: &event.subject, event_id, mac }
    }
}

/// A page of a project's deployments, newest first, and where the next page begins.
pub(crate) async fn list<H: Host>(
    host: &H,
    project_id: &ProjectId,
    cursor: Option<&Cursor<DeployId>>,
) -> Result<(Vec<Deploy>, Option<Cursor<DeployId>>)> {
    let (created_at, after) = Cursor::parameters(cursor);
    let values = vec![project_id.as_str().into(), created_at.into(), after.into(), (PAGE as u64 + 1).into()];
    let mut deploys = query(host, sql::LIST, values).await?.parse(read_deploy)?;
    let next =
        page::truncate(&mut deploys, |last| Cursor { created_at: last.created_at, id: last.deploy_id });
    Ok((deploys, next))
}

/// How many deployments that can still get a key need each wrap root.
pub(crate) async fn live_by_root<H: Host>(host: &H, now: u64) -> Result<Vec<(KeyId, u64)>> {
    let counts = query(host, sql::LIVE_BY_ROOT, vec![now.into()]).await?;
    counts.parse(|row| Ok((row.read("key_id")?, row.read("live")?)))
}

/// Whether the database answers, has its tables and accepts writes. Writes at most every ten
/// seconds.
pub(crate) async fn check<H: Host>(host: &H, now: u64) -> Result<()> {
    const PROBE_INTERVAL: u64 = 10_000;
    let probe = vec![now.into(), now.saturating_sub(PROBE_INTERVAL).into()];
    let statements = vec![Statement::new(sql::CHECK, vec![]), Statement::new(sql::PROBE, probe)];
    host.transaction(statements).await.map(drop)
}
