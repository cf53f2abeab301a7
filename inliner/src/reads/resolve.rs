//! From what a walk saw to what is certain.
//!
//! Owns the judgement: which occurrences are the real `process`, which names are nothing but aliases of it, and what
//! each chain of properties therefore reads. An alias counts only when every value it can take is known; it refuses
//! the others by name.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use swc_atoms::Atom;

use super::alias::{Alias, Binds, Bound, Home, Kind, aliases, factories, given};
use super::facts::{Facts, Imported, Tracked};
use super::flow::{Binding, Module, Step, Subject, Use};
use super::follow::property;
use super::interop::{Interop, Role};
use super::scope::ScopeId;
use super::settle::{ROOTS, Round};
use super::text::Texts;
use super::{FileReads, Others, Shared, Wanted};
use crate::finding::Reason;

pub(super) struct Judge<'a> {
    pub(super) facts: &'a Facts,
    tracked: &'a Tracked,
    pub(super) wanted: &'a dyn Wanted,
    pub(super) aliases: BTreeMap<Home, Alias>,
    pub(super) texts: Texts<'a>,
    /// Parameters that only a bundler gives a value.
    given: HashSet<Home>,
    /// Those whose `.g` is the global object.
    factories: HashSet<Home>,
    /// Some text is loaded by a `require` that the file assigns.
    require_written: bool,
    pub(super) modules: &'a BTreeSet<Module>,
    pub(super) others: &'a dyn Others,
    pub(super) found: Binds,
    pub(super) found_modules: BTreeSet<Module>,
    /// Names that the next walk must look for.
    pub(super) later: Tracked,
    pub(super) accounted: HashSet<u32>,
    /// Where `process` or its environment is assigned: all files see that.
    pub(super) replaced: BTreeSet<u32>,
    /// Where one of them is assigned to a property of that name, and where the value begins: it is what was there
    /// before, or another object's.
    pub(super) restored: BTreeMap<u32, (Kind, u32)>,
    /// Keys that are taken from the environment for certain.
    pub(super) reached: HashSet<u32>,
    pub(super) writes_any: bool,
    pub(super) loads_process: bool,
    /// Why nothing in this file may be replaced.
    pub(super) lost: Option<Reason>,
    pub(super) out: FileReads,
}

/// The occurrence that is being judged.
#[derive(Clone)]
pub(super) struct Place<'u> {
    pub(super) used: &'u Use,
    pub(super) home: Option<Home>,
    /// Why nothing may be replaced here, if so.
    pub(super) doubt: Option<Reason>,
}

/// What a name, or a chain of properties, is.
pub(super) enum Known {
    Is(Kind, Option<Reason>, Option<Home>),
    /// The next walk will tell.
    Later,
    Unknown,
}

impl<'a> Judge<'a> {
    fn new(facts: &'a Facts, last: &'a Round, wanted: &'a dyn Wanted, others: &'a dyn Others) -> Self {
        let given = given(facts);
        let unbound = |binding: &Binding| facts.scopes.resolve(binding.scope, &binding.name).is_none();
        let mut writes = facts.writes.iter().map(|write| &write.binding);
        Self {
            facts,
            tracked: &last.names,
            wanted,
            aliases: aliases(facts, &last.binds),
            texts: Texts::of(facts, &last.names),
            factories: factories(facts, &given),
            given,
            require_written: writes.any(|binding| &*binding.name == "require" && unbound(binding)),
            modules: &last.modules,
            others,
            found: Binds::new(),
            found_modules: BTreeSet::new(),
            later: Tracked::default(),
            accounted: HashSet::new(),
            replaced: BTreeSet::new(),
            restored: BTreeMap::new(),
            reached: HashSet::new(),
            writes_any: false,
            loads_process: facts.imports_process,
            lost: None,
            out: FileReads::default(),
        }
    }

    pub(super) fn of_all(
        facts: &'a Facts,
        last: &'a Round,
        wanted: &'a dyn Wanted,
        others: &'a dyn Others,
    ) -> Self {
        let mut judge = Self::new(facts, last, wanted, others);
        judge.all();
        judge
    }

