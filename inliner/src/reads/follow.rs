//! Where the value of an occurrence goes: along its properties, and into its sink.
//!
//! Owns what each property of each object is, and what becomes of a value that is bound, passed on or lost. It refuses to
//! know whose occurrence it is.

use capy_protocol::variable_name::is_object_property;
use swc_atoms::Atom;

use super::alias::{Bound, Kind};
use super::calls::is_process;
use super::flow::{Binding, Call, Callee, Does, Escape, Keys, Outcome, Sink, Step, Subject, Written};
use super::interop::Interop;
use super::resolve::{Judge, Known, Place};
use super::text::Knowledge;
use super::{Note, Read, Shared};
use crate::finding::Reason;

impl<'a> Judge<'a> {
    /// Goes along `steps` from a value of `kind`; `kept` says that something with effects lies in between.
    pub(super) fn follow(
        &mut self,
        place: &Place<'a>,
        mut kind: Kind,
        steps: &'a [Step],
        sink: &'a Sink,
        kept: bool,
        mut node: (u32, u32),
    ) {
        for (index, step) in steps.iter().enumerate() {
            let end = index + 1 == steps.len() && matches!(sink, Sink::Write);
            if kind == Kind::Env {
                self.reached.insert(step.at);
            }
            let Some(key) = &self.key(step) else {
                return self.computed(kind, step, end);
            };
            kind = match (kind, &**key) {
                (Kind::Env, name) if is_object_property(name) => {
                    return self.note(step.at, None, Reason::WholeObject);
                }
                // An alias of both.
                (Kind::Env, "env") if place.doubt.is_some() => Kind::Env,
                (Kind::Env, _) if end => return self.written(key, step.at, Reason::Assigned),
                (Kind::Env, _) => return self.read(place, key, step, kept),
                (_, name) => match property(kind, name) {
                    Some(kind) => kind,
                    None => return,
                },
            };
            node = (step.start, step.end);
            if end && matches!(kind, Kind::Process | Kind::Env) {
                self.replaced.insert(step.at);
                return;
            }
        }
        self.drain(place, kind, sink, Some(node));
    }

    /// The name of a property, as far as it can be known.
    fn key(&mut self, step: &Step) -> Option<Atom> {
        if step.key.is_some() {
            return step.key.clone();
        }
        match self.texts.value(step.text.as_ref()?) {
            Knowledge::Known(key) => Some(key),
            Knowledge::Later(name) => {
                self.later.insert(name);
                None
            }
            Knowledge::Unknown => None,
        }
    }

