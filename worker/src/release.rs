//! Releases of a deployment's key: what a release writes, and whether it repeats an earlier one.
//! Pure.

use capy_protocol::audit::Record as Sealed;
use capy_protocol::idempotency::IdempotencyKey;
use capy_protocol::key::RowKey;
use capy_protocol::row_seal::RepeatTerms;

use crate::audit::LAST_NUMBER;
use crate::deploy_record::Record;
use crate::host::Value;
use crate::row_seals::seal_deploy;

/// How long a release can be repeated, in milliseconds.
const REPEAT_INTERVAL_MS: u64 = 60_000;
/// How many counts of uses a release is prepared for, when uses are limited: up to seven others may
/// use the deployment between its lookup and the release.
const CONCURRENT_USES_MAX: u64 = 8;

/// A digest of the client's idempotency key, by which a release is found: 32 hexadecimal digits.
fn digest(key: &IdempotencyKey) -> String {
    let mut digest = Sealed::of("capy/v1/idempotency-key").text(Some(&key.serialize_hex())).digest();
    digest.truncate(32);
    digest
}

/// The time of the earliest release that can be repeated now, in the format in which texts of
/// releases begin.
fn oldest(now: u64) -> String {
    format!("{:016}", (now + 1).saturating_sub(REPEAT_INTERVAL_MS))
}

/// Whether the key was released for this idempotency key within the last minute.
pub(crate) fn is_repeated(row_key: &RowKey, record: &Record, key: &IdempotencyKey, now: u64) -> bool {
    let (digest, oldest) = (digest(key), oldest(now));
    let named = record.repeats.0.iter().filter(|text| **text > oldest);
    named
        .filter_map(|text| parse(text))
        .any(|(at, of, found)| of == digest && row_key.is_seal(&repeat_record(record, key, at), found))
}

fn repeat_record(record: &Record, key: &IdempotencyKey, at: u64) -> Sealed {
    let (deploy_id, key_id) = (&record.deploy.deploy_id, record.key_id);
    RepeatTerms { deploy_id, idempotency_key: &key.serialize_hex(), at, key_id }.record()
}

fn parse(text: &str) -> Option<(u64, &str, &str)> {
    let (at, rest) = text.split_once(' ')?;
    let (digest, seal) = rest.split_once(' ')?;
    Some((at.parse().ok()?, digest, seal))
}

/// What a release writes, and under which conditions.
#[derive(Debug)]
pub(crate) struct Release {
    /// The lowest and the highest count of uses at which the release may happen.
    counts: (u64, u64),
    /// The seal of the row after the release, for each of these counts. Empty when uses are
    /// unlimited.
    seals: Vec<String>,
    /// The text that records this release, and the digest in it.
    named: Option<(String, String)>,
    oldest: String,
}

impl Release {
    /// A release of this record at this time. When uses are limited, the database picks the seal
    /// that belongs to its actual count, so that concurrent releases need no retry.
    pub(crate) fn of(row_key: &RowKey, record: &Record, key: Option<&IdempotencyKey>, now: u64) -> Self {
        let (uses, max_uses) = (record.deploy.uses, record.deploy.max_uses);
        let counts = match max_uses {
            Some(most) => (uses, most.saturating_sub(1).min(uses + CONCURRENT_USES_MAX - 1)),
            None => (0, LAST_NUMBER),
        };
        let seals = match max_uses {
            Some(_) => (counts.0..=counts.1).map(|count| seal_deploy(row_key, record, count + 1)).collect(),
            None => Vec::new(),
        };
        let named = key.map(|key| {
            let digest = digest(key);
            (format!("{now:016} {digest} {}", row_key.seal(&repeat_record(record, key, now))), digest)
        });
        Self { counts, seals, named, oldest: oldest(now) }
    }

    fn digest(&self) -> Value {
        self.named.as_ref().map(|(_, digest)| digest.as_str()).into()
    }

    /// The parameters of the event's statement after the event's own.
    pub(crate) fn conditions(&self) -> [Value; 4] {
        [self.counts.0.into(), self.counts.1.into(), self.digest(), self.oldest.as_str().into()]
    }

    /// The parameters of the release's statement after the deployment and the time.
    pub(crate) fn values(&self) -> [Value; 6] {
        let [first, last, digest, oldest] = self.conditions();
        let text = self.named.as_ref().map(|(text, _)| text.as_str()).into();
        [first, last, Value::json(&self.seals), text, digest, oldest]
    }
}
