//! Functions that compilers add to hand on a module, known by what they do.
//!
//! Owns the shapes of esbuild, TypeScript, Babel, swc, Rollup and webpack. A name proves nothing: it refuses every function
//! whose body it does not recognise.

use swc_atoms::Atom;
use swc_ecma_ast::*;
use swc_ecma_visit::{Visit, VisitWith};

use super::copies::{copied, copying, is_copier};
use super::test::unparenthesised;
use super::value::{constant, property_name};

/// What such a function returns for a module that is no ES module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Interop {
    /// The module itself.
    Same,
    /// `{default: module}`.
    Default,
    /// All properties of the module, and itself as `default`.
    Star,
}

/// What is known of a function of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    Interop(Interop),
    /// Does what `Interop::Star` says, if the function of this name is a copier.
    CopiedBy(Atom),
    /// Copies the properties of its second argument to its first.
    Copier,
    /// Calls the `require` around it.
    Require,
    /// Returns the exports of a module in the table of this name.
    Modules(Atom),
}

/// A function's parameters and body, however it is written.
pub(super) struct Shape<'e> {
    pub(super) parameters: Vec<Option<&'e Ident>>,
    pub(super) statements: &'e [Stmt],
    value: Option<&'e Expr>,
}

pub(super) fn role(init: &Expr) -> Option<Role> {
    match unparenthesised(init) {
        Expr::Fn(function) => of_function(&function.function),
        Expr::Arrow(arrow) => of_arrow(arrow).and_then(|shape| of_shape(&shape)),
        // `this && this.__importDefault || function (mod) { … }`
        Expr::Bin(either) if either.op == BinaryOp::LogicalOr => role(&either.right),
        Expr::Call(call) => of_call(call),
        _ => None,
    }
}

pub(super) fn of_function(function: &Function) -> Option<Role> {
    if function.is_async || function.is_generator {
        return None;
    }
    let parameters = function.params.iter().map(|parameter| parameter.pat.as_ident().map(|name| &name.id));
    let statements = function.body.as_ref().map_or(&[][..], |body| &body.stmts);
    of_shape(&Shape { parameters: parameters.collect(), statements, value: only_value(statements) })
}

fn of_arrow(arrow: &ArrowExpr) -> Option<Shape<'_>> {
    let parameters = arrow.params.iter().map(|parameter| parameter.as_ident().map(|name| &name.id)).collect();
    let (statements, value) = match &*arrow.body {
        ArrowFunctionBody::FunctionBody(body) => (&body.stmts[..], only_value(&body.stmts)),
        ArrowFunctionBody::Expr(value) => (&[][..], Some(&**value)),
    };
    (!arrow.is_async).then_some(Shape { parameters, statements, value })
}

fn only_value(statements: &[Stmt]) -> Option<&Expr> {
    match statements {
        [Stmt::Return(only)] => only.arg.as_deref(),
        _ => None,
    }
}

fn of_shape(shape: &Shape<'_>) -> Option<Role> {
    let first = (*shape.parameters.first()?)?;
    let role = match shape.value.map(unparenthesised) {
        Some(Expr::Cond(choice)) => chosen(first, choice).map(Role::Interop),
        Some(Expr::Seq(sequence)) => copied(shape, first, sequence).map(Role::CopiedBy),
        _ => None,
    };
    let star = || copying(shape, first).then_some(Role::Interop(Interop::Star));
    let copier = || is_copier(shape, first).then_some(Role::Copier);
    role.or_else(star).or_else(copier).or_else(|| table(shape, first).map(Role::Modules))
}

