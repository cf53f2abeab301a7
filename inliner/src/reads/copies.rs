//! Functions of compilers that copy a module's properties into a new object.
//!
//! Owns the shapes of esbuild's, TypeScript's, Babel's and swc's copies. It refuses a function that gives the copy anything
//! that is not the module's, returns something else, or asks for an ES module in any other way.

use swc_atoms::Atom;
use swc_ecma_ast::*;
use swc_ecma_visit::{Visit, VisitWith};

use super::interop::{Shape, asks_for_es_module, is_default, is_default_key, is_name};
use super::test::unparenthesised;
use super::value::{constant, property_name};

/// esbuild: `(target = mod != null ? create(proto(mod)) : {}, copy(… define(target, "default", {value: mod}) …, mod))`.
/// Answers which function copies.
pub(super) fn copied(shape: &Shape<'_>, module: &Ident, sequence: &SeqExpr) -> Option<Atom> {
    let target = (*shape.parameters.get(2)?)?;
    let [made, copy] = &sequence.exprs[..] else { return None };
    let assign = made.as_assign()?;
    let name = assign.left.as_simple().and_then(|simple| simple.as_ident())?;
    let created = unparenthesised(&assign.right).as_cond()?;
    let from_prototype = unparenthesised(&created.cons).as_call()?.args.first()?.expr.as_call()?;
    let empty = unparenthesised(&created.alt).as_object()?.props.is_empty();
    let makes = name.id.sym == target.sym && is_name(&from_prototype.args.first()?.expr, module);
    let copy = copy.as_call()?;
    let [into, from] = &copy.args[..] else { return None };
    let choice = unparenthesised(&into.expr).as_cond()?;
    let default = defines_default(&choice.cons, target, module) && is_name(&choice.alt, target);
    let asks = is_no_es_module(&choice.test, module);
    let whole = makes && empty && default && asks && is_name(&from.expr, module);
    whole.then(|| copy.callee.as_expr()?.as_ident().map(|name| name.sym.clone())).flatten()
}

/// `isNodeMode || !mod || !mod.__esModule`.
fn is_no_es_module(test: &Expr, module: &Ident) -> bool {
    match unparenthesised(test) {
        Expr::Bin(either) if either.op == BinaryOp::LogicalOr => is_no_es_module(&either.right, module),
        Expr::Unary(not) if not.op == UnaryOp::Bang => asks_for_es_module(&not.arg, module),
        _ => false,
    }
}

/// esbuild: `(to, from, except) => { if (from …) for (let key of names(from)) if (!has.call(to, key) && key !== except)
/// define(to, key, {get: () => from[key], …}); return to }`.
pub(super) fn is_copier(shape: &Shape<'_>, to: &Ident) -> bool {
    let Some(Some(from)) = shape.parameters.get(1) else { return false };
    let [Stmt::If(branch), Stmt::Return(last)] = shape.statements else { return false };
    let body = match &*branch.cons {
        Stmt::Block(block) => &block.stmts[..],
        only => std::slice::from_ref(only),
    };
    let [only] = body else { return false };
    branch.alt.is_none()
        && last.arg.as_ref().is_some_and(|value| is_name(value, to))
        && loops_over(only, from)
        && !Foreign::is_in(shape.statements, from, to)
}

/// A copy in a loop: `for (k in mod) …` or over the names of `mod`, with `default` for the module itself.
pub(super) fn copying(shape: &Shape<'_>, module: &Ident) -> bool {
    let Some((Stmt::Return(last), before)) = shape.statements.split_last() else { return false };
    let Some(target) = last.arg.as_deref().and_then(last_name) else { return false };
    let returns_es = before.iter().any(|statement| match statement {
        Stmt::If(branch) => asks_for_es_module(&branch.test, module) && returns(&branch.cons, module),
        _ => false,
    });
    returns_es
        && before.iter().any(|statement| makes_object(statement, target))
        && before.iter().any(|statement| loops_over(statement, module))
        && shape.statements.iter().any(|statement| gives_default(statement, module))
        && !Foreign::is_in(shape.statements, module, target)
}

/// The name that an expression is after its other parts ran.
fn last_name(value: &Expr) -> Option<&Ident> {
    match unparenthesised(value) {
        Expr::Ident(name) => Some(name),
        Expr::Seq(sequence) => sequence.exprs.last()?.as_ident(),
        _ => None,
    }
}

