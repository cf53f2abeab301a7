//! Expressions: chains of properties that start at a tracked name, and where their values go.
//!
//! Owns which syntax lets a value through unchanged (parentheses, sequences, `=`, `||` after something that is always
//! true) and which only looks at its truth. It refuses to follow calls, returns and containers: those are escapes.

use std::rc::Rc;

use swc_atoms::Atom;
use swc_common::{Span, Spanned};
use swc_ecma_ast::*;
use swc_ecma_visit::VisitWith;

use super::calls::loads_process;
use super::flow::{Escape, Mention, Pattern, PatternKey, PatternValue, Sink, Step, Use, Written};
use super::target::{gives_what_is_there, is_of_the_module, special};
use super::test::{Test, unparenthesised};
use super::walk::Walk;
use crate::syntax::range;

impl Walk<'_> {
    /// Visits `expr`, whose value goes to `sink`.
    pub(super) fn flow(&mut self, expr: &Expr, sink: Sink) {
        match expr {
            Expr::Paren(paren) => self.flow(&paren.expr, sink),
            Expr::Ident(ident) => self.ident(ident, Vec::new(), sink),
            Expr::Member(_) | Expr::OptChain(_) => self.chain(expr, Vec::new(), sink),
            Expr::Assign(assign) => self.assign(assign, sink),
            Expr::Seq(sequence) => self.sequence(sequence, sink),
            Expr::Bin(binary) => self.binary(binary, sink),
            Expr::Cond(choice) => self.choice(choice, sink),
            Expr::Unary(unary) => self.flow(&unary.arg, unary_sink(unary.op)),
            Expr::Update(update) => self.flow(&update.arg, Sink::Write),
            Expr::New(new) => self.construct(new),
            Expr::Call(call) => self.call(call, Vec::new(), sink),
            Expr::Await(awaited) if loads_process(expr) => {
                self.process_module(awaited.span, Vec::new(), sink)
            }
            other => other.visit_children_with(self),
        }
    }

    pub(super) fn ident(&mut self, ident: &Ident, steps: Vec<Step>, sink: Sink) {
        let (start, end) = range(ident.span);
        let captured = !self.captures.is_empty() && self.captures.contains_key(&start);
        if !captured && !self.is_tracked(&ident.sym) && !self.loads(&sink) {
            return;
        }
        if matches!(sink, Sink::Write) && steps.is_empty() {
            self.write(ident);
        }
        self.occurrences += 1;
        let inside_with = self.with_depth > 0;
        let (scope, constructed) = (self.scope, self.constructed);
        let name = Some(ident.sym.clone());
        let used = Use { name, scope, start, end, steps, sink, constructed, inside_with };
        match self.captures.get_mut(&start) {
            Some(held) => *held = Some(used),
            None => self.facts.uses.push(used),
        }
    }

    fn chain(&mut self, mut current: &Expr, mut steps: Vec<Step>, sink: Sink) {
        let root = loop {
            let (member, whole) = match current {
                Expr::Paren(paren) => {
                    current = &paren.expr;
                    continue;
                }
                Expr::Member(member) => (member, member.span),
                Expr::OptChain(chain) => match &*chain.base {
                    OptChainBase::Member(member) => (member, chain.span),
                    OptChainBase::Call(_) => break current,
                },
                root => break root,
            };
            steps.push(self.step(member, whole));
            current = &member.obj;
        };
        steps.reverse();
        let before = match root {
            Expr::Ident(ident) => Some(&ident.sym),
            _ => None,
        };
        let named = |step: &Step, name: &str| step.key.as_deref() == Some(name);
        let open = steps
            .windows(3)
            .filter(|steps| named(&steps[0], "process") && named(&steps[1], "env") && steps[2].key.is_none());
        self.facts.open_keys.extend(open.map(|steps| steps[2].at));
        let is_own = std::mem::take(&mut self.harmless) || is_of_the_module(root);
        self.mention_steps(before, &steps, matches!(sink, Sink::Write) && !is_own);
        match root {
            Expr::Call(call) => self.call(call, steps, sink),
            Expr::Await(awaited) if loads_process(root) => self.process_module(awaited.span, steps, sink),
            Expr::Ident(ident) => {
                self.note_factory(ident, &steps);
                self.ident(ident, steps, sink);
            }
            Expr::OptChain(chain) => chain.visit_children_with(self),
            Expr::Assign(_) | Expr::Seq(_) | Expr::Bin(_) | Expr::Cond(_) => {
                self.flow(root, Sink::Then(Rc::new(steps), Rc::new(sink)));
            }
            other => other.visit_children_with(self),
        }
    }

    fn step(&mut self, member: &MemberExpr, whole: Span) -> Step {
        let (start, end) = range(whole);
        let at = range(member.prop.span()).0;
        let mut text = None;
        let key = match &member.prop {
            MemberProp::Ident(name) => Some(name.sym.clone()),
            MemberProp::PrivateName(name) => Some(Atom::from(format!("#{}", name.name))),
            MemberProp::Computed(computed) => {
                let key = constant(&computed.expr);
                if key.is_none() {
                    self.flow(&computed.expr, Sink::Escape(Escape::Value));
                    text = self.text(&computed.expr).map(Box::new);
                }
                key
            }
        };
        let object_end = range(member.obj.span()).1;
        Step { key, text, at, start, end, object_end }
    }

    fn assign(&mut self, assign: &AssignExpr, sink: Sink) {
        match (&assign.left, assign.op) {
            (AssignTarget::Simple(SimpleAssignTarget::Ident(ident)), AssignOp::Assign) => {
                self.write(&ident.id);
                let binding = self.binding(&ident.id);
                self.flow(&assign.right, Sink::Bind(binding, Rc::new(sink)));
            }
            (AssignTarget::Pat(AssignTargetPat::Object(object)), AssignOp::Assign) => {
                self.object_pattern(object, None);
                let keys = Rc::new(self.keys_of(object));
                self.flow(&assign.right, Sink::Keys(keys, Rc::new(sink)));
            }
            (AssignTarget::Simple(target), op) => {
                let value = Sink::Escape(Escape::Value);
                let exports = self.exports_of_module(target).filter(|_| op == AssignOp::Assign);
                let (target_sink, value_sink) = match (op, special(target)) {
                    _ if exports.is_some() => (Sink::Write, exports.map_or(Sink::Drop, Sink::Module)),
                    // They are always there, and an object is always true.
                    (AssignOp::NullishAssign | AssignOp::OrAssign, Some(_)) => (Sink::Drop, value),
                    (AssignOp::Assign, Some((at, kind))) => (Sink::Write, Sink::Restore(at, kind)),
                    _ => (Sink::Write, value),
                };
                self.harmless = gives_what_is_there(target, &assign.right);
                self.simple_target(target, target_sink);
                self.harmless = false;
                self.flow(&assign.right, value_sink);
            }
            (AssignTarget::Pat(pattern), _) => {
                if let AssignTargetPat::Array(array) = pattern {
                    array.elems.iter().flatten().for_each(|item| self.pattern(item, None));
                }
                self.flow(&assign.right, Sink::Escape(Escape::Value));
            }
        }
    }

    /// A target is no expression of its own in this tree: visitors of expressions never see it.
    fn simple_target(&mut self, target: &SimpleAssignTarget, sink: Sink) {
        match target {
            SimpleAssignTarget::Ident(ident) => self.ident(&ident.id, Vec::new(), sink),
            SimpleAssignTarget::Member(member) => self.target_member(member, member.span, sink),
            SimpleAssignTarget::OptChain(chain) => match &*chain.base {
                OptChainBase::Member(member) => self.target_member(member, chain.span, sink),
                OptChainBase::Call(_) => chain.visit_children_with(self),
            },
            SimpleAssignTarget::Paren(paren) => self.flow(&paren.expr, sink),
            other => other.visit_children_with(self),
        }
    }

    fn target_member(&mut self, member: &MemberExpr, whole: Span, sink: Sink) {
        self.note_change(member);
        let last = self.step(member, whole);
        self.chain(&member.obj, vec![last], sink);
    }

    fn sequence(&mut self, sequence: &SeqExpr, sink: Sink) {
        let Some((last, before)) = sequence.exprs.split_last() else {
            return;
        };
        match before.split_last() {
            Some((assign, before)) if matches!(assign.as_ref(), Expr::Assign(_)) => {
                before.iter().for_each(|expr| self.flow(expr, Sink::Drop));
                self.then(assign, last, sink);
            }
            _ => {
                before.iter().for_each(|expr| self.flow(expr, Sink::Drop));
                self.flow(last, sink);
            }
        }
    }

    fn binary(&mut self, binary: &BinExpr, sink: Sink) {
        use BinaryOp::*;
        let right = maybe(&sink);
        match binary.op {
            // An object is always true: the left side is the value.
            LogicalOr | NullishCoalescing => {
                self.flow(&binary.left, sink);
                self.flow(&binary.right, right);
            }
            LogicalAnd => match Test::of(&binary.left).filter(|test| test.holds) {
                Some(test) => self.tested(&test, &binary.right, &sink),
                None => {
                    self.flow(&binary.left, Sink::Drop);
                    self.flow(&binary.right, right);
                }
            },
            EqEq | NotEq | EqEqEq | NotEqEq | InstanceOf => {
                self.flow(&binary.left, Sink::Drop);
                self.flow(&binary.right, Sink::Drop);
            }
            In => {
                self.flow(&binary.left, Sink::Escape(Escape::Value));
                self.flow(&binary.right, Sink::Escape(Escape::In(constant(&binary.left))));
            }
            _ => binary.visit_children_with(self),
        }
    }

    fn choice(&mut self, choice: &CondExpr, sink: Sink) {
        match Test::of(&choice.test) {
            Some(test) => {
                let (then, other) =
                    if test.holds { (&choice.cons, &choice.alt) } else { (&choice.alt, &choice.cons) };
                self.tested(&test, then, &sink);
                self.flow(other, maybe(&sink));
            }
            None => {
                self.flow(&choice.test, Sink::Drop);
                for branch in [&choice.cons, &choice.alt] {
                    self.flow(branch, maybe(&sink));
                }
            }
        }
    }

    fn construct(&mut self, new: &NewExpr) {
        self.note_run(&new.callee, new.args.as_deref().unwrap_or_default());
        let outer = self.constructed.replace(range(new.callee.span()).0);
        self.flow(&new.callee, Sink::Escape(Escape::Value));
        self.constructed = outer;
        new.args.visit_with(self);
    }

    /// The pattern's keys; defaults and targets are visited elsewhere.
    pub(super) fn keys_of(&self, object: &ObjectPat) -> Pattern {
        let mut pattern = Pattern::default();
        for prop in &object.props {
            match prop {
                ObjectPatProp::Assign(short) => pattern.keys.push(PatternKey {
                    name: short.key.id.sym.clone(),
                    at: range(short.key.id.span).0,
                    value: PatternValue::Bind(self.binding(&short.key.id)),
                }),
                ObjectPatProp::KeyValue(pair) => match property_name(&pair.key) {
                    Some(name) => {
                        let value = self.pattern_value(&pair.value);
                        pattern.keys.push(PatternKey { name, at: range(key_span(&pair.key)).0, value });
                    }
                    None => pattern.open = true,
                },
                ObjectPatProp::Rest(_) => pattern.open = true,
            }
        }
        pattern
    }

    fn pattern_value(&self, value: &Pat) -> PatternValue {
        match value {
            Pat::Ident(ident) => PatternValue::Bind(self.binding(&ident.id)),
            Pat::Object(object) => PatternValue::Nested(self.keys_of(object)),
            Pat::Assign(assign) => self.pattern_value(&assign.left),
            _ => PatternValue::Other,
        }
    }

    pub(super) fn mention_key(&mut self, key: &PropName) {
        if let Some(name) = property_name(key) {
            self.mention(&name, key_span(key));
        }
    }

    /// `root` is the name that the steps are taken from; the last of them may be assigned.
    fn mention_steps(&mut self, root: Option<&Atom>, steps: &[Step], assigned: bool) {
        let Some(wanted) = self.wanted else { return };
        for (index, step) in steps.iter().enumerate() {
            if let Some(name) = step.key.as_ref().filter(|name| wanted.is_wanted(name)) {
                let key = |back: usize| match index.checked_sub(back) {
                    Some(before) => steps[before].key.as_deref(),
                    None => root.filter(|_| index + 1 == back).map(|root| &**root),
                };
                let written = match (key(2), key(1)) {
                    (Some("process"), Some("env")) => Written::AfterProcessEnv,
                    (_, Some("env")) => Written::AfterEnv,
                    _ => Written::Property,
                };
                let assigned = assigned && index + 1 == steps.len();
                self.facts.mentions.push(Mention { name: name.clone(), at: step.at, written, assigned });
            }
        }
    }

    pub(super) fn mention(&mut self, name: &str, span: Span) {
        if self.wanted.is_some_and(|wanted| wanted.is_wanted(name)) {
            let written = Written::Text;
            let (name, at) = (Atom::from(name), range(span).0);
            self.facts.mentions.push(Mention { name, at, written, assigned: false });
        }
    }
}

