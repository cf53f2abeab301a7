//! Audit trail rows and their seals. Pure: no database and no clock. Checkpoints over the rows are
//! in [`checkpoints`].
//!
//! Each row carries an HMAC over all of its columns but the number, under a key of the newest wrap
//! root, made before the row is written. Rows are not chained to each other, so that concurrent
//! decrypts never wait for each other.
//!
//! Every few minutes a checkpoint covers the rows since the last one: it verifies their seals,
//! checks that no number is missing and that no row occurs twice, and seals a digest over the rows
//! and a digest over the whole previous checkpoint, seal included. Each new checkpoint thereby
//! proves the older rows under the newest root, and an old root can be removed once nothing depends
//! on it alone.
//!
//! A row with values that the service cannot have written, such as a time before 1970, does not
//! stop the checkpoints: it is reported as a finding, for which no root is needed.
//!
//! Not detected: a row that is removed before the next checkpoint by somebody who also frees its
//! number, for which SQLite's own sequence has to be changed. A client that remembers a checkpoint
//! detects a trail that was shortened to below it.

mod checkpoints;
mod root_loss;

use std::fmt;

use capy_protocol::api::AuditEvent;
use capy_protocol::audit::Record;
use capy_protocol::id::{DeployId, ProjectId};
use capy_protocol::wrap::WrapRoots;

use crate::caller::Caller;
use crate::host::{self, Cell, FromCell, Value};

pub use checkpoints::{SealedCheckpoint, Segment, Unsealable};
pub use root_loss::{NeededRoot, RootLoss, WriteOffRefusal};

/// The most rows that one checkpoint covers.
pub const SEGMENT_ROWS_MAX: u64 = 500;

/// The greatest number of a row or a checkpoint: the greatest integer that D1 returns exactly.
pub const LAST_NUMBER: u64 = (1 << 53) - 1;

/// What happened, as the handlers describe it.
#[derive(Clone, Debug)]
pub struct Event {
    /// What was done.
    pub action: Action,
    /// When: milliseconds since the Unix epoch.
    pub at: u64,
    /// Who did it; `None` on routes that need no token.
    pub actor: Option<String>,
    /// Where the request came from.
    pub caller: Caller,
}

/// What an event is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subject {
    /// Empty for what belongs to no project.
    project_id: String,
    id: String,
    detail: Option<String>,
}

impl Subject {
    /// A deployment.
    pub fn deploy(project_id: &ProjectId, deploy_id: &DeployId) -> Self {
        Self { project_id: project_id.to_string(), id: deploy_id.to_string(), detail: None }
    }

    /// The same subject with a detail for people: what was decided.
    pub(crate) fn with_detail(mut self, detail: Option<&str>) -> Self {
        self.detail = detail.map(str::to_owned);
        self
    }

    /// A project of the store, or one of its secrets. `detail` has names and settings, never a
    /// value.
    pub fn of_project(project_id: &ProjectId, id: &impl fmt::Display, detail: Option<String>) -> Self {
        Self { project_id: project_id.to_string(), id: id.to_string(), detail }
    }

    /// Something of the service itself, such as an API token. `detail` has what was decided, for
    /// people.
    pub fn of_service(id: &impl fmt::Display, detail: Option<String>) -> Self {
        Self { project_id: String::new(), id: id.to_string(), detail }
    }
}

/// What was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// A deployment was registered.
    Register,
    /// A key was asked for.
    Decrypt,
    /// A deployment was revoked.
    Revoke,
    /// An API token was made.
    CreateToken,
    /// An API token was revoked.
    RevokeToken,
    /// An issuer's CI identities were trusted.
    AddTrust,
    /// A trust in CI identities was removed.
    RemoveTrust,
    /// A project was made in the store.
    CreateProject,
    /// A project of the store, or values of it, were changed.
    ChangeProject,
    /// A project was removed from the store.
    RemoveProject,
    /// A secret was removed from the store.
    RemoveSecret,
    /// A project's sealed values were asked for.
    TakeRows,
    /// A rotation of the store's keys began: its values are sealed again under the newest key.
    RotateStore,
    /// Rows from before row seals existed were sealed.
    SealRows,
    /// A lost wrap root was given up, together with the rows that only it could prove.
    GiveUpRoot,
}