/// `mod && mod.__esModule ? mod : {default: mod}`, or `: mod`.
fn chosen(module: &Ident, choice: &CondExpr) -> Option<Interop> {
    if !asks_for_es_module(&choice.test, module) {
        return None;
    }
    let is_module = |expr: &Expr| is_name(expr, module);
    match unparenthesised(&choice.alt) {
        alt if is_module(alt) => Some(Interop::Same),
        Expr::Object(object) => match &object.props[..] {
            [PropOrSpread::Prop(prop)] => match &**prop {
                Prop::KeyValue(pair) if is_default(&pair.key) && is_module(&pair.value) => {
                    Some(Interop::Default)
                }
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// The module table of `function n(id) { …; table[id](module, module.exports, n); return module.exports }`.
fn table(shape: &Shape<'_>, id: &Ident) -> Option<Atom> {
    let Some(Stmt::Return(last)) = shape.statements.last() else { return None };
    let value = last.arg.as_deref()?;
    let exports = match value {
        Expr::Seq(sequence) => sequence.exprs.last()?,
        other => other,
    };
    is_exports(exports).then_some(())?;
    let mut finder = TableCall { id, found: None };
    shape.statements.visit_with(&mut finder);
    finder.found
}

fn is_exports(expr: &Expr) -> bool {
    expr.as_member().is_some_and(|member| member.prop.as_ident().is_some_and(|name| &*name.sym == "exports"))
}

/// `table[id](module, module.exports, n)` or `table[id].call(module.exports, module, module.exports, n)`.
struct TableCall<'e> {
    id: &'e Ident,
    found: Option<Atom>,
}

impl Visit for TableCall<'_> {
    fn visit_call_expr(&mut self, call: &CallExpr) {
        call.visit_children_with(self);
        let Some(Expr::Member(member)) = call.callee.as_expr().map(|callee| &**callee) else { return };
        let member = match (&*member.obj, member.prop.as_ident()) {
            (Expr::Member(inner), Some(name)) if &*name.sym == "call" => inner,
            _ => member,
        };
        let by_id = member.prop.as_computed().is_some_and(|key| is_name(&key.expr, self.id));
        let hands_exports = call.args.iter().any(|argument| is_exports(&argument.expr));
        if let (true, true, Some(table)) = (by_id, hands_exports, member.obj.as_ident()) {
            self.found = Some(table.sym.clone());
        }
    }
}

/// esbuild's `require` in ES modules: `(x => typeof require < "u" ? require : …)(function (x) { … })`.
fn of_call(call: &CallExpr) -> Option<Role> {
    let callee = unparenthesised(call.callee.as_expr()?);
    if let Expr::Fn(outer) = callee {
        return returned_function(&outer.function);
    }
    let arrow = callee.as_arrow()?;
    let ArrowFunctionBody::Expr(value) = &*arrow.body else { return None };
    let choice = unparenthesised(value).as_cond()?;
    let is_require = |expr: &Expr| unparenthesised(expr).is_ident_ref_to("require");
    let asks = choice.test.as_bin().is_some_and(|test| {
        [&test.left, &test.right].iter().any(|side| {
            side.as_unary().is_some_and(|unary| unary.op == UnaryOp::TypeOf && is_require(&unary.arg))
        })
    });
    let bound = arrow.params.iter().any(|one| one.as_ident().is_some_and(|name| &*name.id.sym == "require"));
    (asks && !bound && is_require(&choice.cons)).then_some(Role::Require)
}

/// `(function () { …; return function (mod) { … } })()`.
fn returned_function(function: &Function) -> Option<Role> {
    let Some(Stmt::Return(last)) = function.body.as_ref()?.stmts.last() else { return None };
    match &**last.arg.as_ref()? {
        Expr::Fn(inner) => of_function(&inner.function),
        _ => None,
    }
}

pub(super) fn is_name(expr: &Expr, name: &Ident) -> bool {
    unparenthesised(expr).as_ident().is_some_and(|ident| ident.sym == name.sym)
}

pub(super) fn is_default(key: &PropName) -> bool {
    property_name(key).is_some_and(|name| &*name == "default")
}

/// Whether a condition is false for a module that is no ES module: the first thing it asks, besides plain names, is that.
pub(super) fn asks_for_es_module(test: &Expr, module: &Ident) -> bool {
    match unparenthesised(test) {
        Expr::Bin(both) if both.op == BinaryOp::LogicalAnd => {
            asks_for_es_module(&both.left, module)
                || is_plain(&both.left) && asks_for_es_module(&both.right, module)
        }
        Expr::Bin(inside) if inside.op == BinaryOp::In => {
            is_name(&inside.right, module) && is_default_key(&inside.left)
        }
        Expr::Member(member) => {
            let named = member.prop.as_ident().is_some_and(|name| &*name.sym == "__esModule");
            named && is_name(&member.obj, module)
        }
        Expr::Call(call) => asks_for_own_default(call, module),
        _ => false,
    }
}

/// `Object.prototype.hasOwnProperty.call(module, "default")`.
fn asks_for_own_default(call: &CallExpr, module: &Ident) -> bool {
    let member = |expr: &Expr, key: &str| {
        let member = expr.as_member().filter(|member| member.prop.is_ident_with(key));
        member.map(|member| member.obj.clone())
    };
    let called = call.callee.as_expr().and_then(|callee| member(callee, "call"));
    let asks = called.is_some_and(|function| member(&function, "hasOwnProperty").is_some());
    match &call.args[..] {
        [of, key] => asks && is_name(&of.expr, module) && is_default_key(&key.expr),
        _ => false,
    }
}

/// Names, their types and comparisons of them: nothing that could change a module.
fn is_plain(expr: &Expr) -> bool {
    match unparenthesised(expr) {
        Expr::Ident(_) | Expr::Lit(_) => true,
        Expr::Unary(unary) => unary.op != UnaryOp::Delete && is_plain(&unary.arg),
        Expr::Bin(binary) => is_plain(&binary.left) && is_plain(&binary.right),
        _ => false,
    }
}

pub(super) fn is_default_key(key: &Expr) -> bool {
    constant(key).is_some_and(|key| &*key == "default")
}
