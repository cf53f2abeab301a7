//! The audit trail: rows, which are only ever added, and the checkpoints over them.

use capy_protocol::api::{AuditEvent, Finding, Flaw};
use capy_protocol::id::{KeyId, ProjectId};
use capy_protocol::wrap::WrapRoots;

use super::page::PAGE;
use super::sql::audit as sql;
use crate::audit::{LAST_NUMBER, Row, SEGMENT_ROWS_MAX, SealedCheckpoint, Segment, Unsealable};
use crate::host::{Host, Result, Rows, Statement, Value, nth, query};

/// Adds an event that belongs to no change.
pub(crate) async fn append<H: Host>(host: &H, row: &Row) -> Result<()> {
    query(host, sql::EVENT, row.values()).await.map(drop)
}

/// A page of a project's events, newest first, and where the next page begins. Without a project,
/// events of the service itself.
pub(crate) async fn list<H: Host>(
    host: &H,
    project_id: Option<&ProjectId>,
    before: Option<u64>,
) -> Result<(Vec<AuditEvent>, Option<u64>)> {
    let before = before.unwrap_or(LAST_NUMBER);
    let values =
        vec![project_id.map_or("", ProjectId::as_str).into(), before.into(), (PAGE as u64 + 1).into()];
    let mut rows = query(host, sql::EVENTS, values).await?.parse(Row::read)?;
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let next = rows.last().filter(|_| more).map(|row| row.id);
    Ok((rows.into_iter().map(Row::into_event).collect(), next))
}

/// The outcome of making a checkpoint.
pub(crate) enum Sealing {
    /// There is nothing to cover.
    Nothing,
    /// The checkpoint with the next number, made by this call or by another one.
    Made(Option<SealedCheckpoint>),
    /// No checkpoint can be made.
    Refused {
        reason: Unsealable,
        /// What is wrong with the first rows that have no checkpoint.
        findings: Vec<Finding>,
        /// The number of rows without a checkpoint.
        pending: u64,
    },
}

/// Makes the next checkpoint, when there is a reason: rows after the last checkpoint, a newer root,
/// or a last checkpoint that was changed.
pub(crate) async fn seal_next<H: Host>(host: &H, roots: &WrapRoots, now: u64) -> Result<Sealing> {
    let segment = pending(host, roots).await?;
    let last = &segment.previous.checkpoint;
    let unmoved = last.id == 0 || roots.newest().is_ok_and(|newest| newest == last.key_id);
    let is_new = !segment.rows.is_empty() || segment.upto != segment.basis.checkpoint.upto;
    if !is_new && segment.changed.is_empty() && unmoved {
        return Ok(Sealing::Nothing);
    }
    let sealed = match segment.seal(roots, now) {
        Ok(sealed) => sealed,
        Err(reason) => {
            let pending = pending_count(host, segment.basis.checkpoint.upto).await?;
            return Ok(Sealing::Refused { reason, findings: segment.flaws(roots), pending });
        }
    };
    query(host, sql::ADD_CHECKPOINT, checkpoint_values(&sealed)).await?;
    // Another call may have made this checkpoint first: the stored one counts.
    Ok(Sealing::Made(checkpoint(host, sealed.checkpoint.id).await?))
}

/// The number of rows after this number.
async fn pending_count<H: Host>(host: &H, after: u64) -> Result<u64> {
    let count = query(host, sql::PENDING_COUNT, vec![after.into()]).await?;
    Ok(count.first(|row| row.read("pending"))?.unwrap_or(0))
}

/// How many rows and checkpoints need each wrap root, because nothing else proves them.
pub(crate) async fn needed_by_trail<H: Host>(host: &H) -> Result<Vec<(KeyId, u64)>> {
    let counts = query(host, sql::NEEDED_BY_TRAIL, vec![]).await?;
    counts.parse(|row| Ok((row.read("key_id")?, row.read("needing")?)))
}

/// The most changed checkpoints that the next one steps over.
const SKIPPED_CHECKPOINTS_MAX: u64 = 16;

