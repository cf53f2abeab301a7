//! Seals of the audit trail, and what is wrong with a stretch of it. Pure: rows and roots in, findings out.
//!
//! Each row carries an HMAC under a key of the newest wrap root, made before it is written. Nothing links it to another
//! row, so that decrypts never wait for each other. Every few minutes a checkpoint takes in what came since the last
//! one: it checks the rows' seals, that no number is missing and no row is there twice, and seals a digest over the
//! rows and the previous digest. So a row stands under the newest root again and again, and an old root may go.
//!
//! Not found: a row that is removed before the next checkpoint by somebody who also gives its number away, which
//! takes SQLite's own sequence. A client that remembers a checkpoint finds a trail that was shortened below it.

use capy_protocol::api::{AuditEvent, Checkpoint, Finding, Flaw};
use capy_protocol::audit::Record;
use capy_protocol::id::{DeployId, KeyId, ProjectId};
use capy_protocol::key::AuditKey;
use capy_protocol::wrap::WrapRoots;
use serde::Deserialize;

use crate::caller::Caller;
use crate::host::Value;

/// How many rows a checkpoint takes in at most.
pub const STRETCH: u64 = 500;

/// What happened, as the handlers know it.
#[derive(Clone, Debug)]
pub struct Event {
    /// What was done.
    pub action: Action,
    /// When: milliseconds since the Unix epoch.
    pub at: u64,
    /// Who did it, where a token was needed.
    pub actor: Option<String>,
    /// From where.
    pub caller: Caller,
}

/// What an event is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// A deployment was registered.
    Register,
    /// A key was asked for.
    Decrypt,
    /// A deployment was revoked.
    Revoke,
}

impl Action {
    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Decrypt => "decrypt",
            Self::Revoke => "revoke",
        }
    }
}

/// One row of the trail.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Row {
    /// Its number. Zero until the database gives it one; not under the seal.
    pub id: u64,
    /// Random, so that a copy of a row is known. None in rows that the service did not write.
    pub event_id: Option<String>,
    /// The project.
    pub project_id: String,
    /// The deployment.
    pub deploy_id: String,
    /// What was done.
    pub action: String,
    /// `ok`, or the code of the refusal.
    pub result: String,
    /// When.
    pub at: u64,
    /// By whom.
    pub actor: Option<String>,
    /// From which address.
    pub address: Option<String>,
    /// From which country.
    pub country: Option<String>,
    /// With what.
    pub user_agent: Option<String>,
    /// The wrap root of the seal.
    pub key_id: Option<u32>,
    /// The seal.
    pub mac: Option<String>,
}

impl Row {
    /// A sealed row.
    ///
    /// # Errors
    /// [`capy_protocol::Error::Randomness`], and what a ring without roots answers.
    pub fn seal(
        roots: &WrapRoots,
        event: &Event,
        project_id: &ProjectId,
        deploy_id: &DeployId,
        result: &str,
    ) -> capy_protocol::Result<Self> {
        let key_id = roots.newest()?;
        let mut event_id = [0; 16];
        getrandom::fill(&mut event_id).map_err(|_| capy_protocol::Error::Randomness)?;
        let mut row = Self {
            id: 0,
            event_id: Some(hex::encode(event_id)),
            project_id: project_id.to_string(),
            deploy_id: deploy_id.to_string(),
            action: event.action.as_str().to_owned(),
            result: result.to_owned(),
            at: event.at,
            actor: event.actor.clone(),
            address: event.caller.peer.address.clone(),
            country: event.caller.peer.country.clone(),
            user_agent: event.caller.user_agent.clone(),
            key_id: Some(key_id.0),
            mac: None,
        };
        row.mac = Some(roots.audit_key(key_id)?.seal(&row.record()));
        Ok(row)
    }

