//! Deployments: one row each, changed only together with an audit event.

use capy_protocol::api::Deploy;
use capy_protocol::id::{DeployId, KeyId, ProjectId};
use capy_protocol::to_json;

use super::audit::add_event;
use super::{Cursor, PAGE, truncate_to_page};
use crate::audit::Row as Event;
use crate::deploy_record::{Record, read_deploy, serialize_networks};
use crate::host::{Host, Result, Rows, Statement, Value, nth, query};
use crate::release::Release;

/// The most deployments that one call revokes, when it revokes all of a project.
pub const REVOKED_AT_ONCE: u64 = 500;

/// The deployment ?1.
pub const FIND: &str = "SELECT * FROM deploys WHERE deploy_id = ?1";

/// The deployment with this id.
pub(crate) async fn find<H: Host>(host: &H, id: &DeployId) -> Result<Option<Record>> {
    query(host, FIND, vec![id.into()]).await?.first(Record::read)
}

/// Adds an event of a deployment, unless the deployment exists already.
pub const EVENT_IF_NEW: &str = add_event!("WHERE NOT EXISTS (SELECT 1 FROM deploys WHERE deploy_id = ?1)");

/// Adds a deployment. Returns one row unless the id is taken.
pub const INSERT: &str = "INSERT INTO deploys \
    (deploy_id, project_id, key_id, format, credential, label, platform, created_at, \
    expires_at, max_uses, cidrs, created_by, seal) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) \
    ON CONFLICT (deploy_id) DO NOTHING RETURNING deploy_id";

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
    let event = Statement::new(EVENT_IF_NEW, event.values());
    let insert = Statement::new(INSERT, of_deploy);
    Ok(nth(host.transaction(vec![event, insert]).await?, 1)?.count() > 0)
}

/// Adds an event of a deployment, unless the deployment is revoked, has expired at ?5, has a count
/// of uses outside of ?14 to ?15, or lists a release with digest ?16 after ?17.
pub const EVENT_IF_OPEN: &str = add_event!(
    "FROM deploys WHERE deploy_id = ?1 AND revoked_at IS NULL \
    AND (expires_at IS NULL OR expires_at > ?5) AND uses BETWEEN ?14 AND ?15 \
    AND NOT EXISTS (SELECT 1 FROM json_each(ifnull(repeats, '[]')) WHERE value > ?17 AND substr(value, 18, 32) = ?16)"
);

/// Counts a use of deployment ?1 at ?2. Returns one row, or none when the deployment is revoked or
/// expired, when its count of uses is outside of ?3 to ?4, or when it lists a release with digest
/// ?7 after ?8. The JSON array ?5 has the row's next seal for each count of uses from ?3 on, or is
/// empty when the seal stays; ?6 is the text that records the release, or NULL.
pub const RELEASE: &str = "UPDATE deploys SET uses = uses + 1, last_used_at = ?2, \
    seal = ifnull((SELECT value FROM json_each(?5) WHERE key = uses - ?3), seal), \
    repeats = CASE WHEN ?6 IS NULL THEN repeats ELSE (SELECT json_group_array(value) FROM (\
    SELECT value FROM (SELECT value FROM json_each(ifnull(repeats, '[]')) WHERE value > ?8 \
    ORDER BY value DESC LIMIT 31) UNION ALL SELECT ?6)) END \
    WHERE deploy_id = ?1 AND revoked_at IS NULL \
    AND (expires_at IS NULL OR expires_at > ?2) AND uses BETWEEN ?3 AND ?4 \
    AND NOT EXISTS (SELECT 1 FROM json_each(ifnull(repeats, '[]')) WHERE value > ?8 AND substr(value, 18, 32) = ?7) \
    RETURNING uses";

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
    let statements = vec![Statement::new(EVENT_IF_OPEN, of_event), Statement::new(RELEASE, values)];
    Ok(nth(host.transaction(statements).await?, 1)?.count() > 0)
}

/// Adds an event of a deployment, unless the deployment is revoked.
pub const EVENT_IF_LIVE: &str = add_event!("FROM deploys WHERE deploy_id = ?1 AND revoked_at IS NULL");

/// Writes the event of a repeated release, unless the deployment has been revoked, and returns the
/// record as of then.
pub(crate) async fn repeat<H: Host>(host: &H, id: &DeployId, event: &Event) -> Result<Option<Record>> {
    let statements =
        vec![Statement::new(EVENT_IF_LIVE, event.values()), Statement::new(FIND, vec![id.into()])];
    nth(host.transaction(statements).await?, 1)?.first(Record::read)
}

