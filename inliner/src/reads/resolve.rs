//! From what a walk saw to what is certain.
//!
//! Owns the judgement: which occurrences are the real `process`, which names are nothing but aliases of it, and what
//! each chain of properties therefore reads. An alias counts only when every value it can take is known; it refuses
//! the others by name.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use swc_atoms::Atom;
use swc_ecma_ast::Program;

use super::alias::{Alias, Binds, Bound, Home, Kind, aliases, factories, merge};
use super::flow::{Binding, Does, Escape, Keys, Sink, Step, Use, Written};
use super::walk::{Facts, Imported, Tracked, walk};
use super::{FileReads, Note, Read, Wanted};
use crate::report::Reason;

const ROOTS: [(&str, Kind); 3] =
    [("process", Kind::Process), ("globalThis", Kind::Global), ("global", Kind::Global)];

/// Chains of aliases longer than this are not followed, and nothing in their file is replaced.
const MOST_ROUNDS: usize = 32;

/// Finds every read of the wanted names in a file.
pub(crate) fn find(program: &Program, wanted: &dyn Wanted) -> FileReads {
    let mut binds = Binds::new();
    let mut factories = BTreeSet::new();
    for round in 1.. {
        let facts = walk(program, &tracked(&binds, &factories), Some(wanted));
        let mut judge = Judge::new(&facts, &binds, wanted);
        judge.all();
        let found = std::mem::take(&mut judge.found);
        let grown = merge(&mut binds, found) || facts.factories.len() > factories.len();
        if !grown {
            return judge.finish();
        }
        if round == MOST_ROUNDS {
            judge.lost = Some(Reason::NotFollowed);
            return judge.finish();
        }
        factories = facts.factories;
    }
    unreachable!("the last round returns")
}

fn tracked(binds: &Binds, factories: &BTreeSet<Atom>) -> Tracked {
    let roots = ROOTS.iter().map(|(name, _)| Atom::from(*name));
    roots.chain(binds.keys().map(|binding| binding.name.clone())).chain(factories.iter().cloned()).collect()
}

pub(super) struct Judge<'a> {
    facts: &'a Facts,
    pub(super) wanted: &'a dyn Wanted,
    aliases: BTreeMap<Home, Alias>,
    /// Parameters whose `.g` is the global object.
    factories: HashSet<Home>,
    found: Binds,
    pub(super) accounted: HashSet<u32>,
    /// Where `process` or its environment is assigned, and whether other files see that.
    replaced: BTreeMap<u32, bool>,
    /// Those of them that assign what was there before.
    restored: HashSet<u32>,
    writes_any: bool,
    loads_process: bool,
    /// Why nothing in this file may be replaced.
    lost: Option<Reason>,
    pub(super) out: FileReads,
}

/// The occurrence that is being judged.
pub(super) struct Place<'u> {
    used: &'u Use,
    home: Option<Home>,
    /// It starts at the global object.
    global: bool,
    /// Why nothing may be replaced here, if so.
    pub(super) doubt: Option<Reason>,
}

impl<'a> Judge<'a> {
    fn new(facts: &'a Facts, binds: &Binds, wanted: &'a dyn Wanted) -> Self {
        Self {
            facts,
            wanted,
            aliases: aliases(facts, binds),
            factories: factories(facts),
            found: Binds::new(),
            accounted: HashSet::new(),
            replaced: BTreeMap::new(),
            restored: HashSet::new(),
            writes_any: false,
            loads_process: false,
            lost: None,
            out: FileReads::default(),
        }
    }

    fn all(&mut self) {
        for (binding, imported) in &self.facts.imports {
            let kind = if *imported == Imported::Env { Kind::Env } else { Kind::Process };
            self.found.insert(binding.clone(), Bound { kind, parent: None, doubt: None });
        }
        for used in &self.facts.uses {
            self.judge(used);
        }
        self.roots_written();
        for at in &self.facts.reexported {
            self.note(*at, None, Reason::WholeObject);
        }
        for (name, scope, at) in &self.facts.exported {
            let home = self.facts.scopes.resolve(*scope, name).map(|home| (name.clone(), home));
            if home.is_some_and(|home| self.aliases.get(&home).is_some_and(|alias| alias.kind == Kind::Env)) {
                self.note(*at, None, Reason::WholeObject);
            }
        }
    }

    /// `process = …` where nothing in the file binds the name: every file sees it.
    fn roots_written(&mut self) {
        for write in &self.facts.writes {
            let binding = &write.binding;
            let root = ROOTS.iter().find(|(name, _)| *name == &*binding.name);
            let Some((_, kind)) = root else { continue };
            if self.facts.scopes.resolve(binding.scope, &binding.name).is_some() {
                continue;
            }
            let known = self.found.get(binding);
            if !known.is_some_and(|bound| bound.kind == *kind && bound.doubt.is_none()) {
                self.replaced.insert(binding.at, true);
            }
        }
    }

