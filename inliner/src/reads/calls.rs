//! Calls that concern the environment: those that load `process`, write properties of an argument, or run text as code.
//!
//! Owns the knowledge of what a called function does. It knows the language's own and refuses to guess any other's.

use swc_common::Spanned;
use swc_ecma_ast::*;
use swc_ecma_visit::VisitWith;

use super::flow::{Call, Does, Escape, Keys, Sink, Step, Use};
use super::value::{constant, property_name};
use super::walk::Walk;
use crate::syntax::range;

impl Walk<'_> {
    /// `require("process")` and what is taken from it.
    pub(super) fn process_module(&mut self, expr: &Expr, steps: Vec<Step>, sink: Sink) {
        let (start, end) = range(expr.span());
        let (scope, constructed, inside_with) = (self.scope, self.constructed, self.with_depth > 0);
        self.facts.uses.push(Use { name: None, scope, start, end, steps, sink, constructed, inside_with });
    }

    pub(super) fn note_factory(&mut self, ident: &Ident, steps: &[Step]) {
        let key = |index: usize| steps.get(index).and_then(|step| step.key.as_deref());
        if (key(0), key(1)) == (Some("g"), Some("process")) {
            self.facts.factories.insert(ident.sym.clone());
        }
    }

    /// `eval` by its own name runs in the scope around it; a mere identifier as text does no harm.
    pub(super) fn note_eval(&mut self, call: &CallExpr) {
        let Callee::Expr(callee) = &call.callee else { return };
        let text = call.args.first().and_then(|argument| constant(&argument.expr));
        let is_word = |text: &str| text.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
        if callee.is_ident_ref_to("eval") && !text.is_some_and(|text| is_word(&text)) {
            self.facts.evals.push(self.scope);
        }
    }

    pub(super) fn arguments(&mut self, callee: Option<&Expr>, arguments: &[ExprOrSpread]) {
        if callee.is_some_and(is_ours) {
            arguments.iter().for_each(|argument| self.flow(&argument.expr, Sink::Drop));
            return;
        }
        let (uses, call, first) = (self.facts.uses.len(), self.facts.calls.len(), self.facts.mentions.len());
        let does = callee.map_or(Does::Unknown, |callee| does(callee, arguments));
        self.facts.calls.push(Call { does, mentions: first..first });
        for (index, argument) in arguments.iter().enumerate() {
            match argument.spread {
                Some(_) => argument.expr.visit_with(self),
                None => self.flow(&argument.expr, Sink::Escape(Escape::Argument { call, index })),
            }
        }
        if self.facts.uses.len() == uses {
            self.facts.calls.truncate(call);
        } else {
            self.facts.calls[call].mentions = first..self.facts.mentions.len();
        }
    }
}

/// Our own function around an object, from an earlier run.
fn is_ours(callee: &Expr) -> bool {
    let Expr::Ident(ident) = callee else { return false };
    ["__capy_$", "__capyInlined_$"].iter().any(|prefix| ident.sym.starts_with(prefix))
}

pub(super) fn is_process_module(name: &Str) -> bool {
    matches!(name.value.as_str(), Some("process" | "node:process"))
}

/// `require("process")` or `await import("process")`.
pub(super) fn loads_process(expr: &Expr) -> bool {
    let call = match expr {
        Expr::Call(call) => call,
        Expr::Await(awaited) => match &*awaited.arg {
            Expr::Call(call) if matches!(call.callee, Callee::Import(_)) => call,
            Expr::Paren(paren) => match &*paren.expr {
                Expr::Call(call) if matches!(call.callee, Callee::Import(_)) => call,
                _ => return false,
            },
            _ => return false,
        },
        _ => return false,
    };
    let loads = match &call.callee {
        Callee::Expr(callee) => matches!(&**callee, Expr::Ident(ident) if ident.sym.ends_with("require")),
        Callee::Import(_) => true,
        Callee::Super(_) => false,
    };
    let name = call.args.first().and_then(|argument| constant(&argument.expr));
    loads && matches!(name.as_deref(), Some("process" | "node:process"))
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
    if objects.unwrap_or_default().iter().all(is_plain) { Keys::WrittenOut } else { Keys::Any }
}
