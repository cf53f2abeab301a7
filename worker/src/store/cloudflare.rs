//! The store on Cloudflare: D1 is the database, KV the revocation list.
//!
//! D1 is asked without a session, so that every statement runs on the primary: a replica could still hold a
//! revoked row as live. A batch is one transaction. KV lags: other places see a write a minute later or more.

use capy_protocol::api::{Credential, Deploy};
use capy_protocol::id::{DeployId, KeyId, ProjectId};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use worker::kv::KvStore;
use worker::send::SendFuture;
use worker::wasm_bindgen::JsValue;
use worker::{D1Database, D1PreparedStatement, D1Result, Env};

use super::{Event, Record, Result, Store, StoreError, sql};

const DATABASE: &str = "DB";
const REVOCATIONS: &str = "REVOCATIONS";
/// A key that is never written: reading it tells whether KV answers.
const PROBE: &str = "health";

/// The two bindings. A missing one is an error of each use, so that health can still answer.
#[derive(Debug)]
pub(crate) struct CloudflareStore {
    database: Result<D1Database>,
    revocations: Result<KvStore>,
}

impl CloudflareStore {
    /// Takes the bindings `DB` and `REVOCATIONS`.
    pub(crate) fn bind(env: &Env) -> Self {
        Self {
            database: env.d1(DATABASE).map_err(database_error),
            revocations: env.kv(REVOCATIONS).map_err(list_error),
        }
    }

    fn statement(&self, sql: &str, values: &[JsValue]) -> Result<D1PreparedStatement> {
        let database = self.database.as_ref().map_err(Clone::clone)?;
        database.prepare(sql).bind(values).map_err(database_error)
    }

    /// One transaction. The rows of the statement at `answer`.
    async fn transaction(&self, statements: Vec<D1PreparedStatement>, answer: usize) -> Result<D1Result> {
        let database = self.database.as_ref().map_err(Clone::clone)?;
        let results = database.batch(statements).await.map_err(database_error)?;
        let missing = || StoreError::Database("a batch answered with too few results".into());
        results.into_iter().nth(answer).ok_or_else(missing)
    }

    async fn query(&self, sql: &str, values: &[JsValue]) -> Result<D1Result> {
        self.statement(sql, values)?.all().await.map_err(database_error)
    }

    fn event_if_live(&self, id: &DeployId, event: &Event) -> Result<D1PreparedStatement> {
        let mut values = vec![text(id.to_string())];
        values.extend(event_values(event));
        self.statement(sql::EVENT_IF_LIVE, &values)
    }

    async fn listing(&self, key: &str) -> Result<Option<String>> {
        let list = self.revocations.as_ref().map_err(Clone::clone)?;
        list.get(key).text().await.map_err(list_error)
    }
}

impl Store for CloudflareStore {
    fn is_listed(&self, id: &DeployId) -> impl Future<Output = Result<bool>> + Send {
        SendFuture::new(async { Ok(self.listing(&id.to_string()).await?.is_some()) })
    }

    fn list_revoked(&self, id: &DeployId, revoked_at: u64) -> impl Future<Output = Result<()>> + Send {
        SendFuture::new(async move {
            let list = self.revocations.as_ref().map_err(Clone::clone)?;
            let put = list.put(&id.to_string(), revoked_at.to_string()).map_err(list_error)?;
            put.execute().await.map_err(list_error)
        })
    }

    fn find(&self, id: &DeployId) -> impl Future<Output = Result<Option<Record>>> + Send {
        SendFuture::new(async {
            let rows: Vec<Row> = rows(&self.query(sql::FIND, &[text(id.to_string())]).await?)?;
            Ok(rows.into_iter().next().map(Row::into_record))
        })
    }

