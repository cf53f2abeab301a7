//! Deployments: one row each, changed only together with an event.

use capy_protocol::api::{Credential, Deploy};
use capy_protocol::id::{DeployId, KeyId, ProjectId};
use capy_protocol::network::Network;
use serde::{Deserialize, Deserializer, de};
use serde_json::json;

use super::page::{self, Cursor, PAGE};
use super::sql;
use crate::audit::Row as Event;
use crate::host::{Host, Result, Rows, Statement, Value, nth, query};

/// How many deployments one call revokes at most, when it revokes all of a project.
pub const REVOKED_AT_ONCE: u64 = 500;

/// One deployment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// The project that it belongs to.
    pub project_id: ProjectId,
    /// The wrap root that its outer blob needs.
    pub key_id: KeyId,
    /// What the owner sees of it.
    pub deploy: Deploy,
}

/// The deployment with this id.
pub(crate) async fn find<H: Host>(host: &H, id: &DeployId) -> Result<Option<Record>> {
    let rows: Vec<Row> = query(host, sql::FIND, vec![id.into()]).await?.parse()?;
    Ok(rows.into_iter().next().map(Row::into_record))
}

/// Adds a deployment; `false` when the id is taken.
pub(crate) async fn insert<H: Host>(host: &H, record: &Record, event: &Event) -> Result<bool> {
    let Record { project_id, key_id, deploy } = record;
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
    ];
    let event = Statement::new(sql::audit::EVENT_IF_NEW, event.values());
    let insert = Statement::new(sql::INSERT, of_deploy);
    Ok(nth(host.transaction(vec![event, insert]).await?, 1)?.count()? > 0)
}

/// Counts a use, unless the deployment has been revoked, or expired, or was used up meanwhile: then nothing is written,
/// and `false`.
pub(crate) async fn release<H: Host>(host: &H, id: &DeployId, event: &Event) -> Result<bool> {
    let release = Statement::new(sql::RELEASE, vec![id.into(), event.at.into()]);
    let event = Statement::new(sql::audit::EVENT_IF_OPEN, event.values());
    Ok(nth(host.transaction(vec![event, release]).await?, 1)?.count()? > 0)
}

/// Revokes; returns when it was revoked first, or `None` when no deployment has the id.
pub(crate) async fn revoke<H: Host>(host: &H, id: &DeployId, event: &Event) -> Result<Option<u64>> {
    #[derive(Deserialize)]
    struct RevokedAt {
        revoked_at: u64,
    }
    let statements = vec![
        Statement::new(sql::audit::EVENT_IF_LIVE, event.values()),
        Statement::new(sql::REVOKE, vec![id.into(), event.at.into()]),
        Statement::new(sql::REVOKED_AT, vec![id.into()]),
    ];
    let found: Vec<RevokedAt> = nth(host.transaction(statements).await?, 2)?.parse()?;
    Ok(found.first().map(|row| row.revoked_at))
}

/// Some of a project's live deployments: all of them when there are less than [`REVOKED_AT_ONCE`].
pub(crate) async fn live<H: Host>(host: &H, project_id: &ProjectId) -> Result<Vec<DeployId>> {
    let values = vec![project_id.as_str().into(), REVOKED_AT_ONCE.into()];
    let rows: Vec<Id> = query(host, sql::LIVE, values).await?.parse()?;
    Ok(rows.into_iter().map(|row| row.deploy_id).collect())
}

/// Revokes each deployment that one of the events is about; the ids of those that were live until then. The events
/// differ in deployment, id and seal only.
pub(crate) async fn revoke_each<H: Host>(host: &H, events: &[Event]) -> Result<Vec<DeployId>> {
    let Some(first) = events.first() else {
        return Ok(Vec::new());
    };
    let json = |value: serde_json::Value| Value::from(value.to_string());
    let mut values = vec![json(events.iter().map(sealed_id).collect())];
    values.extend(first.shared_values());
    let ids = json(events.iter().map(|event| event.subject.clone()).collect());
    let statements = vec![
        Statement::new(sql::audit::EVENTS_IF_LIVE, values),
        Statement::new(sql::REVOKE_EACH, vec![ids, first.at.into()]),
    ];
    let rows: Vec<Id> = nth(host.transaction(statements).await?, 1)?.parse()?;
    Ok(rows.into_iter().map(|row| row.deploy_id).collect())
}

