//! Calls that concern the environment: those that load `process`, write properties of an argument, or run text as code.
//!
//! Owns the knowledge of what a called function does. It knows the language's own and refuses to guess any other's.

use std::rc::Rc;

use swc_atoms::Atom;
use swc_common::{Span, Spanned};
use swc_ecma_ast::{Callee as Called, *};
use swc_ecma_visit::VisitWith;

use super::flow::{Call, Callee, Does, Escape, Keys, Outcome, Sink, Step, Use};
use super::interop::{Role, role};
use super::scope::Opens;
use super::test::unparenthesised;
use super::value::{constant, property_name};
use super::walk::Walk;
use crate::helpers;
use crate::syntax::range;

impl Walk<'_> {
    /// `await import("process")` and what is taken from it.
    pub(super) fn process_module(&mut self, expr: Span, steps: Vec<Step>, sink: Sink) {
        let (start, end) = range(expr);
        let (scope, constructed, inside_with) = (self.scope, self.constructed, self.with_depth > 0);
        self.facts.uses.push(Use { name: None, scope, start, end, steps, sink, constructed, inside_with });
    }

    /// A call whose value goes through `steps` to `sink`.
    pub(super) fn call(&mut self, call: &CallExpr, steps: Vec<Step>, sink: Sink) {
        self.note_eval(call);
        if let Called::Expr(callee) = &call.callee {
            self.note_run(callee, &call.args);
        }
        match &call.callee {
            Called::Expr(callee) if call.args.is_empty() && only_value(callee).is_some() => {
                // `(() => value)()`
                let sink = if steps.is_empty() { sink } else { Sink::Then(Rc::new(steps), Rc::new(sink)) };
                // It runs at once: what is around it has its value.
                self.scoped(Opens::Block, |walk| {
                    only_value(callee).into_iter().for_each(|value| walk.flow(value, sink.clone()));
                });
            }
            Called::Expr(callee) => {
                let pure = is_pure_call(call);
                let outcome = Outcome { steps, sink, node: range(call.span), pure };
                self.called(callee, &call.args, outcome);
            }
            Called::Import(_) => {
                let name = call.args.first().and_then(|argument| constant(&argument.expr));
                self.facts.imports_process |= name.is_some_and(|name| is_process(&name));
                call.args.visit_with(self);
            }
            Called::Super(_) => call.args.visit_with(self),
        }
    }

    pub(super) fn called(&mut self, callee: &Expr, arguments: &[ExprOrSpread], outcome: Outcome) {
        if is_ours(callee) {
            arguments.iter().for_each(|argument| self.flow(&argument.expr, Sink::Drop));
            return;
        }
        let (seen, call, first) = (self.occurrences, self.facts.calls.len(), self.facts.mentions.len());
        let argument = arguments.first().filter(|argument| argument.spread.is_none());
        self.facts.calls.push(Call {
            does: does(callee, arguments),
            mentions: first..first,
            callee: self.callee(callee),
            first: argument.and_then(|argument| constant(&argument.expr)),
            arguments: arguments.len(),
            first_is_here: argument.is_some_and(|argument| is_here(&argument.expr)),
            outcome,
        });
        self.flow(callee, Sink::Called(call));
        let first = self.facts.mentions.len();
        for (index, argument) in arguments.iter().enumerate() {
            match argument.spread {
                Some(_) => argument.expr.visit_with(self),
                None => self.flow(&argument.expr, Sink::Escape(Escape::Argument { call, index })),
            }
        }
        if self.occurrences == seen {
            self.facts.calls.truncate(call);
        } else {
            self.facts.calls[call].mentions = first..self.facts.mentions.len();
        }
    }

    fn callee(&self, callee: &Expr) -> Callee {
        if let Some(Role::Interop(interop)) =
            matches!(callee, Expr::Paren(_) | Expr::Fn(_)).then(|| role(callee)).flatten()
        {
            return Callee::Interop(interop);
        }
        let last = match unparenthesised(callee) {
            // `(0, _interop.default)(x)`
            Expr::Seq(sequence) => sequence.exprs.last().map_or(callee, |last| &**last),
            other => other,
        };
        self.condition(last).map_or(Callee::Other, Callee::Named)
    }

    /// Whether a call loads the process module, or one that is known to hand it on, by the name that is called.
    pub(super) fn loads(&self, sink: &Sink) -> bool {
        let Sink::Called(call) = sink else { return false };
        let first = self.facts.calls[*call].first.as_ref();
        first.is_some_and(|first| {
            is_process(first) || self.module_ids.contains(first) || self.others.is_process(first)
        })
    }

    pub(super) fn note_factory(&mut self, ident: &Ident, steps: &[Step]) {
        let key = |index: usize| steps.get(index).and_then(|step| step.key.as_deref());
        if (key(0), key(1)) == (Some("g"), Some("process")) {
            self.facts.factories.insert(ident.sym.clone());
        }
    }

    /// `eval("process.env.NAME")`, `new Function("return process.env.NAME")`.
    pub(super) fn note_run(&mut self, callee: &Expr, arguments: &[ExprOrSpread]) {
        let callee = match unparenthesised(callee) {
            Expr::Seq(sequence) => sequence.exprs.last().map_or(callee, |last| unparenthesised(last)),
            other => other,
        };
        let Some(wanted) = self.wanted else { return };
        if !callee.is_ident_ref_to("eval") && !callee.is_ident_ref_to("Function") {
            return;
        }
        let is_part = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '$');
        for argument in arguments {
            let text = constant(&argument.expr).filter(|text| text.contains("env"));
            let words = text.iter().flat_map(|text| text.split(|letter: char| !is_part(letter)));
            let at = range(argument.expr.span()).0;
            let named = words.filter(|word| wanted.is_wanted(word)).map(|word| (Atom::from(word), at));
            self.facts.run.extend(named);
        }
    }

    /// `eval` by its own name runs in the scope around it; a mere identifier as text does no harm.
    pub(super) fn note_eval(&mut self, call: &CallExpr) {
        let Called::Expr(callee) = &call.callee else { return };
        let text = call.args.first().and_then(|argument| constant(&argument.expr));
        let is_word = |text: &str| text.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
        if callee.is_ident_ref_to("eval") && !text.is_some_and(|text| is_word(&text)) {
            self.facts.evals.push(self.scope);
        }
    }
}

