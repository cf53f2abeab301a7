//! Write-off of a lost wrap root: which events lose their proof once an owner says that the root
//! will not come back. Pure.
//!
//! The next checkpoint, under the newest root, records the loss as findings, and every later
//! checkpoint copies them, so that the loss is reported for as long as the trail exists. Seals of
//! the lost root are no longer required for rows up to the number in the finding. A later row that
//! names the lost root stops the checkpoints again.
//!
//! Somebody who can write to the database, and no more, can use this only to have a row of their
//! own that names a lost root reported as unproven instead of as changed. The row is never reported
//! as intact.

use capy_protocol::api::{Finding, Flaw};
use capy_protocol::id::KeyId;

use super::{SealedCheckpoint, Unsealable};

/// Why a root cannot be written off.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WriteOffRefusal {
    /// The service holds the root.
    Held,
    /// No row or checkpoint needs the root.
    NotNeeded,
    /// The trail cannot be sealed without the root either.
    NotEnough(String),
    /// Another call sealed the trail meanwhile.
    Overtaken,
}

impl WriteOffRefusal {
    /// The reason, for people.
    pub fn text(&self) -> &str {
        match self {
            Self::Held => "the service holds this wrap root: nothing is lost",
            Self::NotNeeded => "no event waits for this wrap root, or what did was given up already",
            Self::NotEnough(reason) => reason,
            Self::Overtaken => "the audit trail was sealed meanwhile: ask again",
        }
    }
}

impl From<Unsealable> for WriteOffRefusal {
    fn from(reason: Unsealable) -> Self {
        Self::NotEnough(match reason {
            Unsealable::RootGone(key_id) => {
                format!("wrap root {key_id} is gone, too: put it back, or give up both at once")
            }
            other => other.to_string(),
        })
    }
}

/// Which rows without a checkpoint need a root.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NeededRoot {
    /// The root.
    pub key_id: KeyId,
    /// The first and the last row's number, and the number of rows.
    pub rows: Option<(u64, u64, u64)>,
}

/// What is lost when roots are written off.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RootLoss {
    /// The number of events that lose their proof.
    pub events: u64,
    /// The findings that the next checkpoint records.
    pub findings: Vec<Finding>,
}

impl RootLoss {
    /// The loss of `needed`. `last` is the last checkpoint; `proven` is the last checkpoint whose
    /// seal still verifies, with the number of events between it and `last`.
    ///
    /// # Errors
    /// [`WriteOffRefusal::NotNeeded`] for a root that nothing depends on.
    pub fn of(
        needed: &[NeededRoot],
        last: &SealedCheckpoint,
        proven: (&SealedCheckpoint, u64),
    ) -> Result<Self, WriteOffRefusal> {
        let mut loss = Self { events: 0, findings: Vec::new() };
        let (proven, between) = proven;
        let (last, proven) = (&last.checkpoint, &proven.checkpoint);
        for NeededRoot { key_id, rows } in needed {
            let is_of_last = last.id > proven.id && last.key_id == *key_id;
            let mut add = |flaw, first, last| {
                loss.findings.push(Finding { flaw, first, last, key_id: Some(*key_id) });
            };
            if is_of_last {
                add(Flaw::CheckpointGivenUp, proven.id + 1, last.id);
                loss.events += between;
            }
            // Rows under checkpoints that cannot be proven count as rows without a checkpoint.
            let under = (is_of_last && proven.upto < last.upto).then_some((proven.upto + 1, last.upto));
            let first = under.map(|(first, _)| first).or(rows.map(|(first, ..)| first));
            let end = rows.map(|(_, end, _)| end).or(under.map(|(_, end)| end));
            if let Some((first, end)) = first.zip(end) {
                add(Flaw::GivenUp, first, end);
            }
            if !is_of_last && rows.is_none() {
                return Err(WriteOffRefusal::NotNeeded);
            }
            loss.events += rows.map_or(0, |(.., count)| count);
        }
        Ok(loss)
    }
}
