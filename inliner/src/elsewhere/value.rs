//! The possible values of an expression, reduced to what matters for the flow of functions and
//! environments.
//!
//! Nested expressions are followed to a fixed depth; everything deeper is `Unknown`.

use swc_atoms::Atom;
use swc_common::Spanned;
use swc_ecma_ast::*;

use crate::reads::scope::ScopeId;
use crate::syntax::range;

/// How deep nested expressions are followed.
pub(super) const DEPTH: usize = 6;

#[derive(Debug, Clone)]
pub(super) enum Value {
    /// A name, used in this scope.
    Name(Atom, ScopeId),
    /// A property of a value; the key is `None` if it is computed.
    Property(Box<Value>, Option<Atom>),
    /// A function or a class, by the offset where it begins.
    Function(u32),
    /// The parameter at an index of the function that begins at this offset.
    Parameter(u32, usize),
    Object(Vec<Entry>),
    Array(Vec<Value>),
    Call(Box<Value>, Vec<Value>),
    /// A text concatenated from literals and values.
    Text(Vec<Piece>),
    Literal(Atom),
    /// The rest of an object pattern (`...rest`), without these properties.
    Rest(Box<Value>, Vec<Atom>),
    Either(Vec<Value>),
    Undefined,
    Unknown,
}

#[derive(Debug, Clone)]
pub(super) enum Entry {
    Own(Atom, Value),
    /// An entry whose key is computed.
    Computed(Value),
    Spread(Value),
}

#[derive(Debug, Clone)]
pub(super) enum Piece {
    Literal(Atom),
    Of(Value),
}

impl Value {
    pub(super) fn of(expr: &Expr, scope: ScopeId) -> Self {
        Self::within(expr, scope, DEPTH)
    }

    fn within(expr: &Expr, scope: ScopeId, depth: usize) -> Self {
        let Some(depth) = depth.checked_sub(1) else { return Self::Unknown };
        let of = |expr: &Expr| Self::within(expr, scope, depth);
        match expr {
            Expr::Paren(paren) => of(&paren.expr),
            Expr::Ident(ident) if &*ident.sym == "undefined" => Self::Undefined,
            Expr::Ident(ident) => Self::Name(ident.sym.clone(), scope),
            Expr::Fn(_) | Expr::Arrow(_) | Expr::Class(_) => Self::Function(range(expr.span()).0),
            Expr::Member(member) => Self::property(member, scope, depth),
            Expr::OptChain(chain) => match &*chain.base {
                OptChainBase::Member(member) => Self::property(member, scope, depth),
                OptChainBase::Call(call) => {
                    Self::Call(Box::new(of(&call.callee)), arguments(&call.args, scope, depth))
                }
            },
            Expr::Call(call) => {
                let callee = call.callee.as_expr().map_or(Self::Unknown, |callee| of(callee));
                Self::Call(Box::new(callee), arguments(&call.args, scope, depth))
            }
            Expr::New(new) => {
                let given = new.args.as_deref().unwrap_or_default();
                Self::Call(Box::new(of(&new.callee)), arguments(given, scope, depth))
            }
            Expr::Await(awaited) => of(&awaited.arg),
            Expr::Assign(assign) => of(&assign.right),
            Expr::Seq(sequence) => sequence.exprs.last().map_or(Self::Unknown, |last| of(last)),
            Expr::Cond(choice) => Self::Either(vec![of(&choice.cons), of(&choice.alt)]),
            Expr::Bin(binary) if binary.op == BinaryOp::Add => Self::sum(binary, scope, depth),
            Expr::Bin(BinExpr {
                op: BinaryOp::LogicalAnd | BinaryOp::LogicalOr | BinaryOp::NullishCoalescing,
                left,
                right,
                ..
            }) => Self::Either(vec![of(left), of(right)]),
            Expr::Tpl(template) => Self::template(template, scope, depth),
            Expr::Lit(Lit::Str(text)) => {
                text.value.as_str().map_or(Self::Unknown, |text| Self::Literal(text.into()))
            }
            Expr::Lit(Lit::Bool(value)) => Self::Literal(if value.value { "true" } else { "false" }.into()),
            Expr::Lit(_) => Self::Literal(Atom::default()),
            Expr::Unary(UnaryExpr { op: UnaryOp::Void, .. }) => Self::Undefined,
            // `!0`
            Expr::Unary(UnaryExpr { op: UnaryOp::Bang, arg, .. }) => match &**arg {
                Expr::Lit(Lit::Num(number)) => {
                    Self::Literal(if number.value == 0.0 { "true" } else { "false" }.into())
                }
                _ => Self::Unknown,
            },
            Expr::Array(array) => {
                Self::Array(array.elems.iter().flatten().map(|element| of(&element.expr)).collect())
            }
            Expr::Object(object) => Self::object(object, scope, depth),
            _ => Self::Unknown,
        }
    }