    fn computed(&mut self, kind: Kind, step: &Step, write: bool) {
        match (kind, write) {
            (Kind::Env, false) => self.note(step.at, None, Reason::DynamicKey),
            (Kind::Env, true) => self.writes_any(step.at),
            (Kind::Process, _) => self.note(step.at, None, Reason::ProcessEscapes),
            _ => {}
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

    pub(super) fn written(&mut self, key: &Atom, at: u32, reason: Reason) {
        if self.wanted.is_wanted(key) && self.accounted.insert(at) {
            self.out.writes.push((key.to_string(), at, reason));
        }
    }

    fn writes_any(&mut self, at: u32) {
        self.writes_any = true;
        self.note(at, None, Reason::DynamicWrite);
    }

    /// A value of `kind` arrives at `sink`; `node` is the text that makes it, when that may be replaced.
    fn drain(&mut self, place: &Place<'a>, kind: Kind, sink: &'a Sink, node: Option<(u32, u32)>) {
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
            Sink::Escape(Escape::Argument { call, index: 0 }) if self.handed_on(place, kind, *call) => {}
            Sink::Escape(Escape::Argument { call, index }) => self.passed(kind, *call, *index, at),
            Sink::Escape(_) => self.escapes(kind, at),
            Sink::Restore(_, same) if place.doubt.is_some() || *same != kind => self.escapes(kind, at),
            Sink::Restore(target, _) => {
                self.restored.insert(*target, (kind, at));
            }
            Sink::Maybe(then) => self.perhaps(place, kind, then, Some(Reason::Sometimes)),
            Sink::Given(subjects, then) => match self.given_all(subjects) {
                Given::Yes => self.drain(place, kind, then, node),
                Given::Doubt(doubt) => self.perhaps(place, kind, then, Some(doubt)),
                Given::Later => {}
            },
            Sink::Held(uses) => {
                for used in uses.iter() {
                    let doubt = self.doubt(used, place.doubt);
                    let place = Place { used, home: place.home.clone(), doubt };
                    self.follow(&place, kind, &used.steps, &used.sink, false, (used.start, used.end));
                }
            }
            Sink::Called(call) => self.called(place, kind, *call, at),
            Sink::Module(module) if kind == Kind::Process && place.doubt.is_none() => {
                self.found_modules.insert(module.clone());
            }
            Sink::Module(_) => self.escapes(kind, at),
            Sink::Exported => {
                if place.doubt.is_none() && kind.is_shared() {
                    self.out.exports.insert("default".to_owned(), Shared(kind));
                }
                self.escapes(kind, at);
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
                let is_root = matches!(&*binding.name, "process" | "globalThis" | "global");
                if !is_root
                    && self.facts.scopes.resolve(binding.scope, &binding.name).is_none()
                    && self.is_tracked(binding)
                {
                    // A global of the program's own: any file may read it.
                    self.escapes(kind, at);
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

    /// The value goes on, or another one does.
    fn perhaps(&mut self, place: &Place<'a>, kind: Kind, then: &'a Sink, doubt: Option<Reason>) {
        let place = Place { doubt: place.doubt.or(doubt), ..place.clone() };
        self.drain(&place, kind, then, None);
    }

    /// Whether all of these are certainly objects.
    fn given_all(&mut self, subjects: &[Subject]) -> Given {
        let mut all = Given::Yes;
        for subject in subjects {
            match self.subject(subject) {
                Known::Is(Kind::Global | Kind::Process | Kind::Env | Kind::Default, None, _) => {}
                Known::Is(_, Some(doubt), _) => all = Given::Doubt(doubt),
                Known::Is(_, None, _) | Known::Unknown => all = Given::Doubt(Reason::Sometimes),
                Known::Later => return Given::Later,
            }
        }
        all
    }

    /// A value of `kind` is called.
    fn called(&mut self, place: &Place<'a>, kind: Kind, call: usize, at: u32) {
        let facts = self.facts;
        let call = &facts.calls[call];
        let result = match (kind, &call.first) {
            (Kind::Require, Some(name)) if is_process(name) => {
                self.loads_process = true;
                Kind::Process
            }
            (Kind::Modules(table) | Kind::Context(table), Some(id)) if self.is_process_module(table, id) => {
                Kind::Process
            }
            (Kind::Context(_), Some(id)) if self.is_shared_process(id) => Kind::Process,
            (Kind::CreateRequire, _) if call.first_is_here => Kind::Require,
            (Kind::Getter, _) if call.arguments == 0 => Kind::Process,
            (Kind::Process | Kind::Env, _) => return self.escapes(kind, at),
            _ => return,
        };
        self.outcome(place, result, call);
    }

    /// The value of a call goes on.
    fn outcome(&mut self, place: &Place<'a>, kind: Kind, call: &'a Call) {
        let Outcome { steps, sink, node, pure } = &call.outcome;
        self.follow(place, kind, steps, sink, !pure, *node);
    }

    /// A module is given to a function that hands it on.
    fn handed_on(&mut self, place: &Place<'a>, kind: Kind, call: usize) -> bool {
        if kind != Kind::Process {
            return false;
        }
        let facts = self.facts;
        let call = &facts.calls[call];
        let (function, doubt) = match &call.callee {
            Callee::Interop(interop) => (Kind::Interop(*interop), None),
            Callee::Named(subject) => match self.subject(subject) {
                Known::Is(function, doubt, _) => (function, doubt),
                Known::Later | Known::Unknown => return false,
            },
            Callee::Other => return false,
        };
        let result = match function {
            Kind::Interop(Interop::Default) => Kind::Default,
            // The namespace of the module has its properties and the object as its default export.
            Kind::Interop(Interop::Same | Interop::Star) => Kind::Process,
            Kind::Getters => Kind::Getter,
            _ => return false,
        };
        let place = Place { doubt: place.doubt.or(doubt), ..place.clone() };
        self.outcome(&place, result, call);
        true
    }

    pub(super) fn calls_for_process(&self, sink: &Sink) -> bool {
        let Sink::Called(call) = sink else { return false };
        self.facts.calls[*call].first.as_ref().is_some_and(|first| is_process(first))
    }

    pub(super) fn bound(&mut self, place: &Place<'_>, binding: &Binding, kind: Kind) {
        let new = Bound { kind, parent: place.home.clone(), doubt: place.doubt };
        match self.found.get_mut(binding) {
            None => {
                self.found.insert(binding.clone(), new);
            }
            // Two values meet here.
            Some(old) => {
                let differ = (old.kind != kind).then_some(Reason::AliasReassigned);
                old.kind = old.kind.max(kind);
                old.doubt = old.doubt.or(new.doubt).or(differ);
            }
        }
    }

    /// A value is an argument of a call that may write what else is named there.
    fn passed(&mut self, kind: Kind, call: usize, index: usize, at: u32) {
        let call = &self.facts.calls[call];
        self.escapes(kind, at);
        match (&call.does, kind) {
            (Does::Write(_), _) if index > 0 => return,
            (Does::Write(Keys::Any), Kind::Env) => self.writes_any(at),
            (Does::Write(Keys::Others), Kind::Env) => {
                self.out.writes_all = true;
                self.writes_any(at);
            }
            (Does::Write(Keys::One(key)), Kind::Process) if &**key != "env" => {}
            (Does::Write(_), Kind::Process) => {
                self.replaced.insert(at);
            }
            (Does::Write(Keys::One(key)), Kind::Global) if &**key == "process" => {
                self.replaced.insert(at);
            }
            _ => {}
        }
        if kind != Kind::Env {
            return;
        }
        // `merge(process.env, o)`, whoever's function it is.
        self.writes_any |= call.does == Does::Unknown && index == 0 && call.arguments > 1;
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
        let doubtful = alias
            .is_some_and(|alias| alias.kind == Kind::Env && alias.doubt == Some(Reason::AliasReassigned));
        doubtful && self.facts.is_read(&binding.name, home)
    }

    pub(super) fn escapes(&mut self, kind: Kind, at: u32) {
        match kind {
            Kind::Env => self.note(at, None, Reason::WholeObject),
            Kind::Process => self.note(at, None, Reason::ProcessEscapes),
            Kind::Default => self.note(at, None, Reason::ProcessEscapes),
            _ => {}
        }
    }

    pub(super) fn note(&mut self, at: u32, name: Option<&Atom>, reason: Reason) {
        if name.is_some() && !self.accounted.insert(at) {
            return;
        }
        self.out.notes.push(Note { at, name: name.map(ToString::to_string), reason });
    }
}

/// Whether a condition holds.
enum Given {
    Yes,
    Doubt(Reason),
    Later,
}

/// What a property of one of the objects is, when it is one of them; those of the environment are variables.
pub(super) fn property(kind: Kind, key: &str) -> Option<Kind> {
    match (kind, key) {
        (Kind::Global, "process") => Some(Kind::Process),
        (Kind::Global, "globalThis" | "global") => Some(Kind::Global),
        (Kind::Process, "env") => Some(Kind::Env),
        // The namespace of the module has the object as its default export.
        (Kind::Process | Kind::Default, "default") => Some(Kind::Process),
        (Kind::ModuleModule, "createRequire") => Some(Kind::CreateRequire),
        (Kind::ModuleModule, "default") => Some(Kind::ModuleModule),
        (Kind::Context(_), "i" | "r") => Some(kind),
        (Kind::Context(_), "x") => Some(Kind::Require),
        (Kind::Modules(_), "n") => Some(Kind::Getters),
        (Kind::Getter, "a") => Some(Kind::Process),
        _ => None,
    }
}
