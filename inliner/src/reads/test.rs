//! Tests whose answer is known once their subjects are: `e == null`, `typeof process < "u"`, `(_a = process) === null || …`.
//!
//! Owns how compilers write `?.` for old targets. What a temporary holds right after its assignment is certain however
//! often the name is used elsewhere. It refuses tests that ask anything but whether an object is there.

use std::rc::Rc;

use swc_ecma_ast::*;

use super::flow::{Sink, Subject, Use};
use super::value::{constant, maybe};
use super::walk::Walk;
use crate::syntax::range;

/// More subjects than any compiler writes.
const MOST_SUBJECTS: usize = 16;
/// Parentheses, negations and operators of a test with as many subjects.
const MOST_PARTS: usize = 3 * MOST_SUBJECTS;

/// A test that is `holds` when all its subjects are objects. They are evaluated in this order.
pub(super) struct Test<'e> {
    subjects: Vec<&'e Expr>,
    pub(super) holds: bool,
}

impl<'e> Test<'e> {
    pub(super) fn of(expr: &'e Expr) -> Option<Self> {
        Self::within(expr, MOST_PARTS)
    }

    /// The same, as far as so many nested expressions go: a longer chain is looked at again from each of its ends.
    fn within(expr: &'e Expr, parts: usize) -> Option<Self> {
        let parts = parts.checked_sub(1)?;
        match expr {
            Expr::Paren(paren) => Self::within(&paren.expr, parts),
            Expr::Unary(unary) if unary.op == UnaryOp::Bang => {
                Self::within(&unary.arg, parts).map(|test| Self { holds: !test.holds, ..test })
            }
            Expr::Bin(binary) => Self::compared(binary, parts),
            Expr::Ident(_) | Expr::Member(_) | Expr::OptChain(_) | Expr::Assign(_) => {
                is_subject(expr).then(|| Self { subjects: vec![expr], holds: true })
            }
            _ => None,
        }
    }

    fn compared(binary: &'e BinExpr, parts: usize) -> Option<Self> {
        use BinaryOp::*;
        let (left, right) = (&*binary.left, &*binary.right);
        let one =
            |subject: &'e Expr, holds| is_subject(subject).then(|| Self { subjects: vec![subject], holds });
        match binary.op {
            LogicalOr | LogicalAnd => {
                let wanted = binary.op == LogicalAnd;
                // From the right: long chains of other tests end at once.
                let last = Self::within(right, parts).filter(|test| test.holds == wanted)?;
                let mut first = Self::within(left, parts).filter(|test| test.holds == wanted)?;
                first.subjects.extend(last.subjects);
                (first.subjects.len() <= MOST_SUBJECTS).then_some(first)
            }
            EqEq | NotEq | EqEqEq | NotEqEq => {
                let holds = matches!(binary.op, NotEq | NotEqEq);
                if let Some((subject, kind)) = typed(left, right) {
                    return match kind {
                        "undefined" => one(subject, holds),
                        "object" => one(subject, !holds),
                        _ => None,
                    };
                }
                match (is_nothing(left), is_nothing(right)) {
                    (true, false) => one(right, holds),
                    (false, true) => one(left, holds),
                    _ => None,
                }
            }
            // `typeof process < "u"`: "object" comes before, "undefined" after.
            Lt | Gt => {
                let (subject, kind) = typed(left, right)?;
                let type_first = matches!(unparenthesised(left), Expr::Unary(_));
                (kind == "u").then(|| one(subject, type_first == (binary.op == Lt)))?
            }
            _ => None,
        }
    }
}

impl Walk<'_> {
    /// Visits a test and what is evaluated when it holds (`then`), whose value goes to `sink`.
    pub(super) fn tested(&mut self, test: &Test<'_>, then: &Expr, sink: &Sink) {
        let mut items = test.subjects.clone();
        items.push(then);
        let held: Vec<Vec<u32>> = (0..items.len()).map(|index| held_after(&items, index)).collect();
        for at in held.iter().flatten() {
            self.captures.insert(*at, None);
        }
        let sink = match self.conditions(test, then) {
            Some(conditions) if conditions.is_empty() => sink.clone(),
            Some(conditions) => Sink::Given(Rc::new(conditions), Rc::new(sink.clone())),
            None => maybe(sink),
        };
        self.flow(then, sink);
        for (subject, held) in test.subjects.iter().zip(&held).rev() {
            let uses: Vec<Use> = held.iter().filter_map(|at| self.captures.remove(at).flatten()).collect();
            self.subject(subject, uses);
        }
    }

    /// `first, then`, where `then` may begin with the name that `first` assigns.
    pub(super) fn then(&mut self, first: &Expr, then: &Expr, sink: Sink) {
        let held = held_after(&[first, then], 0);
        for at in &held {
            self.captures.insert(*at, None);
        }
        self.flow(then, sink);
        let uses = held.iter().filter_map(|at| self.captures.remove(at).flatten()).collect();
        self.subject(first, uses);
    }

    /// Visits a subject; `held` are uses of the name that it assigns, at which the name holds just that.
    fn subject(&mut self, subject: &Expr, held: Vec<Use>) {
        match assigned(subject) {
            Some((name, value)) => {
                self.write(name);
                let binding = self.binding(name);
                self.flow(value, Sink::Bind(binding, Rc::new(Sink::Held(Rc::new(held)))));
            }
            None => self.flow(subject, Sink::Drop),
        }
    }

    /// What must be an object for the test to hold; nothing when `then` is taken from the tested names themselves: if it is
    /// an object of ours, they were objects.
    fn conditions(&self, test: &Test<'_>, then: &Expr) -> Option<Vec<Subject>> {
        if leads_to(test, then) {
            return Some(Vec::new());
        }
        test.subjects.iter().map(|subject| self.condition(subject)).collect()
    }

    pub(super) fn condition(&self, subject: &Expr) -> Option<Subject> {
        let mut steps = Vec::new();
        let mut current = unparenthesised(subject);
        loop {
            let member = match current {
                Expr::Ident(ident) => {
                    steps.reverse();
                    let (name, start) = (ident.sym.clone(), range(ident.span).0);
                    return Some(Subject { name, scope: self.scope, start, steps });
                }
                Expr::Member(member) => member,
                Expr::OptChain(chain) => chain.base.as_member()?,
                Expr::Paren(paren) => {
                    current = &paren.expr;
                    continue;
                }
                _ => return None,
            };
            steps.push(match &member.prop {
                MemberProp::Ident(name) => name.sym.clone(),
                MemberProp::Computed(computed) => constant(&computed.expr)?,
                MemberProp::PrivateName(_) => return None,
            });
            current = &member.obj;
        }
    }
}