fn unary_sink(op: UnaryOp) -> Sink {
    match op {
        UnaryOp::Delete => Sink::Write,
        UnaryOp::TypeOf | UnaryOp::Bang | UnaryOp::Void => Sink::Drop,
        UnaryOp::Minus | UnaryOp::Plus | UnaryOp::Tilde => Sink::Escape(Escape::Value),
    }
}

/// The text of a key that is written out.
pub(crate) fn constant(expr: &Expr) -> Option<Atom> {
    match expr {
        Expr::Lit(Lit::Str(string)) => string.value.as_str().map(Atom::from),
        Expr::Lit(Lit::Num(number)) => Some(Atom::from(number.value.to_string())),
        Expr::Tpl(template) if template.exprs.is_empty() => {
            let cooked = template.quasis.first()?.cooked.as_ref()?;
            cooked.as_str().map(Atom::from)
        }
        Expr::Paren(paren) => constant(&paren.expr),
        _ => None,
    }
}

pub(crate) fn property_name(key: &PropName) -> Option<Atom> {
    match key {
        PropName::Ident(name) => Some(name.sym.clone()),
        PropName::Str(string) => string.value.as_str().map(Atom::from),
        PropName::Num(number) => Some(Atom::from(number.value.to_string())),
        PropName::Computed(computed) => constant(&computed.expr),
        PropName::BigInt(_) => None,
    }
}

/// Where a key's text is: in `['A']`, without the brackets.
fn key_span(key: &PropName) -> Span {
    match key {
        PropName::Computed(computed) => unparenthesised(&computed.expr).span(),
        key => key.span(),
    }
}

/// Where a value goes that may not be the one.
pub(super) fn maybe(sink: &Sink) -> Sink {
    match sink {
        Sink::Drop => Sink::Drop,
        Sink::Maybe(_) => sink.clone(),
        sink => Sink::Maybe(Rc::new(sink.clone())),
    }
}
