//! The audit trail: rows, which are only ever added, the checkpoints over them, and the write-off
//! of lost wrap roots.

use capy_protocol::api::{AuditEvent, Finding, Flaw};
use capy_protocol::id::{KeyId, ProjectId};
use capy_protocol::wrap::WrapRoots;

use super::PAGE;
use crate::audit::{
    LAST_NUMBER, NeededRoot, RootLoss, Row, SEGMENT_ROWS_MAX, SealedCheckpoint, Segment, Unsealable,
    WriteOffRefusal,
};
use crate::host::{self, Host, Result, Rows, Statement, Value, nth, query};

/// The text of a statement that adds an event for each selected row. Arguments: the rest of the
/// SELECT, or else what is added to the last number, the values, and the rest of the SELECT.
///
/// Parameters: ?1 subject, ?2 project, ?3 action, ?4 result, ?5 time, ?6 address, ?7 country, ?8
/// user agent, ?9 actor, ?10 wrap root, ?11 event id, ?12 seal, ?13 detail.
///
/// The last number is the one that was assigned to a row. Numbers that somebody else wrote and
/// after which D1 returns no integer exactly are ignored: SQLite's own counter would continue from
/// such a number, and end at its own last one.
macro_rules! add_event {
    ($rest:literal) => {
        $crate::store::audit::add_event!(
            " + 1",
            "?2, ?1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13",
            $rest
        )
    };
    ($add:literal, $values:literal, $rest:literal) => {
        concat!(
            "INSERT INTO audit (id, project_id, subject, action, result, at, address, country, user_agent, ",
            "actor, key_id, event_id, mac, detail) SELECT ",
            "max(ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'audit' AND typeof(seq) = 'integer' \
            AND seq BETWEEN 0 AND 9007199254740990), 0), \
            ifnull((SELECT id FROM audit WHERE id BETWEEN 1 AND 9007199254740990 ORDER BY id DESC LIMIT 1), 0))",
            $add,
            ", ",
            $values,
            " ",
            $rest
        )
    };
}
pub(super) use add_event;

/// Adds an event.
pub const EVENT: &str = add_event!("");

/// Adds an event that belongs to no change.
pub(crate) async fn append<H: Host>(host: &H, row: &Row) -> Result<()> {
    query(host, EVENT, row.values()).await.map(drop)
}

/// At most ?3 events of project ?1 before number ?2, newest first.
pub const EVENTS: &str = "SELECT * FROM audit \
    WHERE project_id = ?1 AND id > 0 AND id < ?2 ORDER BY id DESC LIMIT ?3";

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
    let mut rows = query(host, EVENTS, values).await?.parse(Row::read)?;
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

/// Adds a checkpoint, unless its number is taken.
pub const ADD_CHECKPOINT: &str = "INSERT INTO audit_checkpoints \
    (id, upto, count, digest, flaws, key_id, mac, at, previous) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
    ON CONFLICT (id) DO NOTHING";

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
    query(host, ADD_CHECKPOINT, checkpoint_values(&sealed)).await?;
    // Another call may have made this checkpoint first: the stored one counts.
    Ok(Sealing::Made(checkpoint(host, sealed.checkpoint.id).await?))
}

/// The number of rows after number ?1.
pub const PENDING_COUNT: &str = "SELECT count(*) AS pending FROM audit WHERE id > ?1";

/// The number of rows after this number.
async fn pending_count<H: Host>(host: &H, after: u64) -> Result<u64> {
    let count = query(host, PENDING_COUNT, vec![after.into()]).await?;
    Ok(count.first(|row| row.read("pending"))?.unwrap_or(0))
}

/// How many rows and checkpoints need each wrap root: the rows after the last checkpoint, and that
/// checkpoint.
pub const NEEDED_BY_TRAIL: &str = "SELECT key_id, sum(needing) AS needing FROM (\
    SELECT key_id, count(*) AS needing FROM audit \
    WHERE id > ifnull((SELECT upto FROM audit_checkpoints ORDER BY id DESC LIMIT 1), 0) GROUP BY key_id \
    UNION ALL SELECT key_id, 1 FROM (SELECT * FROM audit_checkpoints WHERE id > 0 ORDER BY id DESC LIMIT 1)) \
    WHERE key_id BETWEEN 0 AND 4294967295 GROUP BY key_id ORDER BY key_id";

/// How many rows and checkpoints need each wrap root, because nothing else proves them.
pub(crate) async fn needed_by_trail<H: Host>(host: &H) -> Result<Vec<(KeyId, u64)>> {
    let counts = query(host, NEEDED_BY_TRAIL, vec![]).await?;
    counts.parse(|row| Ok((row.read("key_id")?, row.read("needing")?)))
}

/// The most changed checkpoints that the next one steps over.
const SKIPPED_CHECKPOINTS_MAX: u64 = 16;

