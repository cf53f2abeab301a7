//! The audit trail: rows that are only ever added, and checkpoints over them.

use capy_protocol::api::{AuditEvent, Finding, Flaw};
use capy_protocol::id::{KeyId, ProjectId};
use capy_protocol::wrap::WrapRoots;

use super::page::PAGE;
use super::sql::audit as sql;
use crate::audit::{Row, STRETCH, SealedCheckpoint, Stretch, Unsealable};
use crate::host::{Host, Result, Rows, Statement, Value, nth, query};

/// Past every number that D1 keeps exactly.
const AFTER_ALL: u64 = (1 << 53) - 1;

/// Adds an event that goes with no change.
pub(crate) async fn append<H: Host>(host: &H, row: &Row) -> Result<()> {
    query(host, sql::EVENT, row.values()).await.map(drop)
}

/// A page of a project's events, newest first, and where the next one begins. Without a project, of the service's own.
pub(crate) async fn list<H: Host>(
    host: &H,
    project_id: Option<&ProjectId>,
    before: Option<u64>,
) -> Result<(Vec<AuditEvent>, Option<u64>)> {
    let before = before.unwrap_or(AFTER_ALL);
    let values =
        vec![project_id.map_or("", ProjectId::as_str).into(), before.into(), (PAGE as u64 + 1).into()];
    let mut rows = query(host, sql::EVENTS, values).await?.parse(Row::read)?;
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let next = rows.last().filter(|_| more).map(|row| row.id);
    Ok((rows.into_iter().map(Row::into_event).collect(), next))
}

/// What became of the wish for a checkpoint.
pub(crate) enum Sealing {
    /// There is nothing to vouch for.
    Nothing,
    /// It is made, here or by somebody quicker.
    Made(Option<SealedCheckpoint>),
    /// It cannot be made.
    Refused {
        reason: Unsealable,
        /// What is wrong with the first rows that have none.
        findings: Vec<Finding>,
        /// How many rows have none.
        pending: u64,
    },
}

/// Makes the next checkpoint, where there is something to vouch for: rows that came after the last one, or a newer root.
pub(crate) async fn seal_next<H: Host>(host: &H, roots: &WrapRoots, now: u64) -> Result<Sealing> {
    let stretch = pending(host).await?;
    let last = &stretch.previous.checkpoint;
    let unmoved = last.id == 0 || roots.newest().is_ok_and(|newest| newest == last.key_id);
    if stretch.rows.is_empty() && stretch.upto == last.upto && unmoved {
        return Ok(Sealing::Nothing);
    }
    let sealed = match stretch.seal(roots, now) {
        Ok(sealed) => sealed,
        Err(reason) => {
            let (findings, pending) = (stretch.flaws(roots), pending_count(host).await?);
            return Ok(Sealing::Refused { reason, findings, pending });
        }
    };
    query(host, sql::ADD_CHECKPOINT, checkpoint_values(&sealed)).await?;
    // Somebody else may have been quicker: what stands there counts.
    Ok(Sealing::Made(checkpoint(host, sealed.checkpoint.id).await?))
}

/// How many rows no checkpoint vouches for.
async fn pending_count<H: Host>(host: &H) -> Result<u64> {
    let count = query(host, sql::PENDING_COUNT, vec![]).await?.first(|row| row.read("pending"))?;
    Ok(count.unwrap_or(0))
}

/// How many rows and checkpoints of the trail need each wrap root: nothing else vouches for them.
pub(crate) async fn needed_by_trail<H: Host>(host: &H) -> Result<Vec<(KeyId, u64)>> {
    let counts = query(host, sql::NEEDED_BY_TRAIL, vec![]).await?;
    counts.parse(|row| Ok((row.read("key_id")?, row.read("needing")?)))
}

/// What came after the last checkpoint.
pub(super) async fn pending<H: Host>(host: &H) -> Result<Stretch> {
    let limit = || vec![STRETCH.into()];
    let answers = host
        .transaction(vec![
            Statement::new(sql::LAST_CHECKPOINT, vec![]),
            Statement::new(sql::PENDING, limit()),
            Statement::new(sql::PENDING_COPIES, limit()),
            Statement::new(sql::SEQUENCE, vec![]),
        ])
        .await?;
    let mut answers = answers.into_iter();
    let mut next = || nth(answers.by_ref().take(1).collect(), 0);
    let previous = next()?.first(SealedCheckpoint::read)?.unwrap_or_else(SealedCheckpoint::origin);
    let rows = next()?.parse(Row::read)?;
    let copies = next()?.column("id")?;
    let given = next()?.first(|row| row.read("seq"))?.unwrap_or(0);
    let seen = rows.last().map_or(previous.checkpoint.upto, |row| row.id);
    let is_full = rows.len() as u64 >= STRETCH;
    let upto = if is_full { seen } else { seen.max(given) };
    Ok(Stretch { previous, upto, rows, copies })
}

/// The checkpoint with this number, what is wrong with it and its rows, and the number of the last one.
pub(crate) async fn verify<H: Host>(
    host: &H,
    roots: &WrapRoots,
    number: u64,
) -> Result<(Option<SealedCheckpoint>, Vec<Finding>, u64)> {
    let of_number = || vec![Value::from(number)];
    let answers = host
        .transaction(vec![
            Statement::new(sql::LAST_CHECKPOINT_ID, vec![]),
            Statement::new(sql::CHECKPOINT_AND_PREVIOUS, of_number()),
            Statement::new(sql::STRETCH, vec![number.into(), (2 * STRETCH).into()]),
            Statement::new(sql::STRETCH_COPIES, of_number()),
        ])
        .await?;
    let mut answers = answers.into_iter();
    let mut next = || nth(answers.by_ref().take(1).collect(), 0);
    let last = next()?.first(|row| row.read("id"))?.unwrap_or(0);
    let checkpoints = next()?.parse(SealedCheckpoint::read)?;
    let rows = next()?.parse(Row::read)?;
    let copies = next()?.column("id")?;
    let find = |number: u64| checkpoints.iter().find(|sealed| sealed.checkpoint.id == number).cloned();
    let removed = |number| Finding::new(Flaw::CheckpointRemoved, number, number);
    let Some(sealed) = find(number) else {
        let findings = if number <= last { vec![removed(number)] } else { Vec::new() };
        return Ok((None, findings, last));
    };
    let previous = find(number - 1).or_else(|| (number == 1).then(SealedCheckpoint::origin));
    // Without the one before it the rows cannot be told from others; that one is reported by its own number.
    let Some(previous) = previous else {
        return Ok((Some(sealed), Vec::new(), last));
    };
    let upto = sealed.checkpoint.upto;
    let findings = Stretch { previous, upto, rows, copies }.verify(&sealed, roots, number == last);
    Ok((Some(sealed), findings, last))
}

/// How many rows are from before rows were sealed.
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
