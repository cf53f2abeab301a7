//! Audit checkpoints: sealing a segment of rows and verifying it. Pure: rows and roots in, findings
//! out.
//!
//! ```text
//! mac      = HMAC under key_id's audit key over
//!            id, upto, count, digest, previous, flaws, key_id, at
//! previous = SHA-256 over the sealed fields of the previous checkpoint, and its mac
//! digest   = SHA-256 over previous, the previous upto, upto,
//!            and of each row: number, sealed fields, mac
//! ```
//!
//! A checkpoint is proven by its own seal, or, once its root is gone, by the `previous` of the next
//! checkpoint. The last checkpoint therefore needs its root.
//!
//! `flaws` are the findings about the rows at the time of the checkpoint, kept so that they are
//! reported for as long as the trail exists. `flaws` hold only what is certain: no checkpoint is
//! made while a row names a root that is missing, or while nothing proves that a held root is the
//! one that sealed. A service that was started with wrong roots thus seals no verdict on rows that
//! it cannot judge.
//!
//! A last checkpoint that was certainly changed does not stop the sealing: the next checkpoint
//! names it in `flaws` and begins where the last intact checkpoint before it ends. `flaws` also
//! record what an owner has written off ([`super::root_loss`]); each checkpoint copies those
//! findings to the next.

use capy_protocol::api::{Checkpoint, Finding, Flaw};
use capy_protocol::audit::Record;
use capy_protocol::id::KeyId;
use capy_protocol::json;
use capy_protocol::key::AuditKey;
use capy_protocol::wrap::WrapRoots;

use super::{Cells, Damage, LAST_NUMBER, Row};
use crate::host;

/// A checkpoint with its seal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SealedCheckpoint {
    /// The public part.
    pub checkpoint: Checkpoint,
    /// A digest of the whole previous checkpoint.
    pub previous: String,
    /// The findings about the segment when the checkpoint was made, as JSON.
    pub flaws: String,
    /// The seal.
    pub mac: String,
    /// The checkpoint as it is in the database, when it holds values that the service cannot have
    /// written. The columns with such values have their default here.
    pub damage: Option<Damage>,
}

impl SealedCheckpoint {
    /// The predecessor of the first checkpoint.
    pub fn origin() -> Self {
        let (digest, key_id) = (String::new(), KeyId(0));
        let checkpoint = Checkpoint { id: 0, upto: 0, count: 0, digest, key_id, at: 0 };
        let (previous, flaws, mac) = (String::new(), "[]".to_owned(), String::new());
        Self { checkpoint, previous, flaws, mac, damage: None }
    }

    /// Reads a checkpoint from the database. A checkpoint with unexpected values is no error: it is
    /// read with its [`Damage`].
    pub(crate) fn read(row: host::Row<'_>) -> host::Result<Self> {
        let mut cells = Cells::of(row);
        let mut read = Self {
            checkpoint: Checkpoint {
                id: row.read("id")?,
                upto: cells.read("upto")?,
                count: cells.read("count")?,
                digest: cells.read("digest")?,
                key_id: KeyId(cells.read("key_id")?),
                at: cells.read("at")?,
            },
            previous: cells.read("previous")?,
            flaws: cells.read("flaws")?,
            mac: cells.read("mac")?,
            damage: None,
        };
        read.damage = cells.damage("capy/v1/audit-checkpoint-damage");
        Ok(read)
    }

    /// The record that the seal covers: all columns but the seal itself.
    fn record(&self) -> Record {
        Damage::record_or(self.damage.as_ref(), || self.checkpoint_record())
    }

    fn checkpoint_record(&self) -> Record {
        let Checkpoint { id, upto, count, digest, key_id, at } = &self.checkpoint;
        Record::of("capy/v1/audit-checkpoint")
            .number(*id)
            .number(*upto)
            .number(*count)
            .text(Some(digest))
            .text(Some(&self.previous))
            .text(Some(&self.flaws))
            .number(key_id.0.into())
            .number(*at)
    }

    /// The `previous` of the next checkpoint.
    fn link(&self) -> String {
        let mut all = Record::of("capy/v1/audit-link");
        all.append(&self.record());
        all.text(Some(&self.mac)).digest()
    }

    fn recorded_findings(&self) -> Vec<Finding> {
        json::read(self.flaws.as_bytes()).unwrap_or_default()
    }

    /// The findings about roots that were written off by this checkpoint or an earlier one.
    pub fn written_off(&self) -> Vec<Finding> {
        let mut known = self.recorded_findings();
        known.retain(|finding| [Flaw::GivenUp, Flaw::CheckpointGivenUp].contains(&finding.flaw));
        known
    }

