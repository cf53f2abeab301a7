//! From what a walk saw to what is certain.
//!
//! Owns the judgement: which occurrences are the real `process`, which names are nothing but aliases of it, and what
//! each chain of properties therefore reads. An alias counts only when every value it can take is known; it refuses
//! the others by name.

use std::collections::{HashMap, HashSet};

use swc_atoms::Atom;
use swc_ecma_ast::Program;

use super::alias::{Alias, Binds, Home, Kind, aliases};
use super::flow::{Binding, Escape, Pattern, PatternValue, Sink, Step, Use};
use super::walk::{Facts, Imported, Tracked, walk};
use super::{FileReads, Note, Object, ObjectRead, Read, Wanted};
use crate::report::Reason;

const ROOTS: [(&str, Kind); 3] =
    [("process", Kind::Process), ("globalThis", Kind::Global), ("global", Kind::Global)];

/// Chains of aliases longer than this are not followed; what they read is noted as a mention.
const MOST_ROUNDS: usize = 8;

/// Finds every read of the wanted names in a file.
pub(crate) fn find(program: &Program, wanted: &dyn Wanted) -> FileReads {
    let mut binds = Binds::new();
    let mut rounds = 0;
    loop {
        let facts = walk(program, &tracked(&binds), Some(wanted));
        let mut judge = Judge::new(&facts, &binds, wanted);
        judge.all();
        rounds += 1;
        let known = binds.len();
        let found = std::mem::take(&mut judge.found);
        if rounds == MOST_ROUNDS || found.keys().all(|binding| binds.contains_key(binding)) {
            return judge.finish();
        }
        binds.extend(found);
        debug_assert!(binds.len() > known);
    }
}

fn tracked(binds: &Binds) -> Tracked {
    let roots = ROOTS.iter().map(|(name, _)| Atom::from(*name));
    roots.chain(binds.keys().map(|binding| binding.name.clone())).collect()
}

struct Judge<'a> {
    facts: &'a Facts,
    wanted: &'a dyn Wanted,
    aliases: HashMap<Home, Alias>,
    found: Binds,
    accounted: HashSet<u32>,
    out: FileReads,
}

/// The occurrence that is being judged.
struct Place<'u> {
    used: &'u Use,
    home: Option<Home>,
    /// Why nothing may be replaced here, if so.
    doubt: Option<Reason>,
}

impl<'a> Judge<'a> {
    fn new(facts: &'a Facts, binds: &Binds, wanted: &'a dyn Wanted) -> Self {
        let aliases = aliases(facts, binds);
        let (found, accounted, out) = (Binds::new(), HashSet::new(), FileReads::default());
        Self { facts, wanted, aliases, found, accounted, out }
    }

    fn all(&mut self) {
        for (binding, imported) in &self.facts.imports {
            let kind = if *imported == Imported::Env { Kind::Env } else { Kind::Process };
            self.found.insert(binding.clone(), (kind, None));
        }
        for used in &self.facts.uses {
            self.judge(used);
        }
        for (name, scope, at) in &self.facts.exported {
            let home = self.facts.scopes.resolve(*scope, name).map(|home| (name.clone(), home));
            if home.is_some_and(|home| self.aliases.get(&home).is_some_and(|alias| alias.kind == Kind::Env)) {
                self.note(*at, None, Reason::WholeObject);
            }
        }
    }

    fn judge(&mut self, used: &Use) {
        let home = self.facts.scopes.resolve(used.scope, &used.name).map(|scope| (used.name.clone(), scope));
        let (kind, certain) = match &home {
            Some(home) => match self.aliases.get(home) {
                Some(alias) => (alias.kind, alias.certain),
                None => return,
            },
            None => match ROOTS.iter().find(|(name, _)| *name == &*used.name) {
                Some((_, kind)) => (*kind, true),
                None => return,
            },
        };
        let doubt = match (certain, used.inside_with) {
            (_, true) => Some(Reason::InsideWith),
            (false, _) => Some(Reason::AliasReassigned),
            _ => None,
        };
        let place = Place { used, home, doubt };
        self.follow(&place, kind, &used.steps, &used.sink, false, (used.start, used.end));
    }