impl Action {
    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Decrypt => "decrypt",
            Self::Revoke => "revoke",
            Self::CreateToken => "create-token",
            Self::RevokeToken => "revoke-token",
            Self::AddTrust => "add-trust",
            Self::RemoveTrust => "remove-trust",
            Self::CreateProject => "create-project",
            Self::ChangeProject => "change-project",
            Self::RemoveProject => "remove-project",
            Self::RemoveSecret => "remove-secret",
            Self::TakeRows => "take-rows",
            Self::RotateStore => "rotate-store",
            Self::SealRows => "seal-rows",
            Self::GiveUpRoot => "give-up-root",
        }
    }
}

/// One row of the trail.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The row's number. Zero until the database assigns it; not covered by the seal.
    pub id: u64,
    /// Random, so that a copied row is detected. `None` in rows that the service did not write.
    pub event_id: Option<String>,
    /// The project; empty for events that belong to none.
    pub project_id: String,
    /// The id of what the event is about: a deployment, an API token, a trust, a project and so on.
    pub subject: String,
    /// What was done.
    pub action: String,
    /// `ok`, or the code of the refusal.
    pub result: String,
    /// Milliseconds since the Unix epoch.
    pub at: u64,
    /// Who did it.
    pub actor: Option<String>,
    /// The caller's address.
    pub address: Option<String>,
    /// The caller's country.
    pub country: Option<String>,
    /// The caller's user agent.
    pub user_agent: Option<String>,
    /// A detail for people: what was decided.
    pub detail: Option<String>,
    /// The id of the wrap root that the seal was made under.
    pub key_id: Option<u32>,
    /// The seal.
    pub mac: Option<String>,
    /// The row as it is in the database, when it holds values that the service cannot have written.
    /// The columns with such values have their default here.
    pub damage: Option<Damage>,
}

impl Row {
    /// Creates a sealed row.
    ///
    /// # Errors
    /// [`capy_protocol::Error::Randomness`], and the error of a key ring without roots.
    pub fn seal(
        roots: &WrapRoots,
        event: &Event,
        subject: Subject,
        result: &str,
    ) -> capy_protocol::Result<Self> {
        let key_id = roots.newest()?;
        let mut event_id = [0; 16];
        getrandom::fill(&mut event_id).map_err(|_| capy_protocol::Error::Randomness)?;
        let mut row = Self {
            id: 0,
            event_id: Some(hex::encode(event_id)),
            project_id: subject.project_id,
            subject: subject.id,
            action: event.action.as_str().to_owned(),
            result: result.to_owned(),
            at: event.at,
            actor: event.actor.clone(),
            address: event.caller.peer.address.clone(),
            country: event.caller.peer.country.clone(),
            user_agent: event.caller.user_agent.clone(),
            detail: subject.detail,
            key_id: Some(key_id.0),
            mac: None,
            damage: None,
        };
        row.mac = Some(roots.audit_key(key_id)?.seal(&row.record()));
        Ok(row)
    }

    /// Reads a row from the database. A row with unexpected values is no error: it is read with its
    /// [`Damage`].
    pub(crate) fn read(row: host::Row<'_>) -> host::Result<Self> {
        let mut cells = Cells::of(row);
        let mut read = Self {
            id: row.read("id")?,
            event_id: cells.read("event_id")?,
            project_id: cells.read("project_id")?,
            subject: cells.read("subject")?,
            action: cells.read("action")?,
            result: cells.read("result")?,
            at: cells.read("at")?,
            actor: cells.read("actor")?,
            address: cells.read("address")?,
            country: cells.read("country")?,
            user_agent: cells.read("user_agent")?,
            detail: cells.read("detail")?,
            key_id: cells.read("key_id")?,
            mac: cells.read("mac")?,
            damage: None,
        };
        read.damage = cells.damage("capy/v1/audit-event-damage");
        Ok(read)
    }

