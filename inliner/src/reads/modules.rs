//! Bundlers' tables of modules.
//!
//! Owns the shapes of Turbopack's lists and webpack's tables, the parameters of their modules' functions, and which module
//! is nothing but the process module. It refuses modules that do anything else, and ids that two modules share.

use swc_atoms::Atom;
use swc_ecma_ast::*;
use swc_ecma_visit::VisitWith;

use super::alias::Kind;
use super::flow::Module;
use super::test::unparenthesised;
use super::value::property_name;
use super::walk::Walk;
use crate::syntax::range;

/// A module's function.
#[derive(Debug, Clone)]
pub(super) struct Factory {
    module: Module,
    bundler: Bundler,
}

/// Whose table it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bundler {
    /// `[id, (context, module, exports) => …]`
    Turbopack,
    /// `{id: (module, exports, require) => …}`
    Webpack,
}

impl Walk<'_> {
    /// `[id, function, id, id, function]`.
    pub(super) fn module_list(&mut self, array: &ArrayLit) {
        let table = range(array.span).0;
        let mut id = None;
        for element in array.elems.iter().flatten() {
            match (element.spread, unparenthesised(&element.expr)) {
                (None, Expr::Lit(literal)) => id = literal_id(literal),
                (None, Expr::Arrow(_) | Expr::Fn(_)) => {
                    let module = id.take().map(|id| Module { table, id });
                    self.next = module.map(|module| Factory { module, bundler: Bundler::Turbopack });
                }
                _ => id = None,
            }
            element.visit_with(self);
            self.next = None;
        }
    }

    /// `{id: function, id(…) {}}`.
    pub(super) fn module_table(&mut self, object: &ObjectLit) {
        let table = range(object.span).0;
        for prop in &object.props {
            if let Some(id) = factory_id(prop) {
                self.next = Some(Factory { module: Module { table, id }, bundler: Bundler::Webpack });
            }
            prop.visit_with(self);
            self.next = None;
        }
    }

    /// The name of a table, for the function that looks into it.
    pub(super) fn note_table(&mut self, name: &Ident, object: &ObjectLit) {
        if !self.modules.is_empty() && object.props.iter().any(|prop| factory_id(prop).is_some()) {
            self.facts.tables.push((self.binding(name), range(object.span).0));
        }
    }

    /// `table[id] = …`, whatever it is.
    pub(super) fn note_change(&mut self, target: &MemberExpr) {
        if let (false, Some(name)) = (self.modules.is_empty(), target.obj.as_ident()) {
            self.facts.changed.push(self.binding(name));
        }
    }

    /// Begins a function with these parameters, whose body may be one expression; answers what was outside of it.
    pub(super) fn enter<'p>(
        &mut self,
        parameter: impl Fn(usize) -> Option<&'p Pat>,
        only: Option<&Expr>,
    ) -> Option<(Module, Atom)> {
        let Some(Factory { module, bundler }) = self.next.take() else { return self.inside.take() };
        let name = |index: usize| parameter(index)?.as_ident().map(|name| name.id.sym.clone());
        let (given, this) = match bundler {
            Bundler::Turbopack => (name(0), name(1)),
            Bundler::Webpack => (name(2), name(0)),
        };
        if let Some(given) = given.filter(|given| self.is_tracked(given)) {
            let kind = match bundler {
                Bundler::Turbopack => Kind::Context(module.table),
                Bundler::Webpack => Kind::Modules(module.table),
            };
            self.facts.parameters.insert((given, self.scope), kind);
        }
        if !self.modules.is_empty() || self.others.is_process(&module.id) {
            self.facts.defined.push(module.clone());
        }
        let assigns = only.is_some_and(|only| matches!(unparenthesised(only), Expr::Assign(_)));
        std::mem::replace(&mut self.inside, this.filter(|_| assigns).map(|this| (module, this)))
    }

    /// `module.exports = …` as all that a module does.
    pub(super) fn exports_of_module(&self, target: &SimpleAssignTarget) -> Option<Module> {
        let (module, this) = self.inside.as_ref()?;
        let member = target.as_member()?;
        let named = member.prop.as_ident().is_some_and(|name| &*name.sym == "exports");
        let ours = member.obj.as_ident().is_some_and(|name| name.sym == *this);
        (named && ours).then(|| module.clone())
    }
}

/// The expression that is all of a function's body, directives aside.
pub(super) fn only_expression(statements: &[Stmt]) -> Option<&Expr> {
    match statements {
        [only] => Some(&only.as_expr()?.expr),
        [directive, only] if matches!(&*directive.as_expr()?.expr, Expr::Lit(Lit::Str(_))) => {
            Some(&only.as_expr()?.expr)
        }
        _ => None,
    }
}

fn literal_id(literal: &Lit) -> Option<Atom> {
    match literal {
        Lit::Num(number) => Some(Atom::from(number.value.to_string())),
        Lit::Str(string) => string.value.as_str().map(Atom::from),
        _ => None,
    }
}

fn factory_id(prop: &PropOrSpread) -> Option<Atom> {
    let PropOrSpread::Prop(prop) = prop else { return None };
    match &**prop {
        Prop::Method(method) => property_name(&method.key),
        Prop::KeyValue(pair) if matches!(unparenthesised(&pair.value), Expr::Arrow(_) | Expr::Fn(_)) => {
            property_name(&pair.key)
        }
        _ => None,
    }
}
