//! Finds the reads of the environment in a file's syntax tree.
//!
//! Resolves every name by its scope. Each use of a wanted name becomes a read, a write, or a note
//! with the reason why it stays.

mod alias;
mod answer;
mod calls;
mod copies;
mod declare;
mod early;
mod facts;
mod flow;
mod follow;
mod interop;
mod modules;
mod patterns;
mod ports;
mod resolve;
pub(crate) mod scope;
mod settle;
mod target;
mod test;
mod text;
mod value;
mod walk;

pub(crate) use settle::{find, find_within};
pub(crate) use value::{constant, property_name};

use std::collections::{BTreeMap, BTreeSet};

use crate::finding::Reason;

/// The names to look for.
pub(crate) trait Wanted {
    fn is_wanted(&self, name: &str) -> bool;
    /// All of them, in no order.
    fn all(&self) -> Box<dyn Iterator<Item = &str> + '_>;
}

/// The exports of other files.
pub(crate) trait Others {
    /// The export of a file that is imported as `source`.
    fn exported(&self, source: &str, name: &str) -> Option<Shared>;
    /// All exports of that file that are known.
    fn all(&self, source: &str) -> Vec<(String, Shared)>;
    /// Whether a bundler's module is nothing but the process module.
    fn is_process(&self, id: &str) -> bool;
}

/// An export that may be the environment or leads to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shared(alias::Kind);

/// What one file does with the environment. Offsets are bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct FileReads {
    pub(crate) reads: Vec<Read>,
    pub(crate) objects: Vec<ObjectRead>,
    /// Names that are assigned, updated or deleted: name, offset, reason.
    pub(crate) writes: Vec<(String, u32, Reason)>,
    /// Names that may be written to the environment: by a computed name, or as a property of some other `env`.
    pub(crate) perhaps_written: BTreeSet<String>,
    /// Properties of something, which may be the environment if that is handed on.
    pub(crate) assigned_somewhere: BTreeSet<String>,
    /// What another object holds is copied to the environment: any name may be written.
    pub(crate) writes_all: bool,
    /// `process` or its environment is replaced.
    pub(crate) replaces_process: bool,
    pub(crate) notes: Vec<Note>,
    /// What other files can take from this one, for certain.
    pub(crate) exports: BTreeMap<String, Shared>,
    /// Turbopack's modules that are the process module, and those that are not although another file says so.
    pub(crate) modules: BTreeSet<String>,
    pub(crate) refuted: BTreeSet<String>,
}

impl FileReads {
    /// What a part of a file tells, at its place in the file: `to` is where the part starts there, `from` where it does
    /// here. `None` when it tells something about the file as a whole.
    pub(crate) fn of_part(mut self, to: u32, from: u32) -> Option<Self> {
        let (mut reads, mut objects, mut notes) = (
            std::mem::take(&mut self.reads),
            std::mem::take(&mut self.objects),
            std::mem::take(&mut self.notes),
        );
        let moved = |at: &mut u32| *at = *at - from + to;
        for read in &mut reads {
            read.keep_until.iter_mut().chain([&mut read.start, &mut read.end]).for_each(moved);
        }
        objects.iter_mut().flat_map(|object| [&mut object.start, &mut object.end]).for_each(moved);
        notes.iter_mut().for_each(|note| moved(&mut note.at));
        (self == Self::default()).then_some(Self { reads, objects, notes, ..self })
    }

    /// Turns the reads inside of these ranges into notes; the ranges are in order.
    pub(crate) fn leave_within(&mut self, ranges: &[(u32, u32)], reason: Reason) {
        // Where the ranges that begin before end at the latest: one of them may hold another.
        let ends: Vec<u32> = ranges
            .iter()
            .scan(0, |last, (_, end)| {
                *last = (*last).max(*end);
                Some(*last)
            })
            .collect();
        let is_inside = |at: u32| {
            let before = ranges.partition_point(|(start, _)| *start <= at);
            before.checked_sub(1).is_some_and(|last| at < ends[last])
        };
        self.leave_where(|_, at| is_inside(at).then_some(reason));
    }

    /// Turns reads into notes, where `reason` has one for the name.
    fn leave(&mut self, reason: impl Fn(&str) -> Option<Reason>) {
        self.leave_where(|name, _| reason(name));
    }

    fn leave_where(&mut self, reason: impl Fn(&str, u32) -> Option<Reason>) {
        let notes = &mut self.notes;
        let mut stays = |name: &str, at: u32| {
            let reason = reason(name, at);
            notes.extend(reason.map(|reason| Note { at, name: Some(name.to_owned()), reason }));
            reason.is_none()
        };
        self.reads.retain(|read| stays(&read.name, read.start));
        for object in &mut self.objects {
            object.names.retain(|name| stays(name, object.start));
        }
        self.objects.retain(|object| !object.names.is_empty());
    }
}

/// `start..end` evaluates to one variable.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) name: String,
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Everything before this offset has effects and must still be evaluated (`(t = process.env).X`).
    pub(crate) keep_until: Option<u32>,
    /// The read begins the callee of a `new`.
    pub(crate) constructed: bool,
}

/// `start..end` evaluates to the environment, or to `process`, and only these names are then taken from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObjectRead {
    pub(crate) of: Object,
    pub(crate) names: Vec<String>,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Object {
    Env,
    Process,
}

/// Something that is left as it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) at: u32,
    pub(crate) name: Option<String>,
    pub(crate) reason: Reason,
}