    /// The checkpoint at whose end this one begins: the previous one, or the last one before those
    /// that this checkpoint names as changed. `None` when checkpoint 0 is among the changed ones:
    /// then this checkpoint begins with the first row.
    pub(crate) fn begins_after(&self) -> Option<u64> {
        let before = self.checkpoint.id.saturating_sub(1);
        let is_before =
            |finding: &&Finding| finding.flaw == Flaw::CheckpointChanged && finding.last == before;
        match self.recorded_findings().iter().find(is_before) {
            Some(changed) => changed.first.checked_sub(1),
            None => Some(before),
        }
    }

    fn finding(&self, flaw: Flaw) -> Finding {
        Finding::new(flaw, self.checkpoint.id, self.checkpoint.id)
    }

    /// Whether the checkpoint was changed, as far as the held roots can tell.
    pub(crate) fn looks_changed(&self, roots: &WrapRoots) -> bool {
        self.flaw(roots) == Some(Flaw::CheckpointChanged)
    }

    /// Whether the checkpoint's own seal proves it.
    pub fn is_valid(&self, roots: &WrapRoots) -> bool {
        self.flaw(roots).is_none()
    }

    /// What is wrong with the checkpoint's own seal.
    fn flaw(&self, roots: &WrapRoots) -> Option<Flaw> {
        if self.damage.is_some() {
            return Some(Flaw::CheckpointChanged);
        }
        match roots.audit_key(self.checkpoint.key_id) {
            _ if self.checkpoint.id == 0 => None,
            Err(_) => Some(Flaw::CheckpointUnverifiable),
            Ok(key) if key.is_seal(&self.record(), &self.mac) => None,
            Ok(_) => Some(Flaw::CheckpointChanged),
        }
    }
}

/// Why no checkpoint can be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unsealable {
    /// Rows or the previous checkpoint name a root that is not held.
    #[error("the audit trail is not sealed any further: it needs wrap root {0}, which is not held")]
    RootGone(KeyId),
    /// The previous checkpoint's seal does not verify.
    #[error("the audit trail is not sealed any further: checkpoint {0} was changed, or its wrap root was")]
    Checkpoint(u64),
    /// Seals of rows do not verify, and nothing proves that the held root is the one that made
    /// them.
    #[error(
        "the audit trail is not sealed any further: nothing verifies under wrap root {0}: is it another one?"
    )]
    Unproven(KeyId),
    /// There is no root to seal with.
    #[error("the audit trail is not sealed any further: {0}")]
    Roots(capy_protocol::Error),
}

/// The rows after a checkpoint, which the next one covers.
#[derive(Clone, Debug)]
pub struct Segment {
    /// The previous checkpoint, whose digest goes into the next one.
    pub previous: SealedCheckpoint,
    /// Where the rows begin: the last checkpoint that was not changed. The same as `previous` when
    /// [`Self::changed`] is empty.
    pub basis: SealedCheckpoint,
    /// The checkpoints after `basis` up to `previous`, all of which were changed. Newest first.
    pub changed: Vec<SealedCheckpoint>,
    /// The last row number of this segment.
    pub upto: u64,
    /// The rows, in order of their numbers.
    pub rows: Vec<Row>,
    /// The numbers of rows that are copies of an earlier row.
    pub copies: Vec<u64>,
}

impl Segment {
    /// Makes the checkpoint over this segment. Rows that were certainly tampered with become its
    /// findings.
    ///
    /// # Errors
    /// [`Unsealable`], when it is not certain whether rows or checkpoints were tampered with.
    pub fn seal(&self, roots: &WrapRoots, at: u64) -> Result<SealedCheckpoint, Unsealable> {
        self.seal_writing_off(&[], roots, at)
    }

    /// [`Self::seal`], also writing off what is named in `lost`: findings of a [`super::RootLoss`].
    ///
    /// # Errors
    /// [`Unsealable`], when something else prevents a checkpoint.
    pub fn seal_writing_off(
        &self,
        lost: &[Finding],
        roots: &WrapRoots,
        at: u64,
    ) -> Result<SealedCheckpoint, Unsealable> {
        let mut flaws = [&self.basis.written_off(), lost].concat();
        self.require_certainty(&flaws, roots)?;
        if !self.changed.is_empty() {
            // The owner who decides on a loss has to see what is lost, which changed checkpoints
            // hide.
            if !lost.is_empty() || self.previous.checkpoint.id >= LAST_NUMBER {
                return Err(Unsealable::Checkpoint(self.previous.checkpoint.id));
            }
            let (first, last) = (self.basis.checkpoint.id + 1, self.previous.checkpoint.id);
            let first = if self.is_origin_changed() { 0 } else { first };
            flaws.push(Finding::new(Flaw::CheckpointChanged, first, last));
        }
        flaws.extend(self.flaws_except(&flaws, roots));
        let key_id = roots.newest().map_err(Unsealable::Roots)?;
        let previous = self.previous.link();
        let mut sealed = SealedCheckpoint {
            checkpoint: Checkpoint {
                id: self.previous.checkpoint.id + 1,
                upto: self.upto,
                count: self.rows.len() as u64,
                digest: self.digest(&previous),
                key_id,
                at,
            },
            previous,
            flaws: json::write(&flaws),
            mac: String::new(),
            damage: None,
        };
        sealed.mac = roots.audit_key(key_id).map_err(Unsealable::Roots)?.seal(&sealed.record());
        Ok(sealed)
    }