    /// What the seal is over: everything but the number and the seal itself.
    fn record(&self) -> Record {
        Record::of("capy/v1/audit-event")
            .text(self.event_id.as_deref())
            .text(Some(&self.project_id))
            .text(Some(&self.deploy_id))
            .text(Some(&self.action))
            .text(Some(&self.result))
            .number(self.at)
            .text(self.actor.as_deref())
            .text(self.address.as_deref())
            .text(self.country.as_deref())
            .text(self.user_agent.as_deref())
            .number(self.key_id.map_or(u64::MAX, u64::from))
    }

    /// The parameters of an event's statement.
    pub(crate) fn values(&self) -> Vec<Value> {
        let mut values = vec![self.deploy_id.as_str().into()];
        values.extend(self.shared_values());
        values.push(self.event_id.as_deref().into());
        values.push(self.mac.as_deref().into());
        values
    }

    /// Those that events of one call have in common.
    pub(crate) fn shared_values(&self) -> [Value; 9] {
        [
            self.project_id.as_str().into(),
            self.action.as_str().into(),
            self.result.as_str().into(),
            self.at.into(),
            self.address.as_deref().into(),
            self.country.as_deref().into(),
            self.user_agent.as_deref().into(),
            self.actor.as_deref().into(),
            self.key_id.map(u64::from).into(),
        ]
    }

    /// What the owner sees of it; none for a row about something that has no id.
    pub(crate) fn into_event(self) -> Option<AuditEvent> {
        Some(AuditEvent {
            id: self.id,
            at: self.at,
            action: self.action,
            result: self.result,
            deploy_id: DeployId::parse(&self.deploy_id).ok()?,
            actor: self.actor,
            address: self.address,
            country: self.country,
            user_agent: self.user_agent,
        })
    }
}

/// A checkpoint with its seal.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct SealedCheckpoint {
    /// What everybody may see.
    #[serde(flatten)]
    pub checkpoint: Checkpoint,
    /// What was wrong with the stretch when it was made, as JSON.
    pub flaws: String,
    /// The seal.
    pub mac: String,
}

impl SealedCheckpoint {
    /// What stands before the first one.
    pub fn origin() -> Self {
        let (digest, key_id) = (String::new(), KeyId(0));
        let checkpoint = Checkpoint { id: 0, upto: 0, count: 0, digest, key_id, at: 0 };
        Self { checkpoint, flaws: "[]".to_owned(), mac: String::new() }
    }

    /// What the seal is over: everything but the seal itself.
    fn record(&self) -> Record {
        let Checkpoint { id, upto, count, digest, key_id, at } = &self.checkpoint;
        Record::of("capy/v1/audit-checkpoint")
            .number(*id)
            .number(*upto)
            .number(*count)
            .text(Some(digest))
            .text(Some(&self.flaws))
            .number(key_id.0.into())
            .number(*at)
    }

    /// What is wrong with its own seal.
    fn flaw(&self, roots: &WrapRoots) -> Option<Finding> {
        let id = self.checkpoint.id;
        let finding = |flaw| Some(Finding { flaw, first: id, last: id });
        match roots.audit_key(self.checkpoint.key_id) {
            _ if id == 0 => None,
            Err(_) => finding(Flaw::CheckpointUnverifiable),
            Ok(key) if key.is_seal(&self.record(), &self.mac) => None,
            Ok(_) => finding(Flaw::CheckpointChanged),
        }
    }
}

/// Rows that came after a checkpoint.
#[derive(Clone, Debug)]
pub struct Stretch {
    /// The checkpoint before them.
    pub previous: SealedCheckpoint,
    /// The last number that was given to a row of this stretch.
    pub upto: u64,
    /// The rows, in the order of their numbers.
    pub rows: Vec<Row>,
    /// The numbers of those that are copies of an earlier row.
    pub copies: Vec<u64>,
}

