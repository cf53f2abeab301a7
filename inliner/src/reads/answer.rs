//! What a file's occurrences amount to.
//!
//! Owns the last word: reads that must stay for the whole file's sake, and wanted names that are none of the known. It
//! refuses to drop a name in silence.

use rustc_hash::FxHashSet;
use swc_atoms::Atom;

use super::flow::Written;
use super::resolve::Judge;
use super::{FileReads, Note, Read};
use crate::finding::Reason;

impl Judge<'_> {
    /// What remains are wanted names that occur without being any of the above.
    pub(super) fn finish(mut self) -> FileReads {
        for (target, (kind, at)) in std::mem::take(&mut self.restored) {
            if !self.replaced.remove(&target) {
                self.escapes(kind, at);
            }
        }
        for at in &self.replaced {
            self.out.notes.push(Note { at: *at, name: None, reason: Reason::EnvReplaced });
            self.lost = self.lost.or(Some(Reason::Replaced));
        }
        self.without_overlaps();
        self.out.replaces_process = !self.replaced.is_empty();
        self.shared_modules();
        let lost = self.lost;
        self.out.leave(|_| lost);
        // Who knows whose `process` it is: the real one may be handed on without its name.
        for at in self.facts.open_keys.iter().filter(|at| !self.reached.contains(at)) {
            self.out.notes.push(Note { at: *at, name: None, reason: Reason::DynamicKey });
        }
        self.perhaps_written();
        for mention in &self.facts.mentions {
            if !self.accounted.insert(mention.at) {
                continue;
            }
            let reason = match mention.written {
                _ if self.lost == Some(Reason::NotFollowed) => Reason::NotFollowed,
                Written::AfterProcessEnv => Reason::UnprovenProcess,
                Written::AfterEnv => Reason::Unproven,
                Written::Property | Written::Text if self.loads_process => Reason::Unproven,
                Written::Property | Written::Text => Reason::Mentioned,
            };
            let name = Some(mention.name.to_string());
            self.out.notes.push(Note { at: mention.at, name, reason });
        }
        for (name, at) in &self.facts.run {
            self.out.notes.push(Note { at: *at, name: Some(name.to_string()), reason: Reason::Eval });
        }
        self.out
    }

    /// Wanted names that may be written through something that is the environment, if it is.
    fn perhaps_written(&mut self) {
        for mention in self.facts.mentions.iter().filter(|one| !self.accounted.contains(&one.at)) {
            let is_text = mention.written == Written::Text;
            let of_env = matches!(mention.written, Written::AfterEnv | Written::AfterProcessEnv);
            if self.writes_any && is_text || mention.assigned && of_env {
                self.out.perhaps_written.insert(mention.name.to_string());
            } else if mention.assigned {
                self.out.assigned_somewhere.insert(mention.name.to_string());
            }
        }
    }

    /// Turbopack's modules have one id in all files.
    fn shared_modules(&mut self) {
        let ids: FxHashSet<&Atom> = self.modules.iter().map(|module| &module.id).collect();
        for module in &self.facts.defined {
            let is_process =
                self.modules.contains(module) && self.is_process_module(module.table, &module.id);
            let known = ids.contains(&module.id);
            if is_process {
                self.out.modules.insert(module.id.to_string());
            } else if known || self.others.is_process(&module.id) {
                self.out.refuted.insert(module.id.to_string());
            }
        }
    }

    /// A read may be an argument of a call that is itself read: what is replaced as a whole needs no edit inside.
    fn without_overlaps(&mut self) {
        let range = |read: &Read| (read.keep_until.unwrap_or(read.start), read.end);
        let inside = |(start, end), (from, to)| from <= start && end <= to && (from, to) != (start, end);
        self.out.reads.sort_by_key(|read| (read.start, std::cmp::Reverse(read.end)));
        self.out.reads.dedup_by_key(|read| (read.start, read.end));
        let mut outer: Option<(u32, u32)> = None;
        let mut whole = Vec::new();
        for one in self.out.reads.iter().map(range) {
            if outer.is_none_or(|outer| one.1 > outer.1) {
                outer = Some(one);
                whole.push(one);
            }
        }
        let is_inside = |one: (u32, u32)| {
            let before = whole.partition_point(|other| other.0 <= one.0);
            whole[..before].last().is_some_and(|other| inside(one, *other))
        };
        self.out.reads.retain(|read| !is_inside(range(read)));
        self.out.objects.retain(|object| !is_inside((object.start, object.end)));
    }
}