    fn all(&mut self) {
        for (binding, imported) in &self.facts.imports {
            let kind = match imported {
                Imported::Process => Kind::Process,
                Imported::Env => Kind::Env,
                Imported::CreateRequire => Kind::CreateRequire,
                Imported::ModuleModule => Kind::ModuleModule,
            };
            self.found.insert(binding.clone(), Bound { kind, parent: None, doubt: None });
        }
        for (binding, role) in &self.facts.roles {
            self.role(binding, role);
        }
        for used in &self.facts.uses {
            self.judge(used);
        }
        self.roots_written();
        for at in &self.facts.reexported {
            self.note(*at, None, Reason::WholeObject);
        }
        self.exports();
    }

    /// What other files can take from this one.
    fn exports(&mut self) {
        for export in &self.facts.exported {
            let scope = self.facts.scopes.resolve(export.scope, &export.local);
            let Some(home) = scope.map(|scope| (export.local.clone(), scope)) else { continue };
            let Some(alias) = self.aliases.get(&home) else { continue };
            let kind = alias.kind;
            if alias.is_settled(&home) && kind.is_shared() {
                self.out.exports.insert(export.name.to_string(), Shared(kind));
            }
            self.escapes(kind, export.at);
        }
        for (name, shared) in &self.facts.forwarded {
            self.out.exports.insert(name.to_string(), *shared);
        }
        for (name, shared) in &self.facts.stars {
            if !self.facts.export_names.contains(name) {
                self.out.exports.insert(name.to_string(), *shared);
            }
        }
        for (binding, Shared(kind)) in &self.facts.linked {
            self.found.insert(binding.clone(), Bound { kind: *kind, parent: None, doubt: None });
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
                self.replaced.insert(binding.at);
            }
        }
    }

    fn role(&mut self, binding: &Binding, role: &Role) {
        let kind = match role {
            Role::Interop(interop) => Kind::Interop(*interop),
            Role::CopiedBy(_) => Kind::Interop(Interop::Star),
            Role::Copier => Kind::Copier,
            Role::Require => Kind::Require,
            Role::Modules(name) => match self.table(name) {
                Some(table) => Kind::Modules(table),
                None => return,
            },
        };
        let (mut parent, mut doubt) = (None, None);
        if kind == Kind::Require {
            match self.name(&Atom::from("require"), binding.scope, binding.at) {
                Known::Is(Kind::Require, reason, home) => (parent, doubt) = (home, reason),
                Known::Is(..) | Known::Unknown => doubt = Some(Reason::NotFollowed),
                Known::Later => return,
            }
        }
        if let Role::CopiedBy(copier) = role {
            match self.name(copier, binding.scope, binding.at) {
                Known::Is(Kind::Copier, reason, home) => (parent, doubt) = (home, reason),
                Known::Is(..) | Known::Unknown | Known::Later => return,
            }
        }
        self.found.insert(binding.clone(), Bound { kind, parent, doubt });
    }

    /// The only table of this name, if nothing is added to it.
    fn table(&mut self, name: &Atom) -> Option<u32> {
        let facts = self.facts;
        let (binding, table) = &facts.tables[facts.only_table(name)?];
        if facts.is_changed_somewhere(name) && !self.tracked.contains(name) {
            self.later.insert(name.clone());
            return None;
        }
        let home = facts.scopes.resolve(binding.scope, name);
        (!facts.is_changed(name, home)).then_some(*table)
    }

    fn judge(&mut self, used: &'a Use) {
        let Some(name) = &used.name else {
            self.loads_process = true;
            let doubt = self.doubt(used, None);
            let place = Place { used, home: None, doubt };
            return self.follow(&place, Kind::Process, &used.steps, &used.sink, true, (used.start, used.end));
        };
        let (kind, doubt, home) = match self.name(name, used.scope, used.start) {
            Known::Is(kind, doubt, home) => (kind, doubt, home),
            Known::Unknown if self.is_some_require(name, used) => {
                (Kind::Require, Some(Reason::NotFollowed), None)
            }
            Known::Unknown | Known::Later => return,
        };
        let doubt = self.doubt(used, doubt);
        let is_factory = home.as_ref().is_some_and(|home| self.factories.contains(home));
        let (kind, steps, node) = if is_factory && is_global(&used.steps) {
            (Kind::Global, &used.steps[1..], (used.steps[0].start, used.steps[0].end))
        } else {
            (kind, &used.steps[..], (used.start, used.end))
        };
        let place = Place { used, home, doubt };
        self.follow(&place, kind, steps, &used.sink, false, node);
    }

    /// Whether this walk knows where the name is bound.
    pub(super) fn is_tracked(&self, binding: &Binding) -> bool {
        self.tracked.contains(&binding.name)
    }

    /// Why the use of a name is doubtful wherever the name comes from.
    pub(super) fn doubt(&self, used: &Use, doubt: Option<Reason>) -> Option<Reason> {
        if used.inside_with { Some(Reason::InsideWith) } else { doubt.or(self.evaluated(used)) }
    }

    /// A function that is given the process module's name, and is called like the one that loads it.
    fn is_some_require(&mut self, name: &Atom, used: &Use) -> bool {
        let is = used.steps.is_empty() && name.ends_with("require") && self.calls_for_process(&used.sink);
        self.loads_process |= is;
        is
    }

    /// What a name stands for in `scope` at `at`.
    pub(super) fn name(&mut self, name: &Atom, scope: ScopeId, at: u32) -> Known {
        if !self.tracked.contains(name) {
            self.later.insert(name.clone());
            return Known::Later;
        }
        let Some(home) = self.facts.scopes.resolve(scope, name).map(|scope| (name.clone(), scope)) else {
            let root = ROOTS.iter().find(|(root, _)| *root == &**name);
            return match root {
                Some((_, kind)) => Known::Is(*kind, None, None),
                None if &**name == "require" => {
                    let unknown = self.facts.is_module || self.require_written;
                    Known::Is(Kind::Require, unknown.then_some(Reason::NotFollowed), None)
                }
                None => Known::Unknown,
            };
        };
        if let Some(alias) = self.aliases.get(&home) {
            return Known::Is(alias.kind, alias.doubt_at(self.facts, &home, scope, at), Some(home));
        }
        match self.facts.parameters.get(&home).filter(|_| self.given.contains(&home)) {
            Some(kind) => Known::Is(*kind, None, Some(home)),
            None => Known::Unknown,
        }
    }

    /// What a chain of properties is.
    pub(super) fn subject(&mut self, subject: &Subject) -> Known {
        let mut known = self.name(&subject.name, subject.scope, subject.start);
        for key in &subject.steps {
            let Known::Is(kind, doubt, home) = known else { return known };
            known = match property(kind, key) {
                Some(kind) => Known::Is(kind, doubt, home),
                None => return Known::Unknown,
            };
        }
        known
    }

    /// Whether a bundler's module of this table is the process module, and no other has its id.
    pub(super) fn is_process_module(&self, table: u32, id: &Atom) -> bool {
        let module = Module { table, id: id.clone() };
        self.modules.contains(&module) && self.facts.definitions(&module) == 1
    }

    /// Whether a module of this id, which is not in this file, is the process module.
    pub(super) fn is_shared_process(&self, id: &Atom) -> bool {
        self.others.is_process(id) && !self.facts.defines(id)
    }

    /// A direct `eval` in the same function may declare a `process` of its own.
    fn evaluated(&self, used: &Use) -> Option<Reason> {
        self.facts.is_evaluated(used.scope).then_some(Reason::Eval)
    }
}

/// `.g` and then more than a write of it.
fn is_global(steps: &[Step]) -> bool {
    steps.len() > 1 && steps[0].key.as_deref() == Some("g")
}
