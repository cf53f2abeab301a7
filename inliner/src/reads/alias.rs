//! Names that stand for `process`, its environment or the global object.
//!
//! Owns the decision which of them are certain: every value that the name ever takes must be known, and it must have taken
//! it before it is read. It refuses a parameter, a loop's variable, an assignment, and whatever comes from a doubtful name.

use std::collections::{BTreeMap, HashSet};

use swc_atoms::Atom;

use super::declare::Declared;
use super::facts::Facts;
use super::flow::{Binding, Sink, Use};
use super::interop::Interop;
use super::scope::{Opens, ScopeId};
use crate::finding::Reason;

/// What an expression is known to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A function that loads modules by their names.
    Require,
    CreateRequire,
    /// The module `module`.
    ModuleModule,
    /// Hands on the module that it is given.
    Interop(Interop),
    /// A function that copies a module's properties for one that does.
    Copier,
    /// A bundler's way to the modules of the table that starts here.
    Modules(u32),
    /// Turbopack's context of a module in the table that starts here: its way to the others.
    Context(u32),
    /// webpack's `n.n`: makes a getter of a module.
    Getters,
    /// Such a getter of the process object.
    Getter,
    /// An object whose `default` is the process object.
    Default,
    Global,
    Process,
    Env,
}

impl Kind {
    /// Whether it is the same in every file.
    pub(super) fn is_shared(self) -> bool {
        !matches!(self, Self::Modules(_) | Self::Context(_) | Self::Getters | Self::Getter)
    }
}

/// A name and the scope that binds it.
pub(super) type Home = (Atom, ScopeId);

/// A value that a name is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) kind: Kind,
    pub(super) parent: Option<Home>,
    /// Why it may be something else after all.
    pub(super) doubt: Option<Reason>,
}

/// More declarations of one name than anybody writes.
const MOST_VARS: usize = 64;

/// Everything that was found to be assigned one of the three objects.
pub(super) type Binds = BTreeMap<Binding, Bound>;

/// What is known about a name that takes one of the objects.
pub(super) struct Alias {
    pub(super) kind: Kind,
    /// Why it may hold something else.
    pub(super) doubt: Option<Reason>,
    parents: Vec<Home>,
    /// Each `var` that gives it its value.
    vars: Vec<Binding>,
}

impl Alias {
    /// Whether other files find it whenever they run after this one.
    pub(super) fn is_settled(&self, home: &Home) -> bool {
        self.doubt.is_none() && (self.vars.is_empty() || self.vars.iter().any(|var| var.scope == home.1))
    }

    /// Why this use may find something else.
    pub(super) fn doubt_at(&self, facts: &Facts, home: &Home, scope: ScopeId, at: u32) -> Option<Reason> {
        let late = !self.vars.is_empty() && !self.vars.iter().any(|var| reaches(facts, home, var, scope, at));
        self.doubt.or(late.then_some(Reason::Sometimes))
    }
}

/// Whether a `var` certainly has its value in `used` at `at`, as far as one function can tell: it is run whenever the function
/// is, or it is in a block around the use; and it comes first. Another function must not be called before it does.
pub(super) fn reaches(facts: &Facts, home: &Home, var: &Binding, used: ScopeId, at: u32) -> bool {
    let scopes = &facts.scopes;
    if !scopes.is_within(used, var.scope) {
        return false;
    }
    let always = var.scope == home.1;
    if scopes.function(used) == scopes.function(var.scope) {
        return var.at < at;
    }
    (always || var.at < at) && !facts.may_run_early(var.at, at)
}

