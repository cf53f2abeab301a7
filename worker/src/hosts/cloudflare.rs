//! The Cloudflare host: D1 is the database, KV the revocation list, and rate limiting bindings
//! count requests.
//!
//! D1 is used without a session, so that every statement runs on the primary: a replica could still
//! show a revoked row as live. A batch is one transaction. KV is eventually consistent: other
//! locations see a write a minute later or more.

mod bindings;
mod outbound;
pub(crate) mod stream;

use std::sync::Arc;

use capy_protocol::id::DeployId;
use js_sys::futures::future_to_promise;
use js_sys::{Array, Object, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};

pub use self::bindings::Context;
use self::bindings::{Database, Limiter, Namespace, Record, bound, property, settled, text};
use crate::host::rows::missing;
use crate::host::{Cell, Host, HostError, Limit, Result, Rows, RsaKey, Statement, Value};

const DATABASE: &str = "DB";
const REVOCATIONS: &str = "REVOCATIONS";
const DECRYPTS_OF_DEPLOY: &str = "DECRYPTS_OF_DEPLOY";
const DECRYPTS_FROM_ADDRESS: &str = "DECRYPTS_FROM_ADDRESS";
/// How long the service waits for the database. A client gives up its call after ten seconds.
const DATABASE_TIMEOUT_MS: u32 = 5000;
/// A key that is never written. Reading it shows whether KV answers.
const PROBE: &str = "health";
/// The greatest integer up to which doubles are exact.
const EXACT: f64 = ((1_u64 << 53) - 1) as f64;

/// The bindings. A missing binding is an error at each use, so that the health check can still
/// answer.
#[derive(Debug)]
pub(crate) struct Bindings {
    database: Result<Database>,
    revocations: Result<Namespace>,
    of_deploy: Result<Limiter>,
    from_address: Result<Limiter>,
}

impl Bindings {
    /// Takes the bindings by their names in `wrangler.toml`.
    pub(crate) fn of(env: &Object) -> Self {
        Self {
            database: bound(env, DATABASE).map_err(HostError::Database),
            revocations: bound(env, REVOCATIONS).map_err(HostError::RevocationList),
            of_deploy: bound(env, DECRYPTS_OF_DEPLOY).map_err(HostError::RateLimiter),
            from_address: bound(env, DECRYPTS_FROM_ADDRESS).map_err(HostError::RateLimiter),
        }
    }
}

/// The host during one call.
#[derive(Debug)]
pub(crate) struct Cloudflare {
    pub(crate) bindings: Arc<Bindings>,
    /// `None` in a scheduled run, which has no request to answer.
    pub(crate) context: Option<Context>,
}

impl Cloudflare {
    /// Whether the revocation list has a value under this key.
    async fn is_under(&self, key: &str) -> Result<bool> {
        let list = self.bindings.revocations.as_ref().map_err(Clone::clone)?;
        settled(list.get(key)).await.map(|found| found.is_string()).map_err(list_error)
    }
}

impl Host for Cloudflare {
    const LOCAL_SOURCES: bool = false;

    type Rows = Answer;

    /// The free plan allows fifty statements in a call.
    const CHECKPOINTS_AT_ONCE: usize = 6;

    async fn transaction(&self, statements: Vec<Statement>) -> Result<Vec<Answer>> {
        let database = self.bindings.database.as_ref().map_err(Clone::clone)?;
        let prepared: Result<Vec<_>> =
            statements.iter().map(|statement| prepare(database, statement)).collect();
        match prepared?.as_slice() {
            [] => Ok(Vec::new()),
            // A single statement is a transaction by itself.
            [only] => Ok(vec![Answer::of(database_answer(only.all()).await?)?]),
            several => {
                let several: Array = several.iter().collect();
                Answer::of_batch(database_answer(database.batch(&several)).await?)
            }
        }
    }

    async fn is_listed(&self, id: &DeployId) -> Result<bool> {
        self.is_under(&id.to_string()).await
    }

    async fn list_revoked(&self, id: &DeployId, revoked_at: u64) -> Result<()> {
        let list = self.bindings.revocations.as_ref().map_err(Clone::clone)?;
        settled(list.put(&id.to_string(), &revoked_at.to_string())).await.map(drop).map_err(list_error)
    }

    async fn is_within(&self, limit: Limit, key: &str) -> Result<bool> {
        let limiter = match limit {
            Limit::DecryptsOfDeploy => &self.bindings.of_deploy,
            Limit::DecryptsFromAddress => &self.bindings.from_address,
        };
        let limiter = limiter.as_ref().map_err(Clone::clone)?;
        count_request(limiter, key).await.map_err(limiter_error)
    }