/// The rows after the last checkpoint, or after the last intact one when those that follow it were
/// certainly changed.
pub(super) async fn pending<H: Host>(host: &H, roots: &WrapRoots) -> Result<Segment> {
    let newest_first = query(host, sql::LAST_CHECKPOINTS, vec![(SKIPPED_CHECKPOINTS_MAX + 1).into()]).await?;
    let newest_first = newest_first.parse(SealedCheckpoint::read)?;
    let previous = newest_first.first().cloned().unwrap_or_else(SealedCheckpoint::origin);
    let whole = newest_first.iter().position(|sealed| !sealed.looks_changed(roots));
    if whole != Some(0) {
        let known = whole.unwrap_or(newest_first.len());
        let reaches_origin = newest_first.last().is_none_or(|sealed| sealed.checkpoint.id == 0);
        let basis = whole.map(|place| newest_first[place].clone());
        if let Some(basis) = basis.or_else(|| reaches_origin.then(SealedCheckpoint::origin)) {
            let changed = newest_first[..known].to_vec();
            let segment = after(host, previous.clone(), basis, changed).await?;
            if segment.is_certain(roots) {
                return Ok(segment);
            }
        }
    }
    after(host, previous.clone(), previous, Vec::new()).await
}

/// The rows after a checkpoint, up to [`SEGMENT_ROWS_MAX`] of them.
async fn after<H: Host>(
    host: &H,
    previous: SealedCheckpoint,
    basis: SealedCheckpoint,
    changed: Vec<SealedCheckpoint>,
) -> Result<Segment> {
    let start = basis.checkpoint.upto;
    let limits = || vec![start.into(), LAST_NUMBER.into(), SEGMENT_ROWS_MAX.into()];
    let answers = host
        .transaction(vec![
            Statement::new(sql::SEGMENT, limits()),
            Statement::new(sql::SEGMENT_COPIES, limits()),
            Statement::new(sql::SEQUENCE, vec![]),
        ])
        .await?;
    let mut answers = answers.into_iter();
    let mut next = || nth(answers.by_ref().take(1).collect(), 0);
    let rows = next()?.parse(Row::read)?;
    let copies = next()?.column("id")?;
    let given = next()?.first(|row| row.read_if_valid("seq"))?.flatten();
    let given = given.filter(|given| *given <= LAST_NUMBER).unwrap_or(0);
    let seen = rows.last().map_or(start, |row| row.id);
    let is_full = rows.len() as u64 >= SEGMENT_ROWS_MAX;
    let upto = if is_full { seen } else { seen.max(given) };
    Ok(Segment { previous, basis, changed, upto, rows, copies })
}

/// The result of verifying the checkpoint at one number.
pub(crate) struct Verified {
    /// The checkpoint; `None` when there is none at this number.
    pub(crate) sealed: Option<SealedCheckpoint>,
    /// What is wrong with the checkpoint and its rows.
    pub(crate) findings: Vec<Finding>,
    /// The number of the last checkpoint.
    pub(crate) last: u64,
    /// The number of the next checkpoint, when this one and those before that number are missing.
    pub(crate) next: Option<u64>,
}

/// Verifies the checkpoint with this number and its rows.
pub(crate) async fn verify<H: Host>(host: &H, roots: &WrapRoots, number: u64) -> Result<Verified> {
    let answers = host
        .transaction(vec![
            Statement::new(sql::LAST_CHECKPOINT_ID, vec![]),
            Statement::new(sql::CHECKPOINT_AND_PREVIOUS, vec![number.into()]),
            Statement::new(sql::NEXT_CHECKPOINT_ID, vec![number.into()]),
        ])
        .await?;
    let mut answers = answers.into_iter();
    let mut next = || nth(answers.by_ref().take(1).collect(), 0);
    let last = next()?.first(|row| row.read("id"))?.unwrap_or(0);
    let checkpoints = next()?.parse(SealedCheckpoint::read)?;
    let following = next()?.first(|row| row.read("id"))?;
    let find = |number: u64| checkpoints.iter().find(|sealed| sealed.checkpoint.id == number).cloned();
    let removed = |following: u64| Finding::new(Flaw::CheckpointRemoved, number, following - 1);
    let Some(sealed) = find(number) else {
        let findings = following.map(removed).into_iter().collect();
        return Ok(Verified { sealed: None, findings, last, next: following });
    };
    let previous = find(number - 1).or_else(|| (number == 1).then(SealedCheckpoint::origin));
    let mut verified = Verified { sealed: Some(sealed.clone()), findings: Vec::new(), last, next: None };
    // Without the previous checkpoint the start of the rows is unknown. The missing one is reported
    // at its own number.
    let Some(previous) = previous else {
        return Ok(verified);
    };
    let basis = match sealed.begins_after() {
        Some(before) if before == previous.checkpoint.id => Some(previous.clone()),
        Some(before) => checkpoint(host, before).await?,
        None => Some(SealedCheckpoint::origin()),
    };
    let Some(basis) = basis else {
        return Ok(verified);
    };
    let (start, upto) = (basis.checkpoint.upto, sealed.checkpoint.upto);
    let limits = || vec![start.into(), upto.into(), (2 * SEGMENT_ROWS_MAX).into()];
    let answers = host
        .transaction(vec![
            Statement::new(sql::SEGMENT, limits()),
            Statement::new(sql::SEGMENT_COPIES, limits()),
        ])
        .await?;
    let mut answers = answers.into_iter();
    let mut next = || nth(answers.by_ref().take(1).collect(), 0);
    let rows = next()?.parse(Row::read)?;
    let copies = next()?.column("id")?;
    let segment = Segment { previous, basis, changed: Vec::new(), upto, rows, copies };
    verified.findings = segment.verify(&sealed, roots, number == last);
    Ok(verified)
}

