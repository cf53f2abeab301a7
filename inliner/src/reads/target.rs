//! Targets of assignments: which of them are the objects themselves, and which cannot hurt.
//!
//! Owns the look at a target without its scope. It refuses to say that a target is one of ours: it may be.

use swc_atoms::Atom;
use swc_common::Spanned;
use swc_ecma_ast::*;

use super::alias::Kind;
use super::test::unparenthesised;
use super::value::constant;
use crate::syntax::range;

/// Whether a target may be one of the objects themselves, which one, and where its name is written.
pub(super) fn special(target: &SimpleAssignTarget) -> Option<(u32, Kind)> {
    let (name, span) = match target {
        SimpleAssignTarget::Ident(ident) => (ident.sym.clone(), ident.span),
        SimpleAssignTarget::Member(member) => (key(member)?, member.prop.span()),
        _ => return None,
    };
    let is_member = target.is_member();
    let kind = match &*name {
        "process" => Kind::Process,
        "env" if is_member => Kind::Env,
        "globalThis" | "global" if !is_member => Kind::Global,
        _ => return None,
    };
    Some((range(span).0, kind))
}

/// `o.NAME = ….env.NAME`, with a default or not, and `o.NAME = void 0`: nobody sets a variable like that.
pub(super) fn gives_what_is_there(target: &SimpleAssignTarget, value: &Expr) -> bool {
    let SimpleAssignTarget::Member(member) = target else { return false };
    key(member).is_some_and(|name| is_there(&name, value))
}

fn is_there(name: &Atom, value: &Expr) -> bool {
    match unparenthesised(value) {
        Expr::Unary(unary) => unary.op == UnaryOp::Void,
        Expr::Assign(assign) if assign.op == AssignOp::Assign => is_there(name, &assign.right),
        Expr::Bin(binary) if matches!(binary.op, BinaryOp::LogicalOr | BinaryOp::NullishCoalescing) => {
            is_there(name, &binary.left)
        }
        value => as_member(value)
            .is_some_and(|member| key(member).as_ref() == Some(name) && ends_with_env(&member.obj)),
    }
}

fn ends_with_env(object: &Expr) -> bool {
    let object = unparenthesised(object);
    object.is_ident_ref_to("env") || as_member(object).and_then(key).is_some_and(|name| &*name == "env")
}

fn as_member(expr: &Expr) -> Option<&MemberExpr> {
    match expr {
        Expr::Member(member) => Some(member),
        Expr::OptChain(chain) => chain.base.as_member(),
        _ => None,
    }
}

fn key(member: &MemberExpr) -> Option<Atom> {
    match &member.prop {
        MemberProp::Ident(name) => Some(name.sym.clone()),
        MemberProp::Computed(computed) => constant(&computed.expr),
        MemberProp::PrivateName(_) => None,
    }
}

/// `this`, `exports`, `module`: never the environment.
pub(super) fn is_of_the_module(root: &Expr) -> bool {
    root.is_this() || root.is_ident_ref_to("exports") || root.is_ident_ref_to("module")
}
