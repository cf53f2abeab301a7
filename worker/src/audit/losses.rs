//! What is lost with a wrap root, once an owner says that it will not come back. Pure.
//!
//! The next checkpoint writes the loss down as findings, which every later one takes over: it is told for as long as there
//! is a trail, under the newest root. Rows of the lost root up to the number that is named there are not asked for their
//! seals any more. That is no leave for what comes: another row that names the root stops the sealing again.
//!
//! Who can write to the database, and no more, gains this by naming a lost root in a row of their making: that it is told
//! as one that nothing proves, and not as one that was changed. It is never told as whole.

use capy_protocol::api::{Finding, Flaw};
use capy_protocol::id::KeyId;

use super::{SealedCheckpoint, Unsealable};

/// Why a root is not given up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The service has it.
    Held,
    /// Nothing of the trail waits for it.
    NotNeeded,
    /// The trail cannot be sealed without it either.
    NotEnough(String),
    /// Somebody else sealed meanwhile.
    Overtaken,
}

impl Refusal {
    /// For people.
    pub fn text(&self) -> &str {
        match self {
            Self::Held => "the service holds this wrap root: nothing is lost",
            Self::NotNeeded => "no event waits for this wrap root, or what did was given up already",
            Self::NotEnough(reason) => reason,
            Self::Overtaken => "the audit trail was sealed meanwhile: ask again",
        }
    }
}

impl From<Unsealable> for Refusal {
    fn from(reason: Unsealable) -> Self {
        Self::NotEnough(match reason {
            Unsealable::RootGone(key_id) => {
                format!("wrap root {key_id} is gone, too: put it back, or give up both at once")
            }
            other => other.to_string(),
        })
    }
}

/// What rows without a checkpoint need of a root.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Needed {
    /// The root.
    pub key_id: KeyId,
    /// The first and the last row's number, and how many there are.
    pub rows: Option<(u64, u64, u64)>,
}

/// What goes with roots.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loss {
    /// How many events lose their proof.
    pub events: u64,
    /// What is written down.
    pub findings: Vec<Finding>,
}

impl Loss {
    /// `last` is the last checkpoint. `proven`: the last one whose seal still proves it, and how many events came between
    /// the two.
    ///
    /// # Errors
    /// [`Refusal::NotNeeded`] for a root of which nothing is lost.
    pub fn of(
        needed: &[Needed],
        last: &SealedCheckpoint,
        proven: (&SealedCheckpoint, u64),
    ) -> Result<Self, Refusal> {
        let mut loss = Self { events: 0, findings: Vec::new() };
        let (proven, between) = proven;
        let (last, proven) = (&last.checkpoint, &proven.checkpoint);
        for Needed { key_id, rows } in needed {
            let is_of_last = last.id > proven.id && last.key_id == *key_id;
            let mut add = |flaw, first, last| {
                loss.findings.push(Finding { flaw, first, last, key_id: Some(*key_id) });
            };
            if is_of_last {
                add(Flaw::CheckpointGivenUp, proven.id + 1, last.id);
                loss.events += between;
            }
            // Rows under checkpoints that nothing proves are as good as rows without one.
            let under = (is_of_last && proven.upto < last.upto).then_some((proven.upto + 1, last.upto));
            let first = under.map(|(first, _)| first).or(rows.map(|(first, ..)| first));
            let end = rows.map(|(_, end, _)| end).or(under.map(|(_, end)| end));
            if let Some((first, end)) = first.zip(end) {
                add(Flaw::GivenUp, first, end);
            }
            if !is_of_last && rows.is_none() {
                return Err(Refusal::NotNeeded);
            }
            loss.events += rows.map_or(0, |(.., count)| count);
        }
        Ok(loss)
    }
}