/// Gathers the aliases of a round and decides which of them are certain.
pub(super) fn aliases(facts: &Facts, binds: &Binds) -> BTreeMap<Home, Alias> {
    let mut aliases: BTreeMap<Home, Alias> = BTreeMap::new();
    for (binding, bound) in binds {
        let Some(scope) = facts.scopes.resolve(binding.scope, &binding.name) else {
            continue;
        };
        let home = (binding.name.clone(), scope);
        let new = Alias { kind: bound.kind, doubt: None, parents: Vec::new(), vars: Vec::new() };
        let alias = aliases.entry(home).or_insert(new);
        if alias.kind != bound.kind {
            alias.kind = alias.kind.max(bound.kind);
            alias.doubt = Some(Reason::AliasReassigned);
        }
        alias.doubt = alias.doubt.or(bound.doubt);
        alias.parents.extend(bound.parent.clone());
        match facts.declared.get(&binding.at) {
            Some(Declared::Var) if facts.scopes.opens(binding.scope) != Opens::Switch => {
                // Each is asked at each use.
                if alias.vars.len() == MOST_VARS {
                    alias.doubt = alias.doubt.or(Some(Reason::Sometimes));
                } else {
                    alias.vars.push(binding.clone());
                }
            }
            Some(Declared::Here) => {}
            _ => alias.doubt = alias.doubt.or(Some(Reason::Sometimes)),
        }
    }
    for write in facts.writes.iter().filter(|write| !binds.contains_key(&write.binding)) {
        let binding = &write.binding;
        if let Some(scope) = facts.scopes.resolve(binding.scope, &binding.name)
            && let Some(alias) = aliases.get_mut(&(binding.name.clone(), scope))
        {
            alias.doubt = Some(Reason::AliasReassigned);
        }
    }
    doubt_evaluated(facts, &mut aliases);
    doubt_children(&mut aliases);
    aliases
}

/// A direct `eval` sees every name around it.
fn doubt_evaluated(facts: &Facts, aliases: &mut BTreeMap<Home, Alias>) {
    for ((_, scope), alias) in aliases {
        if facts.is_around_eval(*scope) {
            alias.doubt = alias.doubt.or(Some(Reason::Eval));
        }
    }
}

/// An alias of something uncertain is uncertain.
fn doubt_children(aliases: &mut BTreeMap<Home, Alias>) {
    loop {
        let doubted: BTreeMap<Home, Reason> = aliases
            .iter()
            .filter_map(|(home, alias)| alias.doubt.map(|doubt| (home.clone(), doubt)))
            .collect();
        let mut changed = false;
        for alias in aliases.values_mut().filter(|alias| alias.doubt.is_none()) {
            alias.doubt = alias.parents.iter().find_map(|parent| doubted.get(parent).copied());
            changed |= alias.doubt.is_some();
        }
        if !changed {
            return;
        }
    }
}

/// Parameters of bundlers' modules that nothing but the bundler gives a value.
pub(super) fn given(facts: &Facts) -> HashSet<Home> {
    let names: HashSet<&Atom> = facts.parameters.keys().map(|(name, _)| name).collect();
    let mut written: BTreeMap<Home, usize> = BTreeMap::new();
    for write in facts.writes.iter().filter(|write| names.contains(&write.binding.name)) {
        let Binding { name, scope, .. } = &write.binding;
        if let Some(scope) = facts.scopes.resolve(*scope, name) {
            *written.entry((name.clone(), scope)).or_default() += 1;
        }
    }
    // The parameter itself is one.
    facts.parameters.keys().filter(|home| written.get(home) == Some(&1)).cloned().collect()
}

/// Those of them whose `.g` is never written.
pub(super) fn factories(facts: &Facts, given: &HashSet<Home>) -> HashSet<Home> {
    let is_write = |used: &&Use| {
        matches!(used.sink, Sink::Write)
            && used.steps.len() == 1
            && used.steps[0].key.as_ref().is_none_or(|key| &**key == "g")
    };
    let mut left = given.clone();
    for used in facts.uses.iter().filter(|_| !given.is_empty()).filter(is_write) {
        if let Some(name) = &used.name
            && let Some(scope) = facts.scopes.resolve(used.scope, name)
        {
            left.remove(&(name.clone(), scope));
        }
    }
    left
}