    /// Goes along `steps` from a value of `kind`; `kept` says that something with effects lies in between.
    fn follow(
        &mut self,
        place: &Place<'_>,
        mut kind: Kind,
        steps: &[Step],
        sink: &Sink,
        kept: bool,
        mut node: (u32, u32),
    ) {
        for (index, step) in steps.iter().enumerate() {
            let last = index + 1 == steps.len();
            let Some(key) = &step.key else {
                return self.computed(kind, step, last && matches!(sink, Sink::Write));
            };
            kind = match (kind, &**key) {
                (Kind::Global, "process") => Kind::Process,
                (Kind::Global, "globalThis" | "global") => Kind::Global,
                (Kind::Process, "env") => Kind::Env,
                // The namespace of the module has the object as its default export.
                (Kind::Process, "default") => Kind::Process,
                (Kind::Env, name) if is_object_method(name) => {
                    return self.note(step.at, None, Reason::WholeObject);
                }
                (Kind::Env, _) if last && matches!(sink, Sink::Write) => return self.written(key, step.at),
                (Kind::Env, _) => return self.read(place, key, step, kept),
                _ => return,
            };
            node = (step.start, step.end);
        }
        self.drain(place, kind, sink, (!kept).then_some(node));
    }

    fn computed(&mut self, kind: Kind, step: &Step, write: bool) {
        match (kind, write) {
            (Kind::Env, false) => self.note(step.at, None, Reason::DynamicKey),
            (Kind::Env, true) => self.note(step.at, None, Reason::DynamicWrite),
            (Kind::Process, _) => self.note(step.at, None, Reason::ProcessEscapes),
            (Kind::Global, _) => {}
        }
    }

    fn read(&mut self, place: &Place<'_>, key: &Atom, step: &Step, kept: bool) {
        if !self.wanted.is_wanted(key) {
            return;
        }
        if let Some(reason) = place.doubt {
            return self.note(step.at, Some(key), reason);
        }
        self.accounted.insert(step.at);
        let constructed = place.used.constructed == Some(step.start);
        let name = key.to_string();
        self.out.reads.push(Read {
            name,
            start: step.start,
            end: step.end,
            keep_until: kept.then_some(step.object_end),
            constructed,
        });
    }

    fn written(&mut self, key: &Atom, at: u32) {
        if self.wanted.is_wanted(key) {
            self.accounted.insert(at);
            self.out.writes.push((key.to_string(), at));
        }
    }

    /// A value of `kind` arrives at `sink`; `node` is the text that makes it, when that may be replaced.
    fn drain(&mut self, place: &Place<'_>, kind: Kind, sink: &Sink, node: Option<(u32, u32)>) {
        let at = node.map_or(place.used.start, |node| node.0);
        match sink {
            Sink::Drop => {}
            // What a reused name holds here is anybody's guess: its reads by name are noted, and the alias once.
            Sink::Write | Sink::Escape(_) if place.doubt == Some(Reason::AliasReassigned) => {}
            Sink::Write if kind == Kind::Env && node.is_some_and(|node| node.1 != place.used.end) => {
                self.note(at, None, Reason::EnvReplaced);
            }
            Sink::Write => {}
            Sink::Escape(Escape::In(Some(name))) if kind == Kind::Env => {
                let name = Some(name).filter(|name| self.wanted.is_wanted(name)).cloned();
                self.note(at, name.as_ref(), Reason::In);
            }
            Sink::Escape(_) => self.escapes(kind, at),
            Sink::Keys(pattern, then) => {
                let alone = matches!(**then, Sink::Drop);
                self.taken(place, kind, pattern, node.filter(|_| alone), at);
                self.drain(place, kind, then, None);
            }
            Sink::Bind(binding, then) => {
                if self.is_reassigned(binding) {
                    self.note(at, None, Reason::AliasReassigned);
                }
                self.found.insert(binding.clone(), (kind, place.home.clone()));
                self.drain(place, kind, then, None);
            }
            Sink::Then(steps, then) => {
                let end = node.map_or(place.used.end, |node| node.1);
                self.follow(place, kind, steps, then, true, (at, end));
            }
        }
    }