    fn judge(&mut self, used: &Use) {
        let mut steps = &used.steps[..];
        let mut home = None;
        let (kind, doubt) = match &used.name {
            None => {
                self.loads_process = true;
                (Kind::Process, Some(Reason::NotFollowed))
            }
            Some(name) => {
                home = self.facts.scopes.resolve(used.scope, name).map(|scope| (name.clone(), scope));
                match &home {
                    Some(home) => match self.aliases.get(home) {
                        Some(alias) => (alias.kind, alias.doubt_at(self.facts, home, used)),
                        None if self.factories.contains(home) && is_global(steps) => {
                            steps = &steps[1..];
                            (Kind::Global, None)
                        }
                        None => return,
                    },
                    None => match ROOTS.iter().find(|(root, _)| *root == &**name) {
                        Some((_, kind)) => (*kind, None),
                        None => return,
                    },
                }
            }
        };
        let doubt = if used.inside_with { Some(Reason::InsideWith) } else { doubt.or(self.evaluated(used)) };
        let place = Place { used, home, global: kind == Kind::Global, doubt };
        let start = if steps.len() < used.steps.len() { used.steps[0].start } else { used.start };
        let end = if steps.len() < used.steps.len() { used.steps[0].end } else { used.end };
        self.follow(&place, kind, steps, &used.sink, false, (start, end));
    }

