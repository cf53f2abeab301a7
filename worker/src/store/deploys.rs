//! Deployments: one row each, changed only together with an event.

use capy_protocol::api::{Credential, Deploy};
use capy_protocol::id::{DeployId, KeyId, ProjectId};
use serde::Deserialize;

use super::{Event, sql};
use crate::host::{Host, Result, Rows, Statement, nth, query};

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
    let mut of_event = vec![(&deploy.deploy_id).into(), project_id.as_str().into()];
    of_event.extend(event.values());
    let of_deploy = vec![
        (&deploy.deploy_id).into(),
        project_id.as_str().into(),
        u64::from(key_id.0).into(),
        u64::from(deploy.format).into(),
        deploy.credential.as_str().into(),
        deploy.label.as_deref().into(),
        deploy.platform.as_deref().into(),
        deploy.created_at.into(),
    ];
    let event = Statement::new(sql::EVENT_IF_NEW, of_event);
    let insert = Statement::new(sql::INSERT, of_deploy);
    Ok(nth(host.transaction(vec![event, insert]).await?, 1)?.count()? > 0)
}

/// Counts a use, unless the deployment has been revoked meanwhile: then nothing is written, and `false`.
pub(crate) async fn release<H: Host>(host: &H, id: &DeployId, event: &Event) -> Result<bool> {
    let release = Statement::new(sql::RELEASE, vec![id.into(), event.at.into()]);
    Ok(nth(host.transaction(vec![event_if_live(id, event), release]).await?, 1)?.count()? > 0)
}

/// Revokes; returns when it was revoked first, or `None` when no deployment has the id.
pub(crate) async fn revoke<H: Host>(host: &H, id: &DeployId, event: &Event) -> Result<Option<u64>> {
    #[derive(Deserialize)]
    struct RevokedAt {
        revoked_at: u64,
    }
    let statements = vec![
        event_if_live(id, event),
        Statement::new(sql::REVOKE, vec![id.into(), event.at.into()]),
        Statement::new(sql::REVOKED_AT, vec![id.into()]),
    ];
    let found: Vec<RevokedAt> = nth(host.transaction(statements).await?, 2)?.parse()?;
    Ok(found.first().map(|row| row.revoked_at))
}

/// A project's deployments, newest first.
pub(crate) async fn list<H: Host>(host: &H, project_id: &ProjectId) -> Result<Vec<Deploy>> {
    let rows: Vec<Row> = query(host, sql::LIST, vec![project_id.as_str().into()]).await?.parse()?;
    Ok(rows.into_iter().map(|row| row.into_record().deploy).collect())
}

/// Whether the database answers and has its tables.
pub(crate) async fn check<H: Host>(host: &H) -> Result<()> {
    query(host, sql::CHECK, vec![]).await.map(drop)
}

fn event_if_live(id: &DeployId, event: &Event) -> Statement {
    let mut values = vec![id.into()];
    values.extend(event.values());
    Statement::new(sql::EVENT_IF_LIVE, values)
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
            },
        }
    }
}