    /// The record that the seal covers: all columns but the number and the seal itself.
    fn record(&self) -> Record {
        Damage::record_or(self.damage.as_ref(), || self.whole_record())
    }

    fn whole_record(&self) -> Record {
        Record::of("capy/v1/audit-event")
            .text(self.event_id.as_deref())
            .text(Some(&self.project_id))
            .text(Some(&self.subject))
            .text(Some(&self.action))
            .text(Some(&self.result))
            .number(self.at)
            .text(self.actor.as_deref())
            .text(self.address.as_deref())
            .text(self.country.as_deref())
            .text(self.user_agent.as_deref())
            .text(self.detail.as_deref())
            .number(self.key_id.map_or(u64::MAX, u64::from))
    }

    /// The parameters of [`EVENT`](crate::store::audit::EVENT).
    pub(crate) fn values(&self) -> Vec<Value> {
        let mut values = vec![self.subject.as_str().into()];
        values.extend(self.shared_values());
        values.push(self.event_id.as_deref().into());
        values.push(self.mac.as_deref().into());
        values.push(self.detail.as_deref().into());
        values
    }

    /// The parameters that all events of one call have in common.
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

    /// The event as the owner sees it. A damaged row has the action `unreadable`, and those columns
    /// that can be read.
    pub(crate) fn into_event(self) -> AuditEvent {
        let action = if self.damage.is_some() { "unreadable".to_owned() } else { self.action };
        AuditEvent {
            id: self.id,
            at: self.at,
            action,
            result: self.result,
            subject: self.subject,
            actor: self.actor,
            address: self.address,
            country: self.country,
            user_agent: self.user_agent,
            detail: self.detail,
        }
    }
}

/// A damaged row as digests cover it, so that a checkpoint distinguishes it from other rows. It has
/// values that the service cannot have written, such as a time before 1970, a number in a text
/// column, or NULL in a required column, which proves that somebody else wrote to the database.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage(Record);

impl Damage {
    /// The record that stands for a row in digests: the damaged row as it is, or else the record of
    /// its columns.
    fn record_or(damage: Option<&Self>, whole: impl FnOnce() -> Record) -> Record {
        damage.map_or_else(whole, |damage| damage.0.clone())
    }
}

/// Reads a row column by column, and keeps what it read.
struct Cells<'a> {
    row: host::Row<'a>,
    /// All cells read so far.
    read: Vec<Cell>,
    is_damaged: bool,
}

impl<'a> Cells<'a> {
    fn of(row: host::Row<'a>) -> Self {
        Self { row, read: Vec::new(), is_damaged: false }
    }

    /// Reads a column. A value that the service cannot have written marks the row as damaged, and
    /// the default is returned.
    fn read<T: FromCell + Default>(&mut self, column: &'static str) -> host::Result<T> {
        let cell = self.row.cell(column)?;
        self.read.push(cell.clone());
        Ok(T::from_cell(cell).unwrap_or_else(|| {
            self.is_damaged = true;
            T::default()
        }))
    }

    /// The damage, when any column was damaged.
    fn damage(self, domain: &str) -> Option<Damage> {
        let add = |record: Record, cell: &Cell| match cell {
            Cell::Null => record.text(None),
            Cell::Integer(number) => record.number(number.cast_unsigned()),
            Cell::Text(text) => record.text(Some(text)),
            // The host does not return such a value exactly, so that all of them have the same
            // record.
            Cell::Unsupported => record.number(u64::MAX).text(None),
        };
        self.is_damaged.then(|| Damage(self.read.iter().fold(Record::of(domain), add)))
    }
}