impl Stretch {
    /// The checkpoint over this stretch, whatever is wrong with it: that is written down in it.
    ///
    /// # Errors
    /// What a ring without roots answers.
    pub fn seal(&self, roots: &WrapRoots, at: u64) -> capy_protocol::Result<SealedCheckpoint> {
        let mut flaws: Vec<Finding> = self.previous.flaw(roots).into_iter().collect();
        flaws.extend(self.flaws(roots));
        let key_id = roots.newest()?;
        let mut sealed = SealedCheckpoint {
            checkpoint: Checkpoint {
                id: self.previous.checkpoint.id + 1,
                upto: self.upto,
                count: self.rows.len() as u64,
                digest: self.digest(),
                key_id,
                at,
            },
            flaws: serde_json::to_string(&flaws).unwrap_or_default(),
            mac: String::new(),
        };
        sealed.mac = roots.audit_key(key_id)?.seal(&sealed.record());
        Ok(sealed)
    }

    /// What is wrong with this stretch by the checkpoint that was made over it. `is_last`: no later one vouches for it.
    pub fn verify(&self, sealed: &SealedCheckpoint, roots: &WrapRoots, is_last: bool) -> Vec<Finding> {
        let mut findings: Vec<Finding> = serde_json::from_str(&sealed.flaws).unwrap_or_default();
        let of_seal = sealed.flaw(roots);
        findings.extend(of_seal.filter(|one| is_last || one.flaw != Flaw::CheckpointUnverifiable));
        if self.digest() != sealed.checkpoint.digest {
            findings.extend(self.differences(&findings, roots));
        }
        findings
    }

    /// Which rows are not those that the checkpoint saw; all of them where none can be named.
    fn differences(&self, known: &[Finding], roots: &WrapRoots) -> Vec<Finding> {
        let mut found = self.flaws(roots);
        found.retain(|finding| finding.flaw != Flaw::Unverifiable && !known.contains(finding));
        if found.is_empty() {
            let (first, last) = (self.previous.checkpoint.upto + 1, self.upto);
            found.push(Finding { flaw: Flaw::Changed, first, last });
        }
        found
    }

    fn digest(&self) -> String {
        let Checkpoint { upto, digest, .. } = &self.previous.checkpoint;
        let mut all = Record::of("capy/v1/audit-stretch").text(Some(digest)).number(*upto).number(self.upto);
        for row in &self.rows {
            all = all.number(row.id);
            all.append(&row.record());
            all = all.text(row.mac.as_deref());
        }
        all.digest()
    }

    fn flaws(&self, roots: &WrapRoots) -> Vec<Finding> {
        let mut keys = Keys { roots, known: Vec::new() };
        let mut flaws = Vec::new();
        let mut expected = self.previous.checkpoint.upto + 1;
        for row in &self.rows {
            if row.id > expected {
                flaws.push(Finding { flaw: Flaw::Removed, first: expected, last: row.id - 1 });
            }
            expected = row.id + 1;
            if let Some(flaw) = self.flaw(row, &mut keys) {
                push(&mut flaws, Finding { flaw, first: row.id, last: row.id });
            }
        }
        if expected <= self.upto {
            flaws.push(Finding { flaw: Flaw::Removed, first: expected, last: self.upto });
        }
        flaws
    }

    fn flaw(&self, row: &Row, keys: &mut Keys<'_>) -> Option<Flaw> {
        let (Some(_), Some(key_id), Some(mac)) = (&row.event_id, row.key_id, &row.mac) else {
            return Some(Flaw::Added);
        };
        if self.copies.contains(&row.id) {
            return Some(Flaw::Added);
        }
        match keys.find(KeyId(key_id)) {
            None => Some(Flaw::Unverifiable),
            Some(key) if key.is_seal(&row.record(), mac) => None,
            Some(_) => Some(Flaw::Changed),
        }
    }
}

/// Neighbours with the same flaw are one finding.
fn push(flaws: &mut Vec<Finding>, next: Finding) {
    match flaws.last_mut() {
        Some(before) if before.flaw == next.flaw && before.last + 1 == next.first => before.last = next.last,
        _ => flaws.push(next),
    }
}

/// Each root's key is derived once for a stretch.
struct Keys<'a> {
    roots: &'a WrapRoots,
    known: Vec<(KeyId, Option<AuditKey>)>,
}

impl Keys<'_> {
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