/// The last ?1 checkpoints, newest first. Skips numbers that D1 does not return exactly, which the
/// service never assigns.
pub const LAST_CHECKPOINTS: &str = "SELECT * FROM audit_checkpoints \
    WHERE id BETWEEN 0 AND 9007199254740991 ORDER BY id DESC LIMIT ?1";

/// The rows after the last checkpoint, or after the last intact one when those that follow it were
/// certainly changed.
async fn pending<H: Host>(host: &H, roots: &WrapRoots) -> Result<Segment> {
    let newest_first = query(host, LAST_CHECKPOINTS, vec![(SKIPPED_CHECKPOINTS_MAX + 1).into()]).await?;
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

/// At most ?3 rows after number ?1, up to number ?2.
pub const SEGMENT: &str = "SELECT * FROM audit WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3";

/// Those of the rows of [`SEGMENT`] that are copies of an earlier row.
pub const SEGMENT_COPIES: &str = "SELECT id FROM (SELECT id, event_id FROM audit \
    WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3) new \
    WHERE EXISTS (SELECT 1 FROM audit old WHERE old.event_id = new.event_id AND old.id < new.id)";

/// The last number that was assigned to an event, even when its row is gone.
pub const SEQUENCE: &str = "SELECT seq FROM sqlite_sequence WHERE name = 'audit'";

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
            Statement::new(SEGMENT, limits()),
            Statement::new(SEGMENT_COPIES, limits()),
            Statement::new(SEQUENCE, vec![]),
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

/// The last checkpoint's number.
pub const LAST_CHECKPOINT_ID: &str = "SELECT id FROM audit_checkpoints \
    WHERE id BETWEEN 0 AND 9007199254740991 ORDER BY id DESC LIMIT 1";

/// The number of the first checkpoint after ?1.
pub const NEXT_CHECKPOINT_ID: &str = "SELECT id FROM audit_checkpoints \
    WHERE id > ?1 AND id <= 9007199254740991 ORDER BY id LIMIT 1";

/// The checkpoint ?1 and the one before it.
pub const CHECKPOINT_AND_PREVIOUS: &str =
    "SELECT * FROM audit_checkpoints WHERE id BETWEEN ?1 - 1 AND ?1 ORDER BY id";

/// Verifies the checkpoint with this number and its rows.
pub(crate) async fn verify<H: Host>(host: &H, roots: &WrapRoots, number: u64) -> Result<Verified> {
    let answers = host
        .transaction(vec![
            Statement::new(LAST_CHECKPOINT_ID, vec![]),
            Statement::new(CHECKPOINT_AND_PREVIOUS, vec![number.into()]),
            Statement::new(NEXT_CHECKPOINT_ID, vec![number.into()]),
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
        .transaction(vec![Statement::new(SEGMENT, limits()), Statement::new(SEGMENT_COPIES, limits())])
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

/// Whether there are rows and checkpoints with numbers that the service never assigns: before the
/// first one, and after the last one that D1 returns exactly.
pub const OUT_OF_RANGE: &str = "SELECT EXISTS (SELECT 1 FROM audit WHERE id < 1) AS rows_before, \
    EXISTS (SELECT 1 FROM audit WHERE id > 9007199254740991) OR EXISTS (SELECT 1 FROM sqlite_sequence \
    WHERE name = 'audit' AND (typeof(seq) <> 'integer' OR seq > 9007199254740991)) AS rows_after, \
    EXISTS (SELECT 1 FROM audit_checkpoints WHERE id < 0) AS checkpoints_before, \
    EXISTS (SELECT 1 FROM audit_checkpoints WHERE id > 9007199254740991) AS checkpoints_after";

/// Looks for rows and checkpoints with numbers that the service never assigns.
pub(crate) async fn out_of_range<H: Host>(host: &H) -> Result<OutOfRange> {
    let found = query(host, OUT_OF_RANGE, vec![]).await?.first(|row| {
        let is = |column| row.read::<u64>(column).map(|found| found > 0);
        Ok(OutOfRange {
            rows_before: is("rows_before")?,
            rows_after: is("rows_after")?,
            checkpoints: is("checkpoints_before")? || is("checkpoints_after")?,
        })
    })?;
    Ok(found.unwrap_or(OutOfRange { rows_before: false, rows_after: false, checkpoints: false }))
}

/// Records that the sealing ran at ?1 and sealed everything.
pub const SEALED: &str = "INSERT INTO sealing (id, ran_at) VALUES (1, ?1) \
    ON CONFLICT (id) DO UPDATE SET ran_at = ?1, stopped_at = NULL, reason = NULL";

/// Records that everything is sealed.
pub(crate) async fn record_sealed<H: Host>(host: &H, now: u64) -> Result<()> {
    query(host, SEALED, vec![now.into()]).await.map(drop)
}

/// Records that the sealing ran at ?1 and stopped because of ?2. Returns since when it has stopped.
pub const STOPPED: &str = "INSERT INTO sealing (id, ran_at, stopped_at, reason) VALUES (1, ?1, ?1, ?2) \
    ON CONFLICT (id) DO UPDATE SET ran_at = ?1, stopped_at = ifnull(stopped_at, ?1), reason = ?2 \
    RETURNING stopped_at";

/// Records why the sealing has stopped, and returns since when.
pub(crate) async fn record_stop<H: Host>(host: &H, reason: &str, now: u64) -> Result<u64> {
    let since = query(host, STOPPED, vec![now.into(), reason.into()]).await?;
    Ok(since.first(|row| row.read_if_valid("stopped_at"))?.flatten().unwrap_or(now))
}

/// The recorded state of the sealing.
pub(crate) struct SealingState {
    /// When the sealing last ran.
    pub(crate) ran_at: u64,
    /// When the sealing stopped, and why; `None` while it runs.
    pub(crate) stopped: Option<(u64, String)>,
}

/// When the sealing last ran, and why it stopped.
pub const SEALING: &str = "SELECT * FROM sealing WHERE id = 1";

/// The recorded state of the sealing; `None` when it never ran.
pub(crate) async fn sealing<H: Host>(host: &H) -> Result<Option<SealingState>> {
    query(host, SEALING, vec![]).await?.first(|row| {
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

/// The checkpoint ?1.
pub const CHECKPOINT: &str = "SELECT * FROM audit_checkpoints WHERE id = ?1";

async fn checkpoint<H: Host>(host: &H, number: u64) -> Result<Option<SealedCheckpoint>> {
    query(host, CHECKPOINT, vec![number.into()]).await?.first(SealedCheckpoint::read)
}

fn checkpoint_values(sealed: &SealedCheckpoint) -> Vec<Value> {
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

/// The rows that wait for a checkpoint, and what is lost with the roots.
pub(crate) async fn find_loss<H: Host>(
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

/// The first, the last and the number of rows after number ?1 that name wrap root ?2.
pub const PENDING_OF_ROOT: &str = "SELECT min(id) AS first, max(id) AS last, count(*) AS events FROM audit \
    WHERE id > ?1 AND key_id = ?2";

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
        Statement::new(PENDING_OF_ROOT, values)
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

/// The last checkpoint under one of the wrap roots in the JSON array ?1.
pub const LAST_CHECKPOINT_UNDER: &str = "SELECT * FROM audit_checkpoints \
    WHERE id > 0 AND key_id IN (SELECT value FROM json_each(?1)) ORDER BY id DESC LIMIT 1";

/// How many rows the checkpoints after ?1 cover.
pub const COUNT_AFTER_CHECKPOINT: &str =
    "SELECT ifnull(sum(count), 0) AS events FROM audit_checkpoints WHERE id > ?1";

/// The last checkpoint that its own seal proves, and how many rows later checkpoints cover.
async fn proven<H: Host>(host: &H, roots: &WrapRoots) -> Result<(SealedCheckpoint, u64)> {
    let held: Vec<String> = roots.key_ids().map(|key_id| key_id.to_string()).collect();
    let held = format!("[{}]", held.join(","));
    let found = query(host, LAST_CHECKPOINT_UNDER, vec![held.into()]).await?;
    let proven = match found.first(SealedCheckpoint::read)?.filter(|sealed| sealed.is_valid(roots)) {
        Some(proven) => proven,
        // Nothing is proven: start at the beginning of the trail.
        None => checkpoint(host, 0).await?.unwrap_or_else(SealedCheckpoint::origin),
    };
    let sum = query(host, COUNT_AFTER_CHECKPOINT, vec![proven.checkpoint.id.into()]).await?;
    let events = sum.first(|row| row.read("events"))?;
    Ok((proven, events.unwrap_or(0)))
}

/// Adds an event, unless checkpoint ?14 exists.
pub const EVENT_IF_NO_CHECKPOINT: &str =
    add_event!("WHERE NOT EXISTS (SELECT 1 FROM audit_checkpoints WHERE id = ?14)");

/// Writes the event and the checkpoint. Writes nothing and returns `None` when another call made a
/// checkpoint meanwhile.
pub(crate) async fn record_loss<H: Host>(
    host: &H,
    sealed: &SealedCheckpoint,
    event: &Row,
) -> Result<Option<SealedCheckpoint>> {
    let number = sealed.checkpoint.id;
    let mut values = event.values();
    values.push(number.into());
    let statements = vec![
        Statement::new(EVENT_IF_NO_CHECKPOINT, values),
        Statement::new(ADD_CHECKPOINT, checkpoint_values(sealed)),
        Statement::new(CHECKPOINT, vec![number.into()]),
    ];
    let there = nth(host.transaction(statements).await?, 2)?.first(SealedCheckpoint::read)?;
    Ok(there.filter(|there| there.mac == sealed.mac))
}
