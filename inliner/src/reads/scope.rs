//! Scopes of one file, and which of the tracked names each of them binds.
//!
//! Owns name resolution after the walk. Scopes are numbered in the order they open, so that every walk of
//! the same tree numbers them alike. It refuses to know names that nobody asked for: that is what keeps it cheap.

use std::collections::HashSet;

use swc_atoms::Atom;

pub(super) type ScopeId = u32;

struct Scope {
    parent: ScopeId,
    /// Whether a `var` stops here.
    hoists: bool,
}

/// The tree of scopes; scope 0 is the file.
pub(super) struct Scopes {
    scopes: Vec<Scope>,
    bound: HashSet<(ScopeId, Atom)>,
}

impl Scopes {
    pub(super) fn new() -> Self {
        Self { scopes: vec![Scope { parent: 0, hoists: true }], bound: HashSet::new() }
    }

    pub(super) fn open(&mut self, parent: ScopeId, hoists: bool) -> ScopeId {
        let id = self.scopes.len() as ScopeId;
        self.scopes.push(Scope { parent, hoists });
        id
    }

    /// The scope that `id` lies in.
    pub(super) fn parent(&self, id: ScopeId) -> ScopeId {
        self.scopes[id as usize].parent
    }

    pub(super) fn bind(&mut self, scope: ScopeId, name: &Atom) {
        self.bound.insert((scope, name.clone()));
    }

    /// Where a `var` or a sloppy function declaration in `scope` ends up.
    pub(super) fn hoist_target(&self, mut scope: ScopeId) -> ScopeId {
        while !self.scopes[scope as usize].hoists {
            scope = self.scopes[scope as usize].parent;
        }
        scope
    }

    /// The scope that binds `name` for a reference in `scope`; `None` when nothing in the file does.
    pub(super) fn resolve(&self, mut scope: ScopeId, name: &Atom) -> Option<ScopeId> {
        if self.bound.is_empty() {
            return None;
        }
        loop {
            if self.bound.contains(&(scope, name.clone())) {
                return Some(scope);
            }
            if scope == 0 {
                return None;
            }
            scope = self.scopes[scope as usize].parent;
        }
    }
}