    async fn fetch(&self, url: &str) -> Result<Vec<u8>> {
        outbound::fetch(url).await
    }

    async fn verify_rs256(&self, key: &RsaKey, message: &[u8], signature: &[u8]) -> Result<bool> {
        outbound::verify_rs256(key, message, signature).await
    }

    async fn run_in_background(&self, work: impl Future<Output = ()> + 'static) {
        match &self.context {
            Some(context) => {
                let work = future_to_promise(async {
                    work.await;
                    Ok(JsValue::UNDEFINED)
                });
                // The work has begun already; without `waitUntil` it may end with the call.
                let _ = context.wait_until(&work);
            }
            None => work.await,
        }
    }

    async fn with_timeout<T>(&self, millis: u32, work: impl Future<Output = T>) -> Option<T> {
        bindings::with_timeout(millis, work).await
    }

    /// Whether the limiters are bound. Asking a limiter would count as a request.
    async fn check_limits(&self) -> Result<()> {
        let bound = self.bindings.of_deploy.as_ref().and(self.bindings.from_address.as_ref());
        bound.map(drop).map_err(Clone::clone)
    }

    async fn check_revocations(&self) -> Result<()> {
        self.is_under(PROBE).await.map(drop)
    }
}

/// Awaits an answer of the database, with a time limit.
async fn database_answer(promise: std::result::Result<Promise, JsValue>) -> Result<JsValue> {
    let answer = bindings::with_timeout(DATABASE_TIMEOUT_MS, settled(promise)).await;
    let silent = || HostError::Database(format!("no answer within {DATABASE_TIMEOUT_MS} milliseconds"));
    answer.ok_or_else(silent)?.map_err(database_error)
}

/// Counts one more request, and returns whether it is within the limit.
async fn count_request(limiter: &Limiter, key: &str) -> std::result::Result<bool, JsValue> {
    let of = Object::new();
    Reflect::set(&of, &JsValue::from_str("key"), &JsValue::from_str(key))?;
    let outcome = settled(limiter.limit(&of)).await?;
    let success = property(&outcome, "success")?;
    success.as_bool().ok_or_else(|| JsValue::from_str("it does not say whether it is within"))
}

fn prepare(database: &Database, statement: &Statement) -> Result<bindings::Statement> {
    let values: Array = statement.values.iter().map(js_value).collect();
    database.prepare(statement.sql).and_then(|prepared| prepared.bind(&values)).map_err(database_error)
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

/// No statement holds key material, so D1's own message may be logged.
fn database_error(thrown: JsValue) -> HostError {
    HostError::Database(text(&thrown))
}

fn limiter_error(thrown: JsValue) -> HostError {
    HostError::RateLimiter(text(&thrown))
}

fn list_error(thrown: JsValue) -> HostError {
    HostError::RevocationList(text(&thrown))
}

/// The rows of one statement, as D1 answers it. The JavaScript objects are not converted; each
/// column is read on demand.
pub(crate) struct Answer(Vec<Record>);

impl Answer {
    /// The answers of a batch.
    fn of_batch(answers: JsValue) -> Result<Vec<Self>> {
        array(answers)?.iter().map(Self::of).collect()
    }

    /// One answer: an object whose `results` are rows. An answer without `results` has no rows.
    fn of(answer: JsValue) -> Result<Self> {
        let results = property(&answer, "results").map_err(|error| HostError::Database(text(&error)))?;
        if results.is_null() || results.is_undefined() {
            return Ok(Self(Vec::new()));
        }
        array(results)?.iter().map(record).collect::<Result<_>>().map(Self)
    }
}

impl Rows for Answer {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn cell(&self, place: usize, column: &'static str) -> Result<Cell> {
        let value = self.0[place].column(column);
        if let Some(text) = value.as_string() {
            return Ok(Cell::Text(text));
        }
        match value.as_f64() {
            Some(number) => Ok(exact(number).map_or(Cell::Unsupported, Cell::Integer)),
            None if value.is_null() => Ok(Cell::Null),
            None if value.is_undefined() => Err(missing(column)),
            None => Ok(Cell::Unsupported),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "it is an integer of 53 bits")]
fn exact(number: f64) -> Option<i64> {
    (number.trunc() == number && number.abs() <= EXACT).then_some(number as i64)
}

fn array(value: JsValue) -> Result<Array> {
    value.dyn_into().map_err(|_| HostError::Database("an answer is no array".into()))
}

/// Checks that a row is an object: columns of anything else cannot be read.
fn record(row: JsValue) -> Result<Record> {
    match row.is_object() {
        true => Ok(row.unchecked_into()),
        false => Err(HostError::Database("a row is no object".into())),
    }
}