    fn is_reassigned(&self, binding: &Binding) -> bool {
        let home = self.facts.scopes.resolve(binding.scope, &binding.name);
        let alias = home.and_then(|scope| self.aliases.get(&(binding.name.clone(), scope)));
        alias.is_some_and(|alias| alias.kind == Kind::Env && !alias.certain)
    }

    fn escapes(&mut self, kind: Kind, at: u32) {
        match kind {
            Kind::Env => self.note(at, None, Reason::WholeObject),
            Kind::Process => self.note(at, None, Reason::ProcessEscapes),
            Kind::Global => {}
        }
    }

    /// An object pattern takes properties of a value.
    fn taken(&mut self, place: &Place<'_>, kind: Kind, pattern: &Pattern, node: Option<(u32, u32)>, at: u32) {
        let mut taken = Taken::default();
        self.collect(place, kind, pattern, at, &mut taken);
        if taken.names.is_empty() {
            return;
        }
        let of = if kind == Kind::Process { Object::Process } else { Object::Env };
        let doubt = match (place.doubt, node, kind) {
            (Some(reason), ..) => Some(reason),
            _ if taken.open => Some(Reason::OpenPattern),
            (None, None, _) | (None, _, Kind::Global) => Some(Reason::Indirect),
            _ => None,
        };
        match (doubt, node) {
            (None, Some((start, end))) => {
                self.accounted.extend(taken.names.iter().map(|(_, at)| *at));
                let mut names: Vec<String> =
                    taken.names.into_iter().map(|(name, _)| name.to_string()).collect();
                names.sort();
                names.dedup();
                self.out.objects.push(ObjectRead { of, names, start, end });
            }
            (doubt, _) => {
                for (name, at) in taken.names {
                    self.note(at, Some(&name), doubt.unwrap_or(Reason::Indirect));
                }
            }
        }
    }

    fn collect(&mut self, place: &Place<'_>, kind: Kind, pattern: &Pattern, at: u32, taken: &mut Taken) {
        if pattern.open {
            taken.open = true;
            self.escapes(kind, at);
        }
        for key in &pattern.keys {
            let inner = match (kind, &*key.name) {
                (Kind::Env, name) if self.wanted.is_wanted(name) => {
                    taken.names.push((key.name.clone(), key.at));
                    continue;
                }
                (Kind::Process, "env") => Kind::Env,
                (Kind::Process, "default") | (Kind::Global, "process") => Kind::Process,
                _ => continue,
            };
            match &key.value {
                PatternValue::Bind(binding) => {
                    self.found.insert(binding.clone(), (inner, place.home.clone()));
                }
                PatternValue::Nested(nested) => self.collect(place, inner, nested, key.at, taken),
                PatternValue::Other => self.escapes(inner, key.at),
            }
        }
    }

    fn note(&mut self, at: u32, name: Option<&Atom>, reason: Reason) {
        if name.is_some() {
            self.accounted.insert(at);
        }
        self.out.notes.push(Note { at, name: name.map(ToString::to_string), reason });
    }

    /// What remains are wanted names that occur without being any of the above.
    fn finish(mut self) -> FileReads {
        for mention in &self.facts.mentions {
            if self.accounted.insert(mention.at) {
                let reason = if mention.like_a_read { Reason::Unproven } else { Reason::Mentioned };
                let name = Some(mention.name.to_string());
                self.out.notes.push(Note { at: mention.at, name, reason });
            }
        }
        self.out
    }
}

#[derive(Default)]
struct Taken {
    names: Vec<(Atom, u32)>,
    open: bool,
}

/// Properties of every object: asking the environment for one of them asks about all of it.
fn is_object_method(name: &str) -> bool {
    matches!(
        name,
        "hasOwnProperty" | "propertyIsEnumerable" | "toString" | "toLocaleString" | "valueOf" | "__proto__"
    )
}