fn makes_object(statement: &Stmt, target: &Ident) -> bool {
    let Stmt::Decl(Decl::Var(declared)) = statement else { return false };
    declared.decls.iter().any(|one| {
        let named = one.name.as_ident().is_some_and(|name| name.id.sym == target.sym);
        named && one.init.as_ref().is_some_and(|init| init.is_object())
    })
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
    let names_of = |expr: &Expr| {
        let call = expr.as_call();
        call.is_some_and(|call| matches!(&call.args[..], [only] if is_name(&only.expr, module)))
    };
    match statement {
        Stmt::ForIn(each) => is_name(&each.right, module),
        Stmt::ForOf(each) => names_of(&each.right),
        // TypeScript: `if (mod != null) for (var k = ownKeys(mod), i = 0; …)`.
        Stmt::If(branch) => loops_over(&branch.cons, module),
        Stmt::For(each) => match &each.init {
            Some(VarDeclOrExpr::VarDecl(declared)) => {
                declared.decls.iter().any(|one| one.init.as_ref().is_some_and(|init| names_of(init)))
            }
            _ => false,
        },
        _ => false,
    }
}

/// What gives a copy something that is not the module's.
struct Foreign<'e> {
    module: &'e Ident,
    target: &'e Ident,
    found: bool,
}

impl<'e> Foreign<'e> {
    fn is_in(statements: &[Stmt], module: &'e Ident, target: &'e Ident) -> bool {
        let mut foreign = Self { module, target, found: false };
        statements.visit_with(&mut foreign);
        foreign.found
    }

    /// Only descriptors are made here, and the copy itself.
    fn is_known_key(key: &str) -> bool {
        let descriptor = ["get", "set", "value", "enumerable", "writable", "configurable"];
        descriptor.contains(&key) || matches!(key, "default" | "__proto__")
    }
}

impl Visit for Foreign<'_> {
    fn visit_prop_or_spread(&mut self, prop: &PropOrSpread) {
        prop.visit_children_with(self);
        let key = match prop {
            PropOrSpread::Prop(prop) => match &**prop {
                Prop::KeyValue(pair) => property_name(&pair.key),
                Prop::Method(method) => property_name(&method.key),
                _ => None,
            },
            PropOrSpread::Spread(_) => None,
        };
        self.found |= !key.is_some_and(|key| Self::is_known_key(&key));
    }

    fn visit_assign_expr(&mut self, assign: &AssignExpr) {
        assign.visit_children_with(self);
        self.found |= match assign.left.as_simple() {
            Some(SimpleAssignTarget::Ident(name)) => {
                name.id.sym == self.target.sym || name.id.sym == self.module.sym
            }
            Some(SimpleAssignTarget::Member(member)) => match &member.prop {
                MemberProp::Ident(name) => &*name.sym != "default" || !is_name(&assign.right, self.module),
                MemberProp::Computed(key) if constant(&key.expr).is_some() => {
                    !is_default_key(&key.expr) || !is_name(&assign.right, self.module)
                }
                MemberProp::Computed(_) => {
                    let from = unparenthesised(&assign.right).as_member();
                    !from.is_some_and(|from| from.prop.is_computed() && is_name(&from.obj, self.module))
                }
                MemberProp::PrivateName(_) => true,
            },
            _ => true,
        };
    }
}

/// `define(target, "default", {value: module})`.
fn defines_default(expr: &Expr, target: &Ident, module: &Ident) -> bool {
    let call = unparenthesised(expr).as_call();
    call.is_some_and(|call| {
        let first = call.args.first();
        first.is_some_and(|first| is_name(&first.expr, target)) && is_default_definition(call, module)
    })
}

fn is_default_definition(call: &CallExpr, module: &Ident) -> bool {
    let [_, key, property] = &call.args[..] else { return false };
    let value = property.expr.as_object().is_some_and(|object| {
        object.props.iter().any(|prop| match prop {
            PropOrSpread::Prop(prop) => prop.as_key_value().is_some_and(|pair| {
                property_name(&pair.key).is_some_and(|name| &*name == "value") && is_name(&pair.value, module)
            }),
            PropOrSpread::Spread(_) => false,
        })
    });
    value && is_default_key(&key.expr)
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
            MemberProp::Computed(key) => is_default_key(&key.expr),
            MemberProp::PrivateName(_) => false,
        });
        self.found |= named && is_name(&assign.right, self.module);
    }

    fn visit_call_expr(&mut self, call: &CallExpr) {
        call.visit_children_with(self);
        self.found |= match &call.args[..] {
            [_, module] => {
                call.callee.as_expr().is_some_and(|callee| callee.is_ident())
                    && is_name(&module.expr, self.module)
            }
            _ => is_default_definition(call, self.module),
        };
    }
}