/// Whether rows or checkpoints have numbers that the service never assigns.
pub(crate) struct OutOfRange {
    rows_before: bool,
    rows_after: bool,
    checkpoints: bool,
}

impl OutOfRange {
    /// The findings about such numbers.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        if self.rows_before {
            findings.push(Finding::new(Flaw::Added, 0, 0));
        }
        if self.rows_after {
            findings.push(Finding::new(Flaw::Added, LAST_NUMBER, LAST_NUMBER));
        }
        if self.checkpoints {
            findings.push(Finding::new(Flaw::CheckpointChanged, LAST_NUMBER, LAST_NUMBER));
        }
        findings
    }
}

/// Looks for rows and checkpoints with numbers that the service never assigns.
pub(crate) async fn out_of_range<H: Host>(host: &H) -> Result<OutOfRange> {
    let found = query(host, sql::OUT_OF_RANGE, vec![]).await?.first(|row| {
        let is = |column| row.read::<u64>(column).map(|found| found > 0);
        Ok(OutOfRange {
            rows_before: is("rows_before")?,
            rows_after: is("rows_after")?,
            checkpoints: is("checkpoints_before")? || is("checkpoints_after")?,
        })
    })?;
    Ok(found.unwrap_or(OutOfRange { rows_before: false, rows_after: false, checkpoints: false }))
}

/// Records that everything is sealed.
pub(crate) async fn record_sealed<H: Host>(host: &H, now: u64) -> Result<()> {
    query(host, sql::SEALED, vec![now.into()]).await.map(drop)
}

/// Records why the sealing has stopped, and returns since when.
pub(crate) async fn record_stop<H: Host>(host: &H, reason: &str, now: u64) -> Result<u64> {
    let since = query(host, sql::STOPPED, vec![now.into(), reason.into()]).await?;
    Ok(since.first(|row| row.read_if_valid("stopped_at"))?.flatten().unwrap_or(now))
}

/// The recorded state of the sealing.
pub(crate) struct SealingState {
    /// When the sealing last ran.
    pub(crate) ran_at: u64,
    /// When the sealing stopped, and why; `None` while it runs.
    pub(crate) stopped: Option<(u64, String)>,
}

/// The recorded state of the sealing; `None` when it never ran.
pub(crate) async fn sealing<H: Host>(host: &H) -> Result<Option<SealingState>> {
    query(host, sql::SEALING, vec![]).await?.first(|row| {
        let stopped_at = row.read_if_valid::<Option<u64>>("stopped_at")?.flatten();
        let reason = row.read_if_valid::<Option<String>>("reason")?.flatten();
        Ok(SealingState {
            ran_at: row.read_if_valid("ran_at")?.unwrap_or(0),
            stopped: stopped_at.map(|since| (since, reason.unwrap_or_default())),
        })
    })
}

/// The number of rows from before the audit trail was sealed.
pub(crate) async fn unsealed<H: Host>(host: &H) -> Result<u64> {
    Ok(checkpoint(host, 0).await?.map_or(0, |origin| origin.checkpoint.upto))
}

pub(super) async fn checkpoint<H: Host>(host: &H, number: u64) -> Result<Option<SealedCheckpoint>> {
    query(host, sql::CHECKPOINT, vec![number.into()]).await?.first(SealedCheckpoint::read)
}

pub(super) fn checkpoint_values(sealed: &SealedCheckpoint) -> Vec<Value> {
    let checkpoint = &sealed.checkpoint;
    vec![
        checkpoint.id.into(),
        checkpoint.upto.into(),
        checkpoint.count.into(),
        checkpoint.digest.as_str().into(),
        sealed.flaws.as_str().into(),
        u64::from(checkpoint.key_id.0).into(),
        sealed.mac.as_str().into(),
        checkpoint.at.into(),
        sealed.previous.as_str().into(),
    ]
}
