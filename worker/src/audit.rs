//! The rows of the audit trail and their seals. Pure: no database and no clock. What vouches for rows that are there
//! is in [`seals`].
//!
//! Each row carries an HMAC under a key of the newest wrap root, made before it is written, over everything in it but its
//! number. Nothing links it to another row, so that decrypts never wait for each other. Every few minutes a checkpoint
//! takes in what came since the last one: it checks the rows' seals, that no number is missing and no row is there
//! twice, and seals a digest over the rows and a digest over the whole checkpoint before it, seal included. So a row
//! stands under the newest root again and again, and an old root may go when nothing but it vouches for anything.
//!
//! A row that holds what the service cannot have written, such as a time before 1970, is taken as it is: it is a finding
//! of its own, which needs no root to be certain, and the sealing goes on.
//!
//! Not found: a row that is removed before the next checkpoint by somebody who also gives its number away, which
//! takes SQLite's own sequence. A client that remembers a checkpoint finds a trail that was shortened below it.

mod damage;
mod losses;
mod seals;

use std::fmt;

use capy_protocol::api::AuditEvent;
use capy_protocol::audit::Record;
use capy_protocol::id::{DeployId, ProjectId};
use capy_protocol::wrap::WrapRoots;

use crate::caller::Caller;
use crate::host::{self, Value};

pub use damage::Damage;
pub use losses::{Loss, Needed, Refusal};
pub use seals::{SealedCheckpoint, Stretch, Unsealable};

/// How many rows a checkpoint takes in at most.
pub const STRETCH: u64 = 500;

/// The greatest number of a row or a checkpoint: the greatest that D1 gives exactly.
pub const LAST_NUMBER: u64 = (1 << 53) - 1;

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

    /// The same, with what was decided, for people.
    pub(crate) fn with_detail(mut self, detail: Option<&str>) -> Self {
        self.detail = detail.map(str::to_owned);
        self
    }

    /// A project of the store, or one of its secrets; `detail` says which names and settings, never a value.
    pub fn of_project(project_id: &ProjectId, id: &impl fmt::Display, detail: Option<String>) -> Self {
        Self { project_id: project_id.to_string(), id: id.to_string(), detail }
    }

    /// Something of the service itself, such as an API token; `detail` says what was decided, for people.
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
    /// A CI's identities were trusted.
    AddTrust,
    /// A trust in a CI's identities was ended.
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
    /// The store's values are being sealed again.
    RotateStore,
    /// Rows from before there were seals were sealed.
    SealRows,
    /// A lost wrap root was given up, and what only it could prove.
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
    /// Its number. Zero until the database gives it one; not under the seal.
    pub id: u64,
    /// Random, so that a copy of a row is known. None in rows that the service did not write.
    pub event_id: Option<String>,
    /// The project; empty for what belongs to none.
    pub project_id: String,
    /// The deployment, or the API token or trust.
    pub subject: String,
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
    /// What was decided, for people.
    pub detail: Option<String>,
    /// The wrap root of the seal.
    pub key_id: Option<u32>,
    /// The seal.
    pub mac: Option<String>,
    /// What the service cannot have written, where there is any; those columns are empty here.
    pub damage: Option<Damage>,
}

impl Row {
    /// A sealed row.
    ///
    /// # Errors
    /// [`capy_protocol::Error::Randomness`], and what a ring without roots answers.
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

    /// As the database has it. A row that is there can be read, whatever is in it.
    pub(crate) fn read(row: host::Row<'_>) -> host::Result<Self> {
        let mut cells = damage::Cells::of(row);
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

    /// What the seal is over: everything but the number and the seal itself.
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

    /// The parameters of an event's statement.
    pub(crate) fn values(&self) -> Vec<Value> {
        let mut values = vec![self.subject.as_str().into()];
        values.extend(self.shared_values());
        values.push(self.event_id.as_deref().into());
        values.push(self.mac.as_deref().into());
        values.push(self.detail.as_deref().into());
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

    /// What the owner sees of it. A row that cannot be read is `unreadable`, with what of it can be.
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