    /// Requires that every named root is held or was written off, and that a seal fails only under
    /// a root that verified another seal.
    fn require_certainty(&self, written_off: &[Finding], roots: &WrapRoots) -> Result<(), Unsealable> {
        let Checkpoint { id, key_id, .. } = self.basis.checkpoint;
        let flaw = self.basis.flaw(roots);
        match flaw {
            None => {}
            Some(Flaw::CheckpointUnverifiable) if is_checkpoint_written_off(written_off, id, key_id) => {}
            Some(Flaw::CheckpointUnverifiable) => return Err(Unsealable::RootGone(key_id)),
            Some(_) => return Err(Unsealable::Checkpoint(id)),
        }
        let mut keys = AuditKeys { roots, written_off, known: Vec::new() };
        let readable = self.rows.iter().filter(|row| row.damage.is_none());
        let judged: Vec<_> =
            readable.filter_map(|row| Some((KeyId(row.key_id?), keys.verify_row(row)?))).collect();
        let proves = |(of, verdict): &(KeyId, Verdict)| (*verdict == Verdict::Valid).then_some(*of);
        let by_checkpoint = (id > 0 && flaw.is_none()).then_some(key_id);
        let proven: Vec<KeyId> = judged.iter().filter_map(proves).chain(by_checkpoint).collect();
        let uncertain = |sealed: &&SealedCheckpoint| {
            sealed.damage.is_none() && !proven.contains(&sealed.checkpoint.key_id)
        };
        if let Some(sealed) = self.changed.iter().find(uncertain) {
            return Err(Unsealable::Checkpoint(sealed.checkpoint.id));
        }
        for (of, verdict) in judged {
            match verdict {
                Verdict::RootGone => return Err(Unsealable::RootGone(of)),
                Verdict::Changed if !proven.contains(&of) => return Err(Unsealable::Unproven(of)),
                Verdict::Changed | Verdict::Valid | Verdict::WrittenOff => {}
            }
        }
        Ok(())
    }

    /// Whether a damaged checkpoint 0, with which every trail begins, is among the changed ones.
    fn is_origin_changed(&self) -> bool {
        self.changed.iter().any(|sealed| sealed.checkpoint.id == 0)
    }

    /// Whether the changed checkpoints are certainly changed.
    pub(crate) fn is_certain(&self, roots: &WrapRoots) -> bool {
        let certainty = self.require_certainty(&self.basis.written_off(), roots);
        !matches!(certainty, Err(Unsealable::Checkpoint(_)))
    }

    /// Verifies this segment against the checkpoint over it. `is_last`: no later checkpoint proves
    /// this one.
    pub fn verify(&self, sealed: &SealedCheckpoint, roots: &WrapRoots, is_last: bool) -> Vec<Finding> {
        let mut findings = Vec::new();
        if sealed.previous != self.previous.link() {
            findings.push(self.previous.finding(Flaw::CheckpointChanged));
        }
        if sealed.damage.is_some() {
            // A damaged checkpoint no longer says which rows it covered.
            findings.push(sealed.finding(Flaw::CheckpointChanged));
            return findings;
        }
        let of_seal = sealed.flaw(roots).filter(|flaw| is_last || *flaw != Flaw::CheckpointUnverifiable);
        findings.extend(of_seal.map(|flaw| sealed.finding(flaw)));
        match json::read::<Vec<Finding>>(sealed.flaws.as_bytes()) {
            Ok(known) => findings.extend(known),
            // The seal may be unverifiable by now, but the service never makes a checkpoint with
            // such a text.
            Err(_) if of_seal.is_none() => findings.push(sealed.finding(Flaw::CheckpointChanged)),
            Err(_) => {}
        }
        if self.digest(&sealed.previous) != sealed.checkpoint.digest {
            findings.extend(self.differences(&findings, roots));
        }
        findings
    }