    /// A direct `eval` in the same function may declare a `process` of its own.
    fn evaluated(&self, used: &Use) -> Option<Reason> {
        let scopes = &self.facts.scopes;
        let evals = || self.facts.evals.iter().map(|eval| scopes.function(*eval));
        evals().any(|function| scopes.is_within(used.scope, function)).then_some(Reason::Eval)
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
            let end = last && matches!(sink, Sink::Write);
            kind = match (kind, &**key) {
                (Kind::Global, "process") => Kind::Process,
                (Kind::Global, "globalThis" | "global") => Kind::Global,
                (Kind::Process, "env") => Kind::Env,
                // The namespace of the module has the object as its default export.
                (Kind::Process, "default") => Kind::Process,
                (Kind::Env, name) if is_object_method(name) => {
                    return self.note(step.at, None, Reason::WholeObject);
                }
                // An alias of both.
                (Kind::Env, "env") if place.doubt.is_some() && !end => Kind::Env,
                (Kind::Env, _) if end => return self.written(key, step.at, Reason::Assigned),
                (Kind::Env, _) => return self.read(place, key, step, kept),
                _ => return,
            };
            node = (step.start, step.end);
            if end && kind != Kind::Global {
                self.replaced.insert(step.at, place.global || kind == Kind::Process);
                return;
            }
        }
        self.drain(place, kind, sink, (!kept).then_some(node));
    }

    fn computed(&mut self, kind: Kind, step: &Step, write: bool) {
        match (kind, write) {
            (Kind::Env, false) => self.note(step.at, None, Reason::DynamicKey),
            (Kind::Env, true) => self.writes_any(step.at),
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

    fn written(&mut self, key: &Atom, at: u32, reason: Reason) {
        if self.wanted.is_wanted(key) && self.accounted.insert(at) {
            self.out.writes.push((key.to_string(), at, reason));
        }
    }

    fn writes_any(&mut self, at: u32) {
        self.writes_any = true;
        self.note(at, None, Reason::DynamicWrite);
    }

    /// A value of `kind` arrives at `sink`; `node` is the text that makes it, when that may be replaced.
    fn drain(&mut self, place: &Place<'_>, kind: Kind, sink: &Sink, node: Option<(u32, u32)>) {
        let at = node.map_or(place.used.start, |node| node.0);
        match sink {
            Sink::Drop => {}
            // What a reused name holds here is anybody's guess: its reads by name are noted, and the alias once.
            Sink::Write | Sink::Escape(_) if place.doubt == Some(Reason::AliasReassigned) => {}
            Sink::Write => {}
            Sink::Escape(Escape::In(Some(name))) if kind == Kind::Env => {
                let name = Some(name).filter(|name| self.wanted.is_wanted(name)).cloned();
                self.note(at, name.as_ref(), Reason::In);
            }
            Sink::Escape(Escape::Argument { call, index }) => self.passed(kind, *call, *index, at),
            Sink::Escape(_) => self.escapes(kind, at),
            Sink::Restore(_) if place.doubt.is_some() => self.escapes(kind, at),
            Sink::Restore(target) => {
                self.restored.insert(*target);
            }
            Sink::Maybe(then) => {
                let doubt = place.doubt.or(Some(Reason::Sometimes));
                let place = Place { home: place.home.clone(), doubt, ..*place };
                self.drain(&place, kind, then, None);
            }
            Sink::Keys(pattern, then) => {
                let alone = matches!(**then, Sink::Drop);
                self.taken(place, kind, pattern, node.filter(|_| alone), at);
                self.drain(place, kind, then, None);
            }
            Sink::Bind(binding, then) => {
                if self.is_reassigned(binding) {
                    self.note(at, None, Reason::AliasReassigned);
                }
                self.bound(place, binding, kind);
                self.drain(place, kind, then, None);
            }
            Sink::Then(steps, then) => {
                let end = node.map_or(place.used.end, |node| node.1);
                self.follow(place, kind, steps, then, true, (at, end));
            }
        }
    }

    pub(super) fn bound(&mut self, place: &Place<'_>, binding: &Binding, kind: Kind) {
        let (parent, doubt) = (place.home.clone(), place.doubt);
        self.found.insert(binding.clone(), Bound { kind, parent, doubt });
    }

    /// A value is an argument of a call that may write what else is named there.
    fn passed(&mut self, kind: Kind, call: usize, index: usize, at: u32) {
        let call = &self.facts.calls[call];
        self.escapes(kind, at);
        match (&call.does, kind) {
            (Does::Write(_), _) if index > 0 => return,
            (Does::Write(Keys::Any), Kind::Env) => self.writes_any(at),
            (Does::Write(Keys::One(key)), Kind::Process) if &**key != "env" => {}
            (Does::Write(_), Kind::Process) => {
                self.replaced.insert(at, false);
            }
            (Does::Write(Keys::One(key)), Kind::Global) if &**key == "process" => {
                self.replaced.insert(at, true);
            }
            _ => {}
        }
        if kind != Kind::Env {
            return;
        }
        let facts = self.facts;
        let named = facts.mentions[call.mentions.clone()].iter().filter(|one| one.written == Written::Text);
        for mention in named {
            match &call.does {
                Does::Read => self.note(mention.at, Some(&mention.name), Reason::PassedOn),
                Does::Write(_) => self.written(&mention.name, mention.at, Reason::Assigned),
                Does::Unknown => self.written(&mention.name, mention.at, Reason::PassedOn),
            }
        }
    }

    fn is_reassigned(&self, binding: &Binding) -> bool {
        let home = self.facts.scopes.resolve(binding.scope, &binding.name);
        let alias = home.and_then(|scope| self.aliases.get(&(binding.name.clone(), scope)));
        alias.is_some_and(|alias| alias.kind == Kind::Env && alias.doubt == Some(Reason::AliasReassigned))
    }

    pub(super) fn escapes(&mut self, kind: Kind, at: u32) {
        match kind {
            Kind::Env => self.note(at, None, Reason::WholeObject),
            Kind::Process => self.note(at, None, Reason::ProcessEscapes),
            Kind::Global => {}
        }
    }

    pub(super) fn note(&mut self, at: u32, name: Option<&Atom>, reason: Reason) {
        if name.is_some() && !self.accounted.insert(at) {
            return;
        }
        self.out.notes.push(Note { at, name: name.map(ToString::to_string), reason });
    }

    /// What remains are wanted names that occur without being any of the above.
    fn finish(mut self) -> FileReads {
        self.replaced.retain(|at, _| !self.restored.contains(at));
        for at in self.replaced.keys() {
            self.out.notes.push(Note { at: *at, name: None, reason: Reason::EnvReplaced });
            self.lost = self.lost.or(Some(Reason::Replaced));
        }
        self.out.replaces_process = self.replaced.values().any(|everywhere| *everywhere);
        let texts: BTreeSet<String> = self
            .facts
            .mentions
            .iter()
            .filter(|one| one.written == Written::Text && !self.accounted.contains(&one.at))
            .map(|one| one.name.to_string())
            .collect();
        let (lost, writes_any) = (self.lost, self.writes_any);
        self.out
            .leave(|name| lost.or((writes_any && texts.contains(name)).then_some(Reason::PerhapsAssigned)));
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
        self.out
    }
}

/// `.g` and then more than a write of it.
fn is_global(steps: &[Step]) -> bool {
    steps.len() > 1 && steps[0].key.as_deref() == Some("g")
}

/// Properties of every object: asking the environment for one of them asks about all of it.
fn is_object_method(name: &str) -> bool {
    matches!(
        name,
        "hasOwnProperty" | "propertyIsEnumerable" | "toString" | "toLocaleString" | "valueOf" | "__proto__"
    )
}
