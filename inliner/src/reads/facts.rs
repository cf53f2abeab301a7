//! What one walk over a tree collects.
//!
//! Owns the lists alone, and whether somebody missed one of them. It judges nothing.

use std::cell::{Cell, OnceCell};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};
use swc_atoms::Atom;

use super::Shared;
use super::alias::Kind;
use super::declare::Declared;
use super::early::Early;
use super::flow::{Binding, Call, Export, Mention, Module, Sink, Use, Write};
use super::interop::Role;
use super::scope::{ScopeId, Scopes};
use super::text::Text;

/// Names to look for.
pub(super) type Tracked = FxHashSet<Atom>;

/// What a walk found.
#[derive(Default)]
pub(super) struct Facts {
    pub(super) scopes: Scopes,
    pub(super) uses: Vec<Use>,
    pub(super) writes: Vec<Write>,
    pub(super) mentions: Vec<Mention>,
    /// The keys of `<something>.process.env[key]`.
    pub(super) open_keys: Vec<u32>,
    /// Bindings that an `import` of the process module makes, with the imported name.
    pub(super) imports: Vec<(Binding, Imported)>,
    /// Names that `export` hands to other files.
    pub(super) exported: Vec<Export>,
    /// All names under which it does, of whatever.
    pub(super) export_names: HashSet<Atom>,
    /// What other files handed on is handed on again.
    pub(super) forwarded: Vec<(Atom, Shared)>,
    /// The same, by `export *`.
    pub(super) stars: Vec<(Atom, Shared)>,
    /// Imports of what other files hand on.
    pub(super) linked: Vec<(Binding, Shared)>,
    /// `export … from "process"`.
    pub(super) reexported: Vec<u32>,
    /// How the tracked name that is written here is declared; assignments are not in it.
    pub(super) declared: FxHashMap<u32, Declared>,
    pub(super) calls: Vec<Call>,
    /// Where a direct `eval` is called.
    pub(super) evals: Vec<ScopeId>,
    /// Wanted names in texts that are run as code, and where.
    pub(super) run: Vec<(Atom, u32)>,
    /// Names that stand as `<name>.g.process`: a bundler's way to write `globalThis` in a module's factory.
    pub(super) factories: BTreeSet<Atom>,
    /// Parameters by which a bundler gives a module the others and the global object, and their tables.
    pub(super) parameters: HashMap<(Atom, ScopeId), Kind>,
    /// Tables of modules by their names, and where they start.
    pub(super) tables: Vec<(Binding, u32)>,
    /// Objects that are given a property, in files with tables of modules.
    pub(super) changed: Vec<Binding>,
    /// Modules that are defined, as often as they are.
    pub(super) defined: Vec<Module>,
    /// What the declared functions of tracked names do.
    pub(super) roles: Vec<(Binding, Role)>,
    /// The texts that declarations give tracked names.
    pub(super) texts: HashMap<u32, Text>,
    /// `import("process")`, whose promise goes who knows where.
    pub(super) imports_process: bool,
    /// An ES module: nothing but its own names and the global ones is in scope.
    pub(super) is_module: bool,
    /// Which functions may run before a declaration, once somebody asked.
    pub(super) early: Option<Rc<Early>>,
    pub(super) asked: Cell<bool>,
    pub(super) indexes: Indexes,
}

/// Answers to questions that are asked for each of many names: a list is gone through once for all of them.
#[derive(Default)]
pub(super) struct Indexes {
    around_evals: OnceCell<FxHashSet<ScopeId>>,
    evaluated: OnceCell<FxHashSet<ScopeId>>,
    definitions: OnceCell<HashMap<Module, usize>>,
    defined_ids: OnceCell<FxHashSet<Atom>>,
    read: OnceCell<HashSet<(Atom, Option<ScopeId>)>>,
    tables: OnceCell<HashMap<Atom, Option<usize>>>,
    changed: OnceCell<HashSet<(Atom, Option<ScopeId>)>>,
    changed_names: OnceCell<FxHashSet<Atom>>,
}

