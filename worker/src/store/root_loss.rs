//! Write-off of lost wrap roots in the database: finds what is lost, and writes the event and the
//! checkpoint that record it.

use capy_protocol::api::{Finding, Flaw};
use capy_protocol::id::KeyId;
use capy_protocol::wrap::WrapRoots;

use super::audit::{checkpoint, checkpoint_values, pending};
use super::sql::audit as sql;
use crate::audit::{NeededRoot, RootLoss, Row, SealedCheckpoint, Segment, WriteOffRefusal};
use crate::host::{self, Host, Result, Rows, Statement, nth, query};

/// The rows that wait for a checkpoint, and what is lost with the roots.
pub(crate) async fn find<H: Host>(
    host: &H,
    roots: &WrapRoots,
    key_ids: &[KeyId],
) -> Result<(Segment, std::result::Result<RootLoss, WriteOffRefusal>)> {
    let segment = pending(host, roots).await?;
    let needed = needed(host, &segment, key_ids).await?;
    let (proven, between) = proven(host, roots).await?;
    let loss = RootLoss::of(&needed, &segment.previous, (&proven, between));
    Ok((segment, loss))
}

/// The rows without a checkpoint that name each root, except those that were written off before.
async fn needed<H: Host>(host: &H, segment: &Segment, key_ids: &[KeyId]) -> Result<Vec<NeededRoot>> {
    let written_off = segment.basis.written_off();
    let after = |key_id: KeyId| {
        let of_root = |finding: &&Finding| finding.flaw == Flaw::GivenUp && finding.key_id == Some(key_id);
        let ends = written_off.iter().filter(of_root).map(|finding| finding.last);
        ends.max().unwrap_or(0).max(segment.basis.checkpoint.upto)
    };
    let ask = |key_id: &KeyId| {
        let values = vec![after(*key_id).into(), u64::from(key_id.0).into()];
        Statement::new(sql::PENDING_OF_ROOT, values)
    };
    let answers = host.transaction(key_ids.iter().map(ask).collect()).await?;
    let mut needed = Vec::new();
    for (key_id, answer) in key_ids.iter().zip(answers) {
        let span = answer.first(span)?;
        needed.push(NeededRoot { key_id: *key_id, rows: span.flatten() });
    }
    Ok(needed)
}

/// The first and the last row's number of a span, and the number of rows.
fn span(row: host::Row<'_>) -> Result<Option<(u64, u64, u64)>> {
    let (first, last) = (row.read::<Option<u64>>("first")?, row.read::<Option<u64>>("last")?);
    let events = row.read("events")?;
    Ok(first.zip(last).map(|(first, last)| (first, last, events)))
}

/// The last checkpoint that its own seal proves, and how many rows later checkpoints cover.
async fn proven<H: Host>(host: &H, roots: &WrapRoots) -> Result<(SealedCheckpoint, u64)> {
    let held: Vec<String> = roots.key_ids().map(|key_id| key_id.to_string()).collect();
    let held = format!("[{}]", held.join(","));
    let found = query(host, sql::LAST_CHECKPOINT_UNDER, vec![held.into()]).await?;
    let proven = match found.first(SealedCheckpoint::read)?.filter(|sealed| sealed.is_valid(roots)) {
        Some(proven) => proven,
        // Nothing is proven: start at the beginning of the trail.
        None => checkpoint(host, 0).await?.unwrap_or_else(SealedCheckpoint::origin),
    };
    let sum = query(host, sql::COUNT_AFTER_CHECKPOINT, vec![proven.checkpoint.id.into()]).await?;
    let events = sum.first(|row| row.read("events"))?;
    Ok((proven, events.unwrap_or(0)))
}

/// Writes the event and the checkpoint. Writes nothing and returns `None` when another call made a
/// checkpoint meanwhile.
pub(crate) async fn record<H: Host>(
    host: &H,
    sealed: &SealedCheckpoint,
    event: &Row,
) -> Result<Option<SealedCheckpoint>> {
    let number = sealed.checkpoint.id;
    let mut values = event.values();
    values.push(number.into());
    let statements = vec![
        Statement::new(sql::EVENT_IF_NO_CHECKPOINT, values),
        Statement::new(sql::ADD_CHECKPOINT, checkpoint_values(sealed)),
        Statement::new(sql::CHECKPOINT, vec![number.into()]),
    ];
    let there = nth(host.transaction(statements).await?, 2)?.first(SealedCheckpoint::read)?;
    Ok(there.filter(|there| there.mac == sealed.mac))
}