    fn property(member: &MemberExpr, scope: ScopeId, depth: usize) -> Self {
        let object = Box::new(Self::within(&member.obj, scope, depth));
        Self::Property(object, key_of(&member.prop))
    }

    pub(super) fn object(object: &ObjectLit, scope: ScopeId, depth: usize) -> Self {
        Self::Object(object.props.iter().filter_map(|prop| Entry::of(prop, scope, depth)).collect())
    }

    pub(super) fn template(template: &Tpl, scope: ScopeId, depth: usize) -> Self {
        let mut pieces = Vec::new();
        for (index, quasi) in template.quasis.iter().enumerate() {
            let text = quasi.cooked.as_ref().and_then(|text| text.as_str()).unwrap_or_default();
            pieces.push(Piece::Literal(text.into()));
            pieces.extend(template.exprs.get(index).map(|expr| Piece::Of(Self::within(expr, scope, depth))));
        }
        match pieces.as_slice() {
            [Piece::Literal(text)] => Self::Literal(text.clone()),
            _ => Self::Text(pieces),
        }
    }

    /// `a + b + c`, however long.
    pub(super) fn sum(binary: &BinExpr, scope: ScopeId, depth: usize) -> Self {
        let pieces = operands(binary).into_iter().map(|expr| match Self::within(expr, scope, depth) {
            Self::Literal(text) => Piece::Literal(text),
            other => Piece::Of(other),
        });
        Self::Text(pieces.collect())
    }
}

impl Entry {
    fn of(prop: &PropOrSpread, scope: ScopeId, depth: usize) -> Option<Self> {
        let prop = match prop {
            PropOrSpread::Spread(spread) => {
                return Some(Self::Spread(Value::within(&spread.expr, scope, depth)));
            }
            PropOrSpread::Prop(prop) => &**prop,
        };
        match prop {
            Prop::Shorthand(ident) => {
                let value = Value::within(&Expr::Ident(ident.clone()), scope, depth);
                Some(Self::Own(ident.sym.clone(), value))
            }
            Prop::KeyValue(pair) => {
                let value = Value::within(&pair.value, scope, depth);
                Some(
                    property_name(&pair.key)
                        .map_or(Self::Computed(Value::Unknown), |key| Self::Own(key, value)),
                )
            }
            Prop::Method(method) => {
                let key = property_name(&method.key)?;
                Some(Self::Own(key, Value::Function(range(method.function.span).0)))
            }
            Prop::Getter(getter) => Some(Self::Own(property_name(&getter.key)?, Value::Unknown)),
            Prop::Setter(_) | Prop::Assign(_) => None,
        }
    }
}

fn arguments(arguments: &[ExprOrSpread], scope: ScopeId, depth: usize) -> Vec<Value> {
    let of = |argument: &ExprOrSpread| match argument.spread {
        Some(_) => Value::Unknown,
        None => Value::within(&argument.expr, scope, depth),
    };
    arguments.iter().map(of).collect()
}

/// The operands of a chain of `+`, from left to right.
pub(super) fn operands(binary: &BinExpr) -> Vec<&Expr> {
    let mut found = vec![&*binary.right];
    let mut left = &*binary.left;
    while let Expr::Bin(inner @ BinExpr { op: BinaryOp::Add, .. }) = left {
        found.push(&inner.right);
        left = &inner.left;
    }
    found.push(left);
    found.reverse();
    found
}

pub(super) fn key_of(prop: &MemberProp) -> Option<Atom> {
    match prop {
        MemberProp::Ident(name) => Some(name.sym.clone()),
        MemberProp::PrivateName(name) => Some(Atom::from(format!("#{}", name.name))),
        MemberProp::Computed(computed) => constant(&computed.expr),
    }
}

pub(super) use crate::reads::{constant, property_name};
