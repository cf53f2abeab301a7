//! The release of a deployment's key: what it writes, and whether it repeats one. Pure.

use capy_protocol::audit::Record as Sealed;
use capy_protocol::idempotency::IdempotencyKey;
use capy_protocol::key::RowKey;
use capy_protocol::row_seal::RepeatTerms;

use crate::audit::LAST_NUMBER;
use crate::deploy_record::Record;
use crate::host::Value;
use crate::row_seals::seal_deploy;

/// How long a repetition is one, in milliseconds.
const REPEAT_INTERVAL_MS: u64 = 60_000;
/// How many uses by others may come between the lookup of a deployment whose uses are limited and its release.
const USES_BETWEEN: u64 = 8;

/// What a digest of a client's key is found by: 32 hexadecimal digits.
fn digest(key: &IdempotencyKey) -> String {
    let mut digest = Sealed::of("capy/v1/idempotency-key").text(Some(&key.serialize_hex())).digest();
    digest.truncate(32);
    digest
}

/// The earliest time of a release that may be repeated now, as texts of releases begin.
fn oldest(now: u64) -> String {
    format!("{:016}", (now + 1).saturating_sub(REPEAT_INTERVAL_MS))
}

/// Whether this client's key was released for within the last minute.
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

/// What a release writes, and on which condition.
#[derive(Debug)]
pub(crate) struct Release {
    /// The fewest and the most uses that the row may count by then.
    counts: (u64, u64),
    /// The row's seals once it counts one more than each of these.
    seals: Vec<String>,
    /// The text that names this release, and the digest in it.
    named: Option<(String, String)>,
    oldest: String,
}

impl Release {
    /// A release of this record at this time. Where uses are limited, the database takes the seal of the count that it comes
    /// to: who asks at the same time does not have to wait.
    pub(crate) fn of(row_key: &RowKey, record: &Record, key: Option<&IdempotencyKey>, now: u64) -> Self {
        let (uses, max_uses) = (record.deploy.uses, record.deploy.max_uses);
        let counts = match max_uses {
            Some(most) => (uses, most.saturating_sub(1).min(uses + USES_BETWEEN - 1)),
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

    /// What an event's statement takes beside the event's own values.
    pub(crate) fn conditions(&self) -> [Value; 4] {
        [self.counts.0.into(), self.counts.1.into(), self.digest(), self.oldest.as_str().into()]
    }

    /// What the release's own statement takes after the deployment and the time.
    pub(crate) fn values(&self) -> [Value; 6] {
        let [first, last, digest, oldest] = self.conditions();
        let text = self.named.as_ref().map(|(text, _)| text.as_str()).into();
        [first, last, Value::json(&self.seals), text, digest, oldest]
    }
}
