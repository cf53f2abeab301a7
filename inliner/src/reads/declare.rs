//! Declarations, patterns and imports: which names are bound where, and every place that gives one a value.
//!
//! Owns the rule that a name's every value must be seen: what is not an initialiser or a plain assignment is recorded as a
//! write of something unknown.

use std::rc::Rc;

use swc_atoms::Atom;
use swc_ecma_ast::*;
use swc_ecma_visit::VisitWith;

use super::facts::Imported;
use super::flow::{Binding, Escape, Sink, Write};
use super::interop::{of_function, role};
use super::scope::Opens;
use super::test::unparenthesised;
use super::walk::Walk;
use crate::syntax::range;

/// Where a declaration binds its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Declared {
    /// The nearest function.
    Var,
    /// The current scope.
    Here,
    /// The current scope, which is that of a function's parameters.
    Parameter,
}

impl Walk<'_> {
    pub(super) fn is_tracked(&self, name: &Atom) -> bool {
        self.tracked.contains(name)
    }

    pub(super) fn declare(&mut self, ident: &Ident, kind: Declared) {
        if !self.tracked.contains(&ident.sym) {
            return;
        }
        let scopes = &mut self.facts.scopes;
        match kind {
            Declared::Var => scopes.bind_var(self.scope, &ident.sym),
            Declared::Here => scopes.bind(self.scope, &ident.sym),
            Declared::Parameter => scopes.bind_parameter(self.scope, &ident.sym),
        }
        self.facts.declared.insert(range(ident.span).0, kind);
    }

    /// A declaration whose value is none of ours: a function, a class, a parameter, an import.
    pub(super) fn declare_other(&mut self, ident: &Ident, kind: Declared) {
        self.declare(ident, kind);
        self.write(ident);
    }

    /// A function of that name: in a block of a sloppy script the block sets a `var` of the function around it as well.
    pub(super) fn declare_function(&mut self, ident: &Ident) {
        if !self.is_tracked(&ident.sym) {
            return;
        }
        self.declare(ident, Declared::Var);
        self.declare_other(ident, Declared::Here);
        let around = self.facts.scopes.hoist_target(self.scope);
        if around != self.scope {
            let binding = Binding { scope: around, ..self.binding(ident) };
            self.facts.writes.push(Write { binding });
        }
    }

    pub(super) fn binding(&self, ident: &Ident) -> Binding {
        Binding { name: ident.sym.clone(), scope: self.scope, at: range(ident.span).0 }
    }

    pub(super) fn write(&mut self, ident: &Ident) {
        if self.tracked.contains(&ident.sym) {
            let binding = self.binding(ident);
            self.facts.writes.push(Write { binding });
        }
    }

    /// Declares (`kind`) or assigns (`None`) every name of a pattern; visits defaults and computed keys.
    pub(super) fn pattern(&mut self, pattern: &Pat, kind: Option<Declared>) {
        match pattern {
            Pat::Ident(ident) => self.target(&ident.id, kind),
            Pat::Array(array) => array.elems.iter().flatten().for_each(|item| self.pattern(item, kind)),
            Pat::Rest(rest) => self.pattern(&rest.arg, kind),
            Pat::Object(object) => self.object_pattern(object, kind),
            Pat::Assign(assign) => {
                self.pattern(&assign.left, kind);
                self.flow(&assign.right, Sink::Escape(Escape::Value));
            }
            Pat::Expr(target) => self.flow(target, Sink::Write),
            Pat::Invalid(_) => {}
        }
    }

    pub(super) fn object_pattern(&mut self, object: &ObjectPat, kind: Option<Declared>) {
        for prop in &object.props {
            match prop {
                ObjectPatProp::KeyValue(pair) => {
                    pair.key.visit_with(self);
                    self.mention_key(&pair.key);
                    self.pattern(&pair.value, kind);
                }
                ObjectPatProp::Assign(short) => {
                    self.mention(&short.key.id.sym, short.key.id.span);
                    self.target(&short.key.id, kind);
                    if let Some(default) = &short.value {
                        self.flow(default, Sink::Escape(Escape::Value));
                    }
                }
                ObjectPatProp::Rest(rest) => self.pattern(&rest.arg, kind),
            }
        }
    }

    pub(super) fn target(&mut self, ident: &Ident, kind: Option<Declared>) {
        if let Some(kind) = kind {
            self.declare(ident, kind);
        }
        self.write(ident);
    }

    pub(super) fn parameters<'p>(&mut self, parameters: impl Iterator<Item = &'p Pat>) {
        for parameter in parameters {
            self.pattern(parameter, Some(Declared::Parameter));
        }
    }

    pub(super) fn body(&mut self, statements: &[Stmt]) {
        self.scoped(Opens::Body, |walk| statements.iter().for_each(|statement| statement.visit_with(walk)));
    }

    pub(super) fn declare_vars(&mut self, declaration: &VarDecl, assigned: bool) {
        let kind = if declaration.kind == VarDeclKind::Var { Declared::Var } else { Declared::Here };
        for declarator in &declaration.decls {
            self.declarator(declarator, kind, assigned);
        }
    }

    /// `assigned`: a `for … of` head, whose names take values without an initialiser.
    pub(super) fn declarator(&mut self, declarator: &VarDeclarator, kind: Declared, assigned: bool) {
        match &declarator.name {
            Pat::Ident(ident) if declarator.init.is_none() && !assigned => self.declare(&ident.id, kind),
            pattern => self.pattern(pattern, Some(kind)),
        }
        let Some(init) = &declarator.init else { return };
        if let (Pat::Ident(ident), false) = (&declarator.name, assigned) {
            self.note_init(&ident.id, init);
        }
        let sink = match &declarator.name {
            Pat::Ident(ident) => Sink::Bind(self.binding(&ident.id), Rc::new(Sink::Drop)),
            Pat::Object(object) => Sink::Keys(Rc::new(self.keys_of(object)), Rc::new(Sink::Drop)),
            _ => Sink::Escape(Escape::Value),
        };
        self.flow(init, sink);
    }

    /// What the function does, when somebody asked for its name.
    pub(super) fn note_function(&mut self, ident: &Ident, function: &Function) {
        if self.is_tracked(&ident.sym)
            && let Some(role) = of_function(function)
        {
            let binding = self.binding(ident);
            self.facts.roles.push((binding, role));
        }
    }

    fn note_init(&mut self, ident: &Ident, init: &Expr) {
        if let Expr::Object(object) = unparenthesised(init) {
            self.note_table(ident, object);
        }
        self.note_text(ident, init);
        if self.is_tracked(&ident.sym)
            && let Some(role) = role(init)
        {
            let binding = self.binding(ident);
            self.facts.roles.push((binding, role));
        }
    }

    pub(super) fn export_names(&mut self, pattern: &Pat) {
        match pattern {
            Pat::Ident(ident) => self.export(&ident.id, &ident.id.sym),
            Pat::Array(array) => array.elems.iter().flatten().for_each(|item| self.export_names(item)),
            Pat::Rest(rest) => self.export_names(&rest.arg),
            Pat::Assign(assign) => self.export_names(&assign.left),
            Pat::Object(object) => object.props.iter().for_each(|prop| match prop {
                ObjectPatProp::KeyValue(pair) => self.export_names(&pair.value),
                ObjectPatProp::Assign(short) => self.export(&short.key.id, &short.key.id.sym),
                ObjectPatProp::Rest(rest) => self.export_names(&rest.arg),
            }),
            Pat::Expr(_) | Pat::Invalid(_) => {}
        }
    }

    /// `import {createRequire} from "module"`.
    pub(super) fn import_of_module(&mut self, specifier: &ImportSpecifier, local: &Ident) {
        let imported = match specifier {
            ImportSpecifier::Default(_) | ImportSpecifier::Namespace(_) => Imported::ModuleModule,
            ImportSpecifier::Named(named) => {
                let name = named.imported.as_ref().map_or(local.sym.clone(), |name| name.atom().into_owned());
                match &*name {
                    "createRequire" => Imported::CreateRequire,
                    "default" => Imported::ModuleModule,
                    _ => return,
                }
            }
        };
        let binding = self.binding(local);
        self.facts.imports.push((binding, imported));
    }

    pub(super) fn import_of_process(&mut self, specifier: &ImportSpecifier, local: &Ident) {
        let imported = match specifier {
            ImportSpecifier::Default(_) | ImportSpecifier::Namespace(_) => Imported::Process,
            ImportSpecifier::Named(named) => match named.imported.as_ref().map(|name| name.atom()) {
                None if local.sym == "env" => Imported::Env,
                Some(name) if &**name == "env" => Imported::Env,
                Some(name) if &**name == "default" => Imported::Process,
                _ => return,
            },
        };
        let binding = self.binding(local);
        self.facts.imports.push((binding, imported));
    }
}
