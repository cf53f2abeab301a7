//! Functions that compilers add to hand on a module, known by what they do.
//!
//! Owns the shapes of esbuild, TypeScript, Babel, swc, Rollup and webpack. A name proves nothing: it refuses every function
//! whose body it does not recognise.

use swc_atoms::Atom;
use swc_ecma_ast::*;
use swc_ecma_visit::{Visit, VisitWith};

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
    /// Calls the `require` around it.
    Require,
    /// Returns the exports of a module in the table of this name.
    Modules(Atom),
}

/// A function's parameters and body, however it is written.
struct Shape<'e> {
    parameters: Vec<Option<&'e Ident>>,
    statements: &'e [Stmt],
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
    let interop = match shape.value.map(unparenthesised) {
        Some(Expr::Cond(choice)) => chosen(first, choice),
        Some(Expr::Seq(sequence)) => copied(shape, first, sequence),
        _ => None,
    };
    let interop = interop.or_else(|| copying(shape, first).then_some(Interop::Star));
    interop.map(Role::Interop).or_else(|| table(shape, first).map(Role::Modules))
}

/// `mod && mod.__esModule ? mod : {default: mod}`, or `: mod`.
fn chosen(module: &Ident, choice: &CondExpr) -> Option<Interop> {
    if !asks_for_es_module(&*choice.test, module) {
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

/// esbuild: `(target = mod != null ? create(proto(mod)) : {}, copy(… define(target, "default", {value: mod}) …, mod))`.
fn copied(shape: &Shape<'_>, module: &Ident, sequence: &SeqExpr) -> Option<Interop> {
    let target = (*shape.parameters.get(2)?)?;
    let [made, copy] = &sequence.exprs[..] else { return None };
    let makes = made.as_assign().is_some_and(|assign| {
        let name = assign.left.as_simple().and_then(|simple| simple.as_ident());
        name.is_some_and(|name| name.id.sym == target.sym)
    });
    let copy = copy.as_call()?;
    let [into, from] = &copy.args[..] else { return None };
    let copies = is_name(&from.expr, module) && asks_for_es_module(&*into.expr, module);
    let default = gives_default(&*into.expr, module);
    (makes && copies && default).then_some(Interop::Star)
}

/// A copy in a loop: `for (k in mod) …` or over the names of `mod`, with `default` for the module itself.
fn copying(shape: &Shape<'_>, module: &Ident) -> bool {
    let Some((Stmt::Return(_), before)) = shape.statements.split_last() else { return false };
    let returns_es = before.iter().any(|statement| match statement {
        Stmt::If(branch) => asks_for_es_module(&*branch.test, module) && returns(&branch.cons, module),
        _ => false,
    });
    returns_es
        && before.iter().any(|statement| loops_over(statement, module))
        && shape.statements.iter().any(|statement| gives_default(statement, module))
}

fn returns(statement: &Stmt, module: &Ident) -> bool {
    let only = match statement {
        Stmt::Return(only) => only,
        Stmt::Block(block) => match &block.stmts[..] {
            [Stmt::Return(only)] => only,
            _ => return false,
        },
        _ => return false,
    };
    only.arg.as_ref().is_some_and(|value| is_name(value, module))
}

fn loops_over(statement: &Stmt, module: &Ident) -> bool {
    match statement {
        Stmt::ForIn(each) => is_name(&each.right, module),
        // TypeScript: `if (mod != null) for (var k = ownKeys(mod), i = 0; …)`.
        Stmt::If(branch) => loops_over(&branch.cons, module),
        Stmt::For(each) => match &each.init {
            Some(VarDeclOrExpr::VarDecl(declared)) => declared.decls.iter().any(|declarator| {
                let call = declarator.init.as_ref().and_then(|init| init.as_call());
                call.is_some_and(|call| matches!(&call.args[..], [only] if is_name(&only.expr, module)))
            }),
            _ => false,
        },
        _ => false,
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

fn is_name(expr: &Expr, name: &Ident) -> bool {
    unparenthesised(expr).as_ident().is_some_and(|ident| ident.sym == name.sym)
}

fn is_default(key: &PropName) -> bool {
    property_name(key).is_some_and(|name| &*name == "default")
}

fn asks_for_es_module<'e>(node: &'e (impl VisitWith<Asks<'e>> + ?Sized), module: &'e Ident) -> bool {
    let mut asks = Asks { module, found: false };
    node.visit_with(&mut asks);
    asks.found
}

/// `module.__esModule`, `"default" in module`, or `….call(module, "default")`.
struct Asks<'e> {
    module: &'e Ident,
    found: bool,
}

impl Visit for Asks<'_> {
    fn visit_member_expr(&mut self, member: &MemberExpr) {
        member.visit_children_with(self);
        let named = member.prop.as_ident().is_some_and(|name| &*name.sym == "__esModule");
        self.found |= named && is_name(&member.obj, self.module);
    }

    fn visit_bin_expr(&mut self, binary: &BinExpr) {
        binary.visit_children_with(self);
        let asks = binary.op == BinaryOp::In && is_name(&binary.right, self.module);
        self.found |= asks && constant(&binary.left).is_some_and(|key| &*key == "default");
    }

    fn visit_call_expr(&mut self, call: &CallExpr) {
        call.visit_children_with(self);
        if let [module, key] = &call.args[..] {
            let asks = is_name(&module.expr, self.module);
            self.found |= asks && constant(&key.expr).is_some_and(|key| &*key == "default");
        }
    }
}

fn gives_default<'e>(node: &'e (impl VisitWith<Gives<'e>> + ?Sized), module: &'e Ident) -> bool {
    let mut gives = Gives { module, found: false };
    node.visit_with(&mut gives);
    gives.found
}

/// `{default: module}`, `x.default = module`, `define(x, "default", {value: module})`, `setModuleDefault(x, module)`.
struct Gives<'e> {
    module: &'e Ident,
    found: bool,
}

impl Visit for Gives<'_> {
    fn visit_key_value_prop(&mut self, pair: &KeyValueProp) {
        pair.visit_children_with(self);
        self.found |= is_default(&pair.key) && is_name(&pair.value, self.module);
    }

    fn visit_assign_expr(&mut self, assign: &AssignExpr) {
        assign.visit_children_with(self);
        let member = assign.left.as_simple().and_then(|simple| simple.as_member());
        let named = member.is_some_and(|member| match &member.prop {
            MemberProp::Ident(name) => &*name.sym == "default",
            MemberProp::Computed(key) => constant(&key.expr).is_some_and(|key| &*key == "default"),
            MemberProp::PrivateName(_) => false,
        });
        self.found |= named && is_name(&assign.right, self.module);
    }

    fn visit_call_expr(&mut self, call: &CallExpr) {
        call.visit_children_with(self);
        self.found |= match &call.args[..] {
            [_, key, property] => {
                let value = property.expr.as_object().is_some_and(|object| {
                    object.props.iter().any(|prop| match prop {
                        PropOrSpread::Prop(prop) => prop.as_key_value().is_some_and(|pair| {
                            property_name(&pair.key).is_some_and(|name| &*name == "value")
                                && is_name(&pair.value, self.module)
                        }),
                        PropOrSpread::Spread(_) => false,
                    })
                });
                value && constant(&key.expr).is_some_and(|key| &*key == "default")
            }
            [_, module] => {
                call.callee.as_expr().is_some_and(|callee| callee.is_ident())
                    && is_name(&module.expr, self.module)
            }
            _ => false,
        };
    }
}