/// What an arrow function without parameters returns, when it does nothing else.
fn only_value(callee: &Expr) -> Option<&Expr> {
    let arrow = unparenthesised(callee).as_arrow()?;
    match &*arrow.body {
        ArrowFunctionBody::Expr(value) if arrow.params.is_empty() && !arrow.is_async => Some(value),
        _ => None,
    }
}

/// Whether nothing is lost when the call of a loader or an interop function is not made.
fn is_pure_call(call: &CallExpr) -> bool {
    let Some((first, others)) = call.args.split_first() else {
        return call.callee.as_expr().is_some_and(|callee| is_pure(callee));
    };
    let first = match unparenthesised(&first.expr) {
        Expr::Call(inner) => is_pure_call(inner),
        other => is_pure(other),
    };
    first
        && call.callee.as_expr().is_some_and(|callee| is_pure(callee))
        && others.iter().all(|other| is_pure(&other.expr))
}

fn is_pure(expr: &Expr) -> bool {
    match unparenthesised(expr) {
        Expr::Lit(_) | Expr::Ident(_) | Expr::Arrow(_) | Expr::Fn(_) | Expr::MetaProp(_) => true,
        Expr::Member(member) => !member.prop.is_computed() && is_pure(&member.obj),
        Expr::Seq(sequence) => sequence.exprs.iter().all(|expr| is_pure(expr)),
        _ => false,
    }
}

/// Our own function around an object, from an earlier run.
fn is_ours(callee: &Expr) -> bool {
    let Expr::Ident(ident) = callee else { return false };
    helpers::is_object_helper(&ident.sym)
}

pub(super) fn is_process_module(name: &Str) -> bool {
    name.value.as_str().is_some_and(is_process)
}

pub(super) fn is_process(name: &str) -> bool {
    matches!(name, "process" | "node:process")
}

/// `import.meta.url` or `__filename`.
fn is_here(expr: &Expr) -> bool {
    match unparenthesised(expr) {
        Expr::Ident(ident) => &*ident.sym == "__filename",
        Expr::Member(member) => {
            matches!(&*member.obj, Expr::MetaProp(meta) if meta.kind == MetaPropKind::ImportMeta)
                && member.prop.as_ident().is_some_and(|name| matches!(&*name.sym, "url" | "filename"))
        }
        _ => false,
    }
}

/// `await import("process")`.
pub(super) fn loads_process(expr: &Expr) -> bool {
    let Expr::Await(awaited) = expr else { return false };
    let Expr::Call(call) = unparenthesised(&awaited.arg) else { return false };
    let name = call.args.first().and_then(|argument| constant(&argument.expr));
    matches!(call.callee, Called::Import(_)) && name.is_some_and(|name| is_process(&name))
}

fn does(callee: &Expr, arguments: &[ExprOrSpread]) -> Does {
    let callee = match callee {
        Expr::Paren(paren) => &*paren.expr,
        other => other,
    };
    let callee = match callee {
        Expr::Seq(sequence) => sequence.exprs.last().map_or(callee, |last| &**last),
        other => other,
    };
    let Expr::Member(member) = callee else { return Does::Unknown };
    let (Expr::Ident(object), MemberProp::Ident(method)) = (&*member.obj, &member.prop) else {
        return Does::Unknown;
    };
    let key = || match arguments.get(1).and_then(|argument| constant(&argument.expr)) {
        Some(key) => Keys::One(key),
        None => Keys::Any,
    };
    match (&*object.sym, &*method.sym) {
        ("Object", "assign" | "defineProperties") => Does::Write(written_out(arguments.get(1..))),
        ("Object" | "Reflect", "defineProperty") | ("Reflect", "set" | "deleteProperty") => {
            Does::Write(key())
        }
        ("Reflect", "get" | "has" | "ownKeys") => Does::Read,
        ("Object", "hasOwn" | "keys" | "values" | "entries" | "getOwnPropertyDescriptor") => Does::Read,
        _ => Does::Unknown,
    }
}

/// Whether all keys of these objects can be seen.
fn written_out(objects: Option<&[ExprOrSpread]>) -> Keys {
    let is_plain = |argument: &ExprOrSpread| match (&argument.spread, &*argument.expr) {
        (None, Expr::Object(object)) => object.props.iter().all(|prop| match prop {
            PropOrSpread::Spread(_) => false,
            PropOrSpread::Prop(prop) => match &**prop {
                Prop::KeyValue(pair) => property_name(&pair.key).is_some(),
                Prop::Shorthand(_) => true,
                _ => false,
            },
        }),
        _ => false,
    };
    if objects.unwrap_or_default().iter().all(is_plain) { Keys::WrittenOut } else { Keys::Others }
}
