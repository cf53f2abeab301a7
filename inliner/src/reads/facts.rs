//! What one walk over a tree collects.
//!
//! Owns the lists alone, and whether somebody missed one of them. It judges nothing.

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};
use swc_atoms::Atom;

use super::Shared;
use super::alias::Kind;
use super::declare::Declared;
use super::early::Early;
use super::flow::{Binding, Call, Export, Mention, Module, Use, Write};
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
}

impl Facts {
    /// Whether the function around `used` may run before the `var` at `declared`; yes, as long as nobody looked.
    pub(super) fn may_run_early(&self, declared: u32, used: u32) -> bool {
        self.asked.set(true);
        self.early.as_ref().is_none_or(|early| early.may_run(declared, used))
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