    fn insert(&self, record: &Record, event: &Event) -> impl Future<Output = Result<bool>> + Send {
        SendFuture::new(async {
            let Record { project_id, key_id, deploy } = record;
            let mut of_event = vec![text(deploy.deploy_id.to_string()), text(project_id.as_str())];
            of_event.extend(event_values(event));
            let of_deploy = [
                text(deploy.deploy_id.to_string()),
                text(project_id.as_str()),
                JsValue::from_f64(key_id.0.into()),
                JsValue::from_f64(deploy.format.into()),
                text(deploy.credential.as_str()),
                optional(deploy.label.as_deref()),
                optional(deploy.platform.as_deref()),
                time(deploy.created_at),
            ];
            let event = self.statement(sql::EVENT_IF_NEW, &of_event)?;
            let insert = self.statement(sql::INSERT, &of_deploy)?;
            any_row(&self.transaction(vec![event, insert], 1).await?)
        })
    }

    fn release(&self, id: &DeployId, event: &Event) -> impl Future<Output = Result<bool>> + Send {
        SendFuture::new(async {
            let statements = vec![
                self.event_if_live(id, event)?,
                self.statement(sql::RELEASE, &[text(id.to_string()), time(event.at)])?,
            ];
            any_row(&self.transaction(statements, 1).await?)
        })
    }

    fn revoke(&self, id: &DeployId, event: &Event) -> impl Future<Output = Result<Option<u64>>> + Send {
        SendFuture::new(async {
            let statements = vec![
                self.event_if_live(id, event)?,
                self.statement(sql::REVOKE, &[text(id.to_string()), time(event.at)])?,
                self.statement(sql::REVOKED_AT, &[text(id.to_string())])?,
            ];
            let found: Vec<RevokedAt> = rows(&self.transaction(statements, 2).await?)?;
            Ok(found.first().map(|row| row.revoked_at))
        })
    }

    fn deploys(&self, project_id: &ProjectId) -> impl Future<Output = Result<Vec<Deploy>>> + Send {
        SendFuture::new(async {
            let rows: Vec<Row> = rows(&self.query(sql::LIST, &[text(project_id.as_str())]).await?)?;
            Ok(rows.into_iter().map(|row| row.into_record().deploy).collect())
        })
    }

    fn check_database(&self) -> impl Future<Output = Result<()>> + Send {
        SendFuture::new(async { self.query(sql::CHECK, &[]).await.map(drop) })
    }

    fn check_revocations(&self) -> impl Future<Output = Result<()>> + Send {
        SendFuture::new(async { self.listing(PROBE).await.map(drop) })
    }
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

#[derive(Deserialize)]
struct RevokedAt {
    revoked_at: u64,
}

/// Action, time, address, country, user agent.
fn event_values(event: &Event) -> [JsValue; 5] {
    [
        text(event.action.as_str()),
        time(event.at),
        optional(event.caller.peer.address.as_deref()),
        optional(event.caller.peer.country.as_deref()),
        optional(event.caller.user_agent.as_deref()),
    ]
}

fn text(text: impl AsRef<str>) -> JsValue {
    JsValue::from_str(text.as_ref())
}

fn optional(value: Option<&str>) -> JsValue {
    value.map_or(JsValue::NULL, JsValue::from_str)
}

/// Milliseconds fit a double's 53 bits until the year 287396; D1's own integer type is 32 bits wide.
#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 milliseconds")]
fn time(milliseconds: u64) -> JsValue {
    JsValue::from_f64(milliseconds as f64)
}

fn rows<T: DeserializeOwned>(result: &D1Result) -> Result<Vec<T>> {
    result.results().map_err(database_error)
}

fn any_row(result: &D1Result) -> Result<bool> {
    let rows: Vec<serde::de::IgnoredAny> = rows(result)?;
    Ok(!rows.is_empty())
}

/// No statement holds key material, so that D1's own text may be logged.
fn database_error(error: worker::Error) -> StoreError {
    StoreError::Database(error.to_string())
}

fn list_error(error: impl std::fmt::Display) -> StoreError {
    StoreError::RevocationList(error.to_string())
}