    /// Which rows differ from those that the checkpoint covered; all of them when none can be
    /// named.
    fn differences(&self, known: &[Finding], roots: &WrapRoots) -> Vec<Finding> {
        let mut found = self.flaws(roots);
        found.retain(|finding| finding.flaw != Flaw::Unverifiable && !known.contains(finding));
        if found.is_empty() {
            let (first, last) = (self.basis.checkpoint.upto + 1, self.upto);
            found.push(Finding::new(Flaw::Changed, first, last));
        }
        found
    }

    fn digest(&self, previous: &str) -> String {
        let before = self.basis.checkpoint.upto;
        let mut all =
            Record::of("capy/v1/audit-stretch").text(Some(previous)).number(before).number(self.upto);
        for row in &self.rows {
            all = all.number(row.id);
            all.append(&row.record());
            all = all.text(row.mac.as_deref());
        }
        all.digest()
    }

    /// What is wrong with the rows, regardless of the checkpoint over them.
    pub fn flaws(&self, roots: &WrapRoots) -> Vec<Finding> {
        self.flaws_except(&self.basis.written_off(), roots)
    }

    fn flaws_except(&self, written_off: &[Finding], roots: &WrapRoots) -> Vec<Finding> {
        let mut keys = AuditKeys { roots, written_off, known: Vec::new() };
        let mut flaws = Vec::new();
        let mut expected = self.basis.checkpoint.upto + 1;
        for row in &self.rows {
            if row.id > expected {
                flaws.push(Finding::new(Flaw::Removed, expected, row.id - 1));
            }
            expected = row.id + 1;
            if let Some(flaw) = self.flaw(row, &mut keys) {
                push_finding(&mut flaws, Finding::new(flaw, row.id, row.id));
            }
        }
        if expected <= self.upto {
            flaws.push(Finding::new(Flaw::Removed, expected, self.upto));
        }
        flaws
    }

    fn flaw(&self, row: &Row, keys: &mut AuditKeys<'_>) -> Option<Flaw> {
        if row.damage.is_some() {
            return Some(Flaw::Unreadable);
        }
        match keys.verify_row(row) {
            None => Some(Flaw::Added),
            Some(_) if self.copies.contains(&row.id) => Some(Flaw::Added),
            Some(Verdict::Valid | Verdict::WrittenOff) => None,
            Some(Verdict::Changed) => Some(Flaw::Changed),
            Some(Verdict::RootGone) => Some(Flaw::Unverifiable),
        }
    }
}

/// Adds a finding. Consecutive numbers with the same flaw become one finding.
fn push_finding(flaws: &mut Vec<Finding>, next: Finding) {
    match flaws.last_mut() {
        Some(before) if before.flaw == next.flaw && before.last + 1 == next.first => before.last = next.last,
        _ => flaws.push(next),
    }
}

/// What a row's seal proves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Valid,
    Changed,
    RootGone,
    WrittenOff,
}

/// Audit keys by root: each key is derived once for a segment.
struct AuditKeys<'a> {
    roots: &'a WrapRoots,
    written_off: &'a [Finding],
    known: Vec<(KeyId, Option<AuditKey>)>,
}

impl AuditKeys<'_> {
    /// Verifies a row's seal; `None` for a row without one.
    fn verify_row(&mut self, row: &Row) -> Option<Verdict> {
        let (Some(_), Some(key_id), Some(mac)) = (&row.event_id, row.key_id, &row.mac) else {
            return None;
        };
        let written_off = self.written_off;
        Some(match self.find(KeyId(key_id)) {
            None if is_row_written_off(written_off, row.id, KeyId(key_id)) => Verdict::WrittenOff,
            None => Verdict::RootGone,
            Some(key) if key.is_seal(&row.record(), mac) => Verdict::Valid,
            Some(_) => Verdict::Changed,
        })
    }

    fn find(&mut self, key_id: KeyId) -> Option<&AuditKey> {
        let place = match self.known.iter().position(|(known, _)| *known == key_id) {
            Some(place) => place,
            None => {
                self.known.push((key_id, self.roots.audit_key(key_id).ok()));
                self.known.len() - 1
            }
        };
        self.known[place].1.as_ref()
    }
}

/// Whether a row was written off with its root.
fn is_row_written_off(written_off: &[Finding], id: u64, key_id: KeyId) -> bool {
    is_written_off(written_off, Flaw::GivenUp, id, key_id)
}

/// Whether a checkpoint was written off with its root.
fn is_checkpoint_written_off(written_off: &[Finding], id: u64, key_id: KeyId) -> bool {
    is_written_off(written_off, Flaw::CheckpointGivenUp, id, key_id)
}

fn is_written_off(written_off: &[Finding], flaw: Flaw, id: u64, key_id: KeyId) -> bool {
    let covers = |finding: &Finding| {
        finding.flaw == flaw && finding.key_id == Some(key_id) && (finding.first..=finding.last).contains(&id)
    };
    written_off.iter().any(covers)
}
