//! Names that stand for `process`, its environment or the global object.
//!
//! Owns the decision which of them are certain: every value that the name ever takes must be known. A parameter, a loop's
//! variable or a second assignment makes it uncertain, and so does an uncertain parent.

use std::collections::{HashMap, HashSet};

use swc_atoms::Atom;

use super::flow::Binding;
use super::scope::ScopeId;
use super::walk::Facts;

/// What an expression is known to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Global,
    Process,
    Env,
}

/// A name and the scope that binds it.
pub(super) type Home = (Atom, ScopeId);

/// Everything that was found to be assigned one of the three objects.
pub(super) type Binds = HashMap<Binding, (Kind, Option<Home>)>;

/// What is known about a name that takes one of the objects.
pub(super) struct Alias {
    pub(super) kind: Kind,
    /// Every value it takes is of that kind.
    pub(super) certain: bool,
    parents: Vec<Home>,
}

/// Gathers the aliases of a round and decides which of them are certain.
pub(super) fn aliases(facts: &Facts, binds: &Binds) -> HashMap<Home, Alias> {
    let mut aliases: HashMap<Home, Alias> = HashMap::new();
    for (binding, (kind, parent)) in binds {
        let Some(scope) = facts.scopes.resolve(binding.scope, &binding.name) else {
            continue;
        };
        let home = (binding.name.clone(), scope);
        let alias = aliases.entry(home).or_insert(Alias { kind: *kind, certain: true, parents: Vec::new() });
        alias.certain &= alias.kind == *kind;
        alias.parents.extend(parent.clone());
    }
    for write in &facts.writes {
        if binds.contains_key(&write.binding) {
            continue;
        }
        let binding = &write.binding;
        if let Some(scope) = facts.scopes.resolve(binding.scope, &binding.name)
            && let Some(alias) = aliases.get_mut(&(binding.name.clone(), scope))
        {
            alias.certain = false;
        }
    }
    doubt_children(&mut aliases);
    aliases
}

/// An alias of something uncertain is uncertain.
fn doubt_children(aliases: &mut HashMap<Home, Alias>) {
    loop {
        let doubted: HashSet<Home> =
            aliases.iter().filter(|(_, alias)| !alias.certain).map(|(home, _)| home.clone()).collect();
        let mut changed = false;
        for alias in aliases.values_mut() {
            if alias.certain && alias.parents.iter().any(|parent| doubted.contains(parent)) {
                alias.certain = false;
                changed = true;
            }
        }
        if !changed {
            return;
        }
    }
}