fn sealed_id(event: &Event) -> serde_json::Value {
    json!({ "deploy_id": event.subject, "event_id": event.event_id, "mac": event.mac })
}

#[derive(Deserialize)]
struct Id {
    deploy_id: DeployId,
}

/// A page of a project's deployments, newest first, and where the next one begins.
pub(crate) async fn list<H: Host>(
    host: &H,
    project_id: &ProjectId,
    cursor: Option<&Cursor<DeployId>>,
) -> Result<(Vec<Deploy>, Option<Cursor<DeployId>>)> {
    let (created_at, after) = Cursor::after(cursor);
    let values = vec![project_id.as_str().into(), created_at.into(), after.into(), (PAGE as u64 + 1).into()];
    let rows: Vec<Row> = query(host, sql::LIST, values).await?.parse()?;
    let mut deploys: Vec<_> = rows.into_iter().map(|row| row.into_record().deploy).collect();
    let next = page::cut(&mut deploys, |last| Cursor { created_at: last.created_at, id: last.deploy_id });
    Ok((deploys, next))
}

/// How many deployments need each wrap root and may still get a key.
pub(crate) async fn live_by_root<H: Host>(host: &H, now: u64) -> Result<Vec<(KeyId, u64)>> {
    #[derive(Deserialize)]
    struct Count {
        key_id: KeyId,
        live: u64,
    }
    let counts: Vec<Count> = query(host, sql::LIVE_BY_ROOT, vec![now.into()]).await?.parse()?;
    Ok(counts.into_iter().map(|count| (count.key_id, count.live)).collect())
}

/// Whether the database answers, has its tables and takes changes. The last is tried every ten seconds at most.
pub(crate) async fn check<H: Host>(host: &H, now: u64) -> Result<()> {
    const PROBE_INTERVAL: u64 = 10_000;
    let probe = vec![now.into(), now.saturating_sub(PROBE_INTERVAL).into()];
    let statements = vec![Statement::new(sql::CHECK, vec![]), Statement::new(sql::PROBE, probe)];
    host.transaction(statements).await.map(drop)
}

fn serialize_networks(networks: &[Network]) -> Option<String> {
    let texts: Vec<_> = networks.iter().map(Network::to_string).collect();
    (!texts.is_empty()).then(|| texts.join(" "))
}

fn parse_networks<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Vec<Network>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
    let networks = text.split_whitespace().map(Network::parse);
    networks.collect::<std::result::Result<_, _>>().map_err(de::Error::custom)
}

/// A row of `deploys`.
#[derive(Deserialize)]
struct Row {
    deploy_id: DeployId,
    project_id: ProjectId,
    key_id: KeyId,
    format: u8,
    credential: Credential,
    label: Option<String>,
    platform: Option<String>,
    created_at: u64,
    last_used_at: Option<u64>,
    uses: u64,
    revoked_at: Option<u64>,
    expires_at: Option<u64>,
    max_uses: Option<u64>,
    #[serde(deserialize_with = "parse_networks")]
    cidrs: Vec<Network>,
    created_by: Option<String>,
}

impl Row {
    fn into_record(self) -> Record {
        Record {
            project_id: self.project_id,
            key_id: self.key_id,
            deploy: Deploy {
                deploy_id: self.deploy_id,
                label: self.label,
                platform: self.platform,
                credential: self.credential,
                format: self.format,
                created_at: self.created_at,
                last_used_at: self.last_used_at,
                uses: self.uses,
                revoked_at: self.revoked_at,
                expires_at: self.expires_at,
                max_uses: self.max_uses,
                cidrs: self.cidrs,
                created_by: self.created_by,
            },
        }
    }
}