impl Facts {
    /// Whether the function around `used` may run before the `var` at `declared`; yes, as long as nobody looked.
    pub(super) fn may_run_early(&self, declared: u32, used: u32) -> bool {
        self.asked.set(true);
        self.early.as_ref().is_none_or(|early| early.may_run(declared, used))
    }

    /// Whether a direct `eval` lies in this scope.
    pub(super) fn is_around_eval(&self, scope: ScopeId) -> bool {
        let around = self.indexes.around_evals.get_or_init(|| self.scopes.around(&self.evals));
        around.contains(&scope)
    }

    /// Whether this scope lies in a function that has a direct `eval`.
    pub(super) fn is_evaluated(&self, scope: ScopeId) -> bool {
        let functions = || self.evals.iter().map(|eval| self.scopes.function(*eval)).collect();
        let functions: &FxHashSet<ScopeId> = self.indexes.evaluated.get_or_init(functions);
        !functions.is_empty() && self.scopes.is_within_any(scope, functions)
    }

    /// How often a module is defined.
    pub(super) fn definitions(&self, module: &Module) -> usize {
        let count = || {
            self.defined.iter().fold(HashMap::new(), |mut count, module| {
                *count.entry(module.clone()).or_default() += 1;
                count
            })
        };
        self.indexes.definitions.get_or_init(count).get(module).copied().unwrap_or(0)
    }

    /// Whether a module of this id is defined, in whatever table.
    pub(super) fn defines(&self, id: &Atom) -> bool {
        let ids = || self.defined.iter().map(|module| module.id.clone()).collect();
        self.indexes.defined_ids.get_or_init(ids).contains(id)
    }

    /// Whether more is done with a name than that it is looked at. A compiler's temporary is only read right after it is
    /// assigned, and those reads are not among the uses.
    pub(super) fn is_read(&self, name: &Atom, home: Option<ScopeId>) -> bool {
        let read = || {
            let looked_at =
                |used: &&Use| used.steps.is_empty() && matches!(used.sink, Sink::Drop | Sink::Write);
            let read = self.uses.iter().filter(|used| !looked_at(used));
            let home = |used: &Use| {
                let name = used.name.clone()?;
                let home = self.scopes.resolve(used.scope, &name);
                Some((name, home))
            };
            read.filter_map(home).collect()
        };
        self.indexes.read.get_or_init(read).contains(&(name.clone(), home))
    }

    /// The only table of this name: its index.
    pub(super) fn only_table(&self, name: &Atom) -> Option<usize> {
        let tables = || {
            self.tables.iter().enumerate().fold(HashMap::new(), |mut only, (index, (table, _))| {
                only.entry(table.name.clone()).and_modify(|only| *only = None).or_insert(Some(index));
                only
            })
        };
        *self.indexes.tables.get_or_init(tables).get(name)?
    }

    /// Whether an object of this name is given a property.
    pub(super) fn is_changed_somewhere(&self, name: &Atom) -> bool {
        let names = || self.changed.iter().map(|binding| binding.name.clone()).collect();
        self.indexes.changed_names.get_or_init(names).contains(name)
    }

    /// Whether the object of this name that is bound there is.
    pub(super) fn is_changed(&self, name: &Atom, home: Option<ScopeId>) -> bool {
        let homes = || {
            let home = |binding: &Binding| self.scopes.resolve(binding.scope, &binding.name);
            self.changed.iter().map(|binding| (binding.name.clone(), home(binding))).collect()
        };
        self.indexes.changed.get_or_init(homes).contains(&(name.clone(), home))
    }

    /// Whether somebody asked and nobody had looked.
    pub(super) fn wants_early(&self) -> bool {
        self.asked.get() && self.early.is_none()
    }
}

/// What an import takes from the process module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Imported {
    /// The default export or the namespace: the process object, or something with the same properties.
    Process,
    Env,
    /// `createRequire` of the module `module`.
    CreateRequire,
    /// That module itself.
    ModuleModule,
}