/// Whether each tested name is the one that the next value, and at last `then`, is taken from.
fn leads_to(test: &Test<'_>, then: &Expr) -> bool {
    let mut from = root_of(then);
    test.subjects.iter().rev().all(|subject| {
        let (name, value) = match assigned(subject) {
            Some((name, value)) => (Some(name), Some(value)),
            None => (unparenthesised(subject).as_ident(), None),
        };
        let is_from = name.is_some_and(|name| from.is_some_and(|from| from.sym == name.sym));
        if let Some(value) = value {
            from = root_of(value);
        }
        is_from
    })
}

/// Where the name that item `index` assigns certainly still holds that value: at the start of what is evaluated next.
fn held_after(items: &[&Expr], index: usize) -> Vec<u32> {
    let Some((name, _)) = assigned(items[index]) else { return Vec::new() };
    let mut held = Vec::new();
    for item in &items[index + 1..] {
        let first = first_evaluated(assigned(item).map_or(*item, |(_, value)| value));
        if let Some(first) = first.filter(|first| first.sym == name.sym) {
            held.push(range(first.span).0);
        }
        let passes = matches!(unparenthesised(item), Expr::Ident(_));
        let other = assigned(item).is_some_and(|(other, _)| other.sym != name.sym);
        if !passes && !other {
            break;
        }
    }
    held
}

/// The name that is evaluated before anything else of an expression.
fn first_evaluated(mut expr: &Expr) -> Option<&Ident> {
    loop {
        expr = match expr {
            Expr::Ident(ident) => return Some(ident),
            Expr::Paren(paren) => &paren.expr,
            Expr::Member(member) => &member.obj,
            Expr::OptChain(chain) => match &*chain.base {
                OptChainBase::Member(member) => &member.obj,
                OptChainBase::Call(call) => &call.callee,
            },
            Expr::Call(call) => call.callee.as_expr()?,
            Expr::Cond(choice) => &choice.test,
            Expr::Unary(unary) => &unary.arg,
            Expr::Bin(binary) if is_nothing(&binary.left) => &binary.right,
            Expr::Bin(binary) => &binary.left,
            Expr::Assign(assign) if assign.op == AssignOp::Assign => match &assign.left {
                AssignTarget::Simple(SimpleAssignTarget::Ident(_)) => &assign.right,
                _ => return None,
            },
            _ => return None,
        };
    }
}

/// The name that a chain of properties starts at.
fn root_of(mut expr: &Expr) -> Option<&Ident> {
    loop {
        expr = match expr {
            Expr::Ident(ident) => return Some(ident),
            Expr::Paren(paren) => &paren.expr,
            Expr::Member(member) => &member.obj,
            Expr::OptChain(chain) => &chain.base.as_member()?.obj,
            _ => return None,
        };
    }
}

/// `name = value`.
fn assigned(expr: &Expr) -> Option<(&Ident, &Expr)> {
    match unparenthesised(expr) {
        Expr::Assign(assign) if assign.op == AssignOp::Assign => match &assign.left {
            AssignTarget::Simple(SimpleAssignTarget::Ident(name)) => Some((&name.id, &assign.right)),
            _ => None,
        },
        _ => None,
    }
}

fn is_subject(expr: &Expr) -> bool {
    assigned(expr).is_some() || root_of(expr).is_some()
}

pub(super) fn unparenthesised(mut expr: &Expr) -> &Expr {
    while let Expr::Paren(paren) = expr {
        expr = &paren.expr;
    }
    expr
}

/// `null`, `void 0` or `undefined`.
fn is_nothing(expr: &Expr) -> bool {
    match unparenthesised(expr) {
        Expr::Lit(Lit::Null(_)) => true,
        Expr::Unary(unary) => unary.op == UnaryOp::Void && matches!(*unary.arg, Expr::Lit(_)),
        Expr::Ident(ident) => &*ident.sym == "undefined",
        _ => false,
    }
}

/// `typeof subject` and the text that it is compared with.
fn typed<'e>(left: &'e Expr, right: &'e Expr) -> Option<(&'e Expr, &'e str)> {
    for (of, text) in [(left, right), (right, left)] {
        if let (Expr::Unary(unary), Expr::Lit(Lit::Str(text))) = (unparenthesised(of), unparenthesised(text))
            && unary.op == UnaryOp::TypeOf
        {
            return Some((&unary.arg, text.value.as_str()?));
        }
    }
    None
}
