//! Cloudflare: D1 is the database, KV the revocation list, rate limiting bindings count.
//!
//! D1 is asked without a session, so that every statement runs on the primary: a replica could still hold a
//! revoked row as live. A batch is one transaction. KV lags: other places see a write a minute later or more.

mod outbound;

use capy_protocol::id::DeployId;
use serde::de::DeserializeOwned;
use worker::kv::KvStore;
use worker::send::SendFuture;
use worker::wasm_bindgen::JsValue;
use worker::{Context, D1Database, D1PreparedStatement, D1Result, Env, RateLimiter};

use super::{Host, HostError, Limit, Result, Rows, RsaKey, Statement, Value};

const DATABASE: &str = "DB";
const REVOCATIONS: &str = "REVOCATIONS";
const DECRYPTS_OF_DEPLOY: &str = "DECRYPTS_OF_DEPLOY";
const DECRYPTS_FROM_ADDRESS: &str = "DECRYPTS_FROM_ADDRESS";
/// A key that is never written: reading it tells whether KV answers.
const PROBE: &str = "health";

/// The bindings. A missing one is an error of each use, so that health can still answer.
#[derive(Debug)]
pub(crate) struct Cloudflare {
    database: Result<D1Database>,
    revocations: Result<KvStore>,
    of_deploy: Result<RateLimiter>,
    from_address: Result<RateLimiter>,
    /// None in a scheduled run, which answers nobody.
    context: Option<Context>,
}

impl Cloudflare {
    /// Takes the bindings by their names in `wrangler.toml`.
    pub(crate) fn bind(env: &Env, context: Option<Context>) -> Self {
        Self {
            database: env.d1(DATABASE).map_err(database_error),
            revocations: env.kv(REVOCATIONS).map_err(list_error),
            of_deploy: env.rate_limiter(DECRYPTS_OF_DEPLOY).map_err(limiter_error),
            from_address: env.rate_limiter(DECRYPTS_FROM_ADDRESS).map_err(limiter_error),
            context,
        }
    }

    async fn listing(&self, key: &str) -> Result<Option<String>> {
        let list = self.revocations.as_ref().map_err(Clone::clone)?;
        list.get(key).text().await.map_err(list_error)
    }
}

impl Host for Cloudflare {
    const LOCAL_SOURCES: bool = false;

    type Rows = D1Result;

    /// The free plan has room for fifty statements in a call.
    const CHECKPOINTS_AT_ONCE: usize = 8;

    fn transaction(&self, statements: Vec<Statement>) -> impl Future<Output = Result<Vec<D1Result>>> + Send {
        SendFuture::new(async move {
            let database = self.database.as_ref().map_err(Clone::clone)?;
            let prepared = statements.iter().map(|statement| prepare(database, statement));
            let mut prepared = prepared.collect::<Result<Vec<_>>>()?;
            // One statement is a transaction as it is.
            match prepared.pop() {
                Some(only) if prepared.is_empty() => Ok(vec![only.all().await.map_err(database_error)?]),
                Some(last) => {
                    prepared.push(last);
                    database.batch(prepared).await.map_err(database_error)
                }
                None => Ok(Vec::new()),
            }
        })
    }

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

    fn is_within(&self, limit: Limit, key: &str) -> impl Future<Output = Result<bool>> + Send {
        SendFuture::new(async move {
            let limiter = match limit {
                Limit::DecryptsOfDeploy => &self.of_deploy,
                Limit::DecryptsFromAddress => &self.from_address,
            };
            let limiter = limiter.as_ref().map_err(Clone::clone)?;
            Ok(limiter.limit(key.to_owned()).await.map_err(limiter_error)?.success)
        })
    }

    fn fetch(&self, url: &str) -> impl Future<Output = Result<Vec<u8>>> + Send {
        SendFuture::new(outbound::fetch(url))
    }

    fn verify_rs256(
        &self,
        key: &RsaKey,
        message: &[u8],
        signature: &[u8],
    ) -> impl Future<Output = Result<bool>> + Send {
        SendFuture::new(outbound::verify_rs256(key, message, signature))
    }

    fn run_apart(&self, work: impl Future<Output = ()> + Send + 'static) -> impl Future<Output = ()> + Send {
        let waited_for = match &self.context {
            Some(context) => {
                context.wait_until(work);
                None
            }
            None => Some(work),
        };
        async move {
            if let Some(work) = waited_for {
                work.await;
            }
        }
    }

    /// Whether they are bound: asking one would count.
    fn check_limits(&self) -> impl Future<Output = Result<()>> + Send {
        let bound = self.of_deploy.as_ref().and(self.from_address.as_ref());
        std::future::ready(bound.map(drop).map_err(Clone::clone))
    }

    fn check_revocations(&self) -> impl Future<Output = Result<()>> + Send {
        SendFuture::new(async { self.listing(PROBE).await.map(drop) })
    }
}

impl Rows for D1Result {
    fn count(&self) -> Result<usize> {
        let rows: Vec<serde_json::Value> = self.results().map_err(database_error)?;
        Ok(rows.len())
    }

    fn parse<T: DeserializeOwned>(&self) -> Result<Vec<T>> {
        // By way of one type that all rows have in common: a reader of JavaScript's values for each type weighs more.
        let rows: Vec<serde_json::Value> = self.results().map_err(database_error)?;
        rows.into_iter().map(T::deserialize).collect::<serde_json::Result<_>>().map_err(database_error)
    }
}

fn prepare(database: &D1Database, statement: &Statement) -> Result<D1PreparedStatement> {
    let values: Vec<JsValue> = statement.values.iter().map(js_value).collect();
    database.prepare(statement.sql).bind(&values).map_err(database_error)
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53: milliseconds until the year 287396")]
fn js_value(value: &Value) -> JsValue {
    match value {
        Value::Null => JsValue::NULL,
        // D1's own integer type is 32 bits wide.
        Value::Integer(number) => JsValue::from_f64(*number as f64),
        Value::Text(text) => JsValue::from_str(text),
    }
}

/// No statement holds key material, so that D1's own text may be logged.
fn database_error(error: impl std::fmt::Display) -> HostError {
    HostError::Database(error.to_string())
}

fn limiter_error(error: impl std::fmt::Display) -> HostError {
    HostError::RateLimiter(error.to_string())
}

fn list_error(error: impl std::fmt::Display) -> HostError {
    HostError::RevocationList(error.to_string())
}