/// Revokes ?1 at ?2, unless it is revoked already. Replaces the seal, so that the row does not
/// verify when somebody undoes the revocation.
pub const REVOKE: &str = "UPDATE deploys SET revoked_at = ?2, seal = 'revoked', repeats = NULL \
    WHERE deploy_id = ?1 AND revoked_at IS NULL";

/// When ?1 was revoked.
pub const REVOKED_AT: &str = "SELECT revoked_at FROM deploys WHERE deploy_id = ?1";

/// Revokes a deployment. Returns when it was first revoked, or `None` when no deployment has the
/// id.
pub(crate) async fn revoke<H: Host>(host: &H, id: &DeployId, event: &Event) -> Result<Option<u64>> {
    let statements = vec![
        Statement::new(EVENT_IF_LIVE, event.values()),
        Statement::new(REVOKE, vec![id.into(), event.at.into()]),
        Statement::new(REVOKED_AT, vec![id.into()]),
    ];
    nth(host.transaction(statements).await?, 2)?.first(|row| row.read("revoked_at"))
}

/// At most ?2 ids of project ?1 that are not revoked.
pub const LIVE: &str = "SELECT deploy_id FROM deploys WHERE project_id = ?1 AND revoked_at IS NULL LIMIT ?2";

/// Ids of a project's live deployments: all of them when there are fewer than [`REVOKED_AT_ONCE`].
pub(crate) async fn live<H: Host>(host: &H, project_id: &ProjectId) -> Result<Vec<DeployId>> {
    let values = vec![project_id.as_str().into(), REVOKED_AT_ONCE.into()];
    query(host, LIVE, values).await?.column("deploy_id")
}

/// [`EVENT_IF_LIVE`] for each object in the JSON array ?1, with `deploy_id`, `event_id` and `mac`.
pub const EVENTS_IF_LIVE: &str = add_event!(
    " + row_number() OVER ()",
    "?2, deploy_id, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, json_extract(value, '$.event_id'), \
    json_extract(value, '$.mac'), NULL",
    "FROM json_each(?1) JOIN deploys ON deploy_id = json_extract(value, '$.deploy_id') \
    WHERE revoked_at IS NULL"
);

/// [`REVOKE`] of each deployment in the JSON array ?1. Returns one row for each that was live.
pub const REVOKE_EACH: &str = "UPDATE deploys SET revoked_at = ?2, seal = 'revoked', repeats = NULL \
    WHERE deploy_id IN (SELECT value FROM json_each(?1)) AND revoked_at IS NULL RETURNING deploy_id";

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
    let statements =
        vec![Statement::new(EVENTS_IF_LIVE, values), Statement::new(REVOKE_EACH, vec![ids, first.at.into()])];
    nth(host.transaction(statements).await?, 1)?.column("deploy_id")
}

/// The parts that differ between the events of [`EVENTS_IF_LIVE`].
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

/// At most ?4 deployments of project ?1, newest first, after the deployment with time ?2 and id ?3.
pub const LIST: &str = "SELECT * FROM deploys \
    WHERE project_id = ?1 AND created_at <= ?2 AND (created_at < ?2 OR deploy_id > ?3) \
    ORDER BY created_at DESC, deploy_id LIMIT ?4";

/// A page of a project's deployments, newest first, and where the next page begins.
pub(crate) async fn list<H: Host>(
    host: &H,
    project_id: &ProjectId,
    cursor: Option<&Cursor<DeployId>>,
) -> Result<(Vec<Deploy>, Option<Cursor<DeployId>>)> {
    let (created_at, after) = Cursor::parameters(cursor);
    let values = vec![project_id.as_str().into(), created_at.into(), after.into(), (PAGE as u64 + 1).into()];
    let mut deploys = query(host, LIST, values).await?.parse(read_deploy)?;
    let next =
        truncate_to_page(&mut deploys, |last| Cursor { created_at: last.created_at, id: last.deploy_id });
    Ok((deploys, next))
}

/// How many deployments that can still get a key at ?1 need each wrap root.
pub const LIVE_BY_ROOT: &str = "SELECT key_id, count(*) AS live FROM deploys WHERE revoked_at IS NULL \
    AND (expires_at IS NULL OR expires_at > ?1) AND (max_uses IS NULL OR uses < max_uses) \
    AND key_id BETWEEN 0 AND 4294967295 GROUP BY key_id ORDER BY key_id";

/// How many deployments that can still get a key need each wrap root.
pub(crate) async fn live_by_root<H: Host>(host: &H, now: u64) -> Result<Vec<(KeyId, u64)>> {
    let counts = query(host, LIVE_BY_ROOT, vec![now.into()]).await?;
    counts.parse(|row| Ok((row.read("key_id")?, row.read("live")?)))
}
