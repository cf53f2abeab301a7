//! Scopes of one file, and which of the tracked names each of them binds.
//!
//! Owns name resolution after the walk. Scopes are numbered in the order they open, so that every walk of
//! the same tree numbers them alike. It refuses to know names that nobody asked for: that is what keeps it cheap.

use rustc_hash::FxHashSet;
use swc_atoms::Atom;

pub(crate) type ScopeId = u32;

/// What opens a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opens {
    Block,
    /// A `switch`: what one case declares, another sees without it.
    Switch,
    Parameters,
    /// A function's body, or the file: a `var` stops here.
    Body,
}

struct Scope {
    parent: ScopeId,
    opens: Opens,
}

/// The tree of scopes; scope 0 is the file.
pub(crate) struct Scopes {
    scopes: Vec<Scope>,
    bound: FxHashSet<(ScopeId, Atom)>,
    parameters: FxHashSet<(ScopeId, Atom)>,
}

impl Default for Scopes {
    fn default() -> Self {
        let file = Scope { parent: 0, opens: Opens::Body };
        Self { scopes: vec![file], bound: FxHashSet::default(), parameters: FxHashSet::default() }
    }
}

impl Scopes {
    pub(crate) fn open(&mut self, parent: ScopeId, opens: Opens) -> ScopeId {
        let id = self.scopes.len() as ScopeId;
        self.scopes.push(Scope { parent, opens });
        id
    }

    /// The scope that `id` lies in.
    pub(crate) fn parent(&self, id: ScopeId) -> ScopeId {
        self.scopes[id as usize].parent
    }

    pub(crate) fn opens(&self, id: ScopeId) -> Opens {
        self.scopes[id as usize].opens
    }

    pub(crate) fn bind(&mut self, scope: ScopeId, name: &Atom) {
        self.bound.insert((scope, name.clone()));
    }

    pub(crate) fn bind_parameter(&mut self, scope: ScopeId, name: &Atom) {
        self.bind(scope, name);
        self.parameters.insert((scope, name.clone()));
    }

    pub(crate) fn is_parameter(&self, scope: ScopeId, name: &Atom) -> bool {
        self.parameters.contains(&(scope, name.clone()))
    }

    /// Binds a `var` or a sloppy function declaration in `scope`; one that repeats a parameter is that parameter.
    pub(crate) fn bind_var(&mut self, scope: ScopeId, name: &Atom) {
        let body = self.hoist_target(scope);
        if !self.is_parameter(self.parent(body), name) {
            self.bind(body, name);
        }
    }

    /// Where a `var` in `scope` ends up.
    pub(crate) fn hoist_target(&self, mut scope: ScopeId) -> ScopeId {
        while self.opens(scope) != Opens::Body {
            scope = self.parent(scope);
        }
        scope
    }

    /// The scope of the function around `scope`, its parameters included.
    pub(crate) fn function(&self, mut scope: ScopeId) -> ScopeId {
        while matches!(self.opens(scope), Opens::Block | Opens::Switch) {
            scope = self.parent(scope);
        }
        let around = self.parent(scope);
        let has_parameters = self.opens(scope) == Opens::Body && self.opens(around) == Opens::Parameters;
        if has_parameters { around } else { scope }
    }

    /// Whether `scope` is `outer` or lies in it.
    pub(crate) fn is_within(&self, mut scope: ScopeId, outer: ScopeId) -> bool {
        // A scope is numbered after those around it.
        while scope > outer {
            scope = self.parent(scope);
        }
        scope == outer
    }

    /// These scopes and all that lie around them.
    pub(super) fn around(&self, scopes: &[ScopeId]) -> FxHashSet<ScopeId> {
        let mut around = FxHashSet::default();
        for scope in scopes {
            let mut scope = *scope;
            while around.insert(scope) && scope != 0 {
                scope = self.parent(scope);
            }
        }
        around
    }

    /// Whether `scope` is one of these or lies in one.
    pub(super) fn is_within_any(&self, mut scope: ScopeId, outer: &FxHashSet<ScopeId>) -> bool {
        while !outer.contains(&scope) && scope != 0 {
            scope = self.parent(scope);
        }
        outer.contains(&scope)
    }

    /// The scope that binds `name` for a reference in `scope`; `None` when nothing in the file does.
    pub(crate) fn resolve(&self, mut scope: ScopeId, name: &Atom) -> Option<ScopeId> {
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
            scope = self.parent(scope);
        }
    }
}
