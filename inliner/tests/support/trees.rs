//! Compares the syntax trees of two scripts, but for reads that became calls.
//!
//! An independent check of edits: it parses for itself and uses neither the edits nor the tokens
//! behind them. Each replacement must be one whole expression of the old tree. Spans and quotes do
//! not count.

use std::collections::BTreeMap;

use swc_common::{BytePos, DUMMY_SP, EqIgnoreSpan, Span, Spanned, SyntaxContext};
use swc_ecma_ast::*;
use swc_ecma_parser::{EsSyntax, Parser, StringInput, Syntax, lexer::Lexer};
use swc_ecma_visit::{VisitMut, VisitMutWith};

/// A read in the old text, as it was found by comparing bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replaced {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) name: String,
}

/// What is different; our own functions at the end of `new` do not count.
pub(crate) fn difference(old: &str, new: &str, replaced: &[Replaced]) -> Option<String> {
    let (Some(mut old), Some(mut new)) = (parse(old), parse(new)) else {
        return Some("one of them does not parse".to_owned());
    };
    let wanted = replaced.iter().map(|one| ((one.start as u32 + 1, one.end as u32 + 1), one.name.clone()));
    let mut reads = Reads(wanted.collect());
    old.visit_mut_with(&mut reads);
    if let Some((range, name)) = reads.0.pop_first() {
        return Some(format!("what became {name} at {range:?} is no expression"));
    }
    let mut calls = Calls::default();
    new.visit_mut_with(&mut calls);
    if calls.seen != replaced.len() {
        return Some(format!("{} calls stand for {} reads", calls.seen, replaced.len()));
    }
    (!body(old).eq_ignore_span(&body(new))).then(|| "the trees differ".to_owned())
}

fn parse(text: &str) -> Option<Program> {
    let dialect = EsSyntax {
        import_attributes: true,
        allow_return_outside_function: true,
        explicit_resource_management: true,
        ..EsSyntax::default()
    };
    let input = StringInput::new(text, BytePos(1), BytePos(1 + text.len() as u32));
    let mut parser = Parser::new_from(Lexer::new(Syntax::Es(dialect), EsVersion::EsNext, input, None));
    let program = parser.parse_program().ok()?;
    parser.take_errors().is_empty().then_some(program)
}

/// The statements, without our functions.
fn body(program: Program) -> Vec<ModuleItem> {
    let mut items = match program {
        Program::Module(module) => module.body,
        Program::Script(script) => script.body.into_iter().map(ModuleItem::Stmt).collect(),
    };
    while items.last().is_some_and(is_ours) {
        items.pop();
    }
    items
}

fn is_ours(item: &ModuleItem) -> bool {
    let function = item.as_stmt().and_then(Stmt::as_decl).and_then(Decl::as_fn_decl);
    function.is_some_and(|function| function.ident.sym.starts_with("__capy_"))
}

fn variable(name: &str) -> Expr {
    Expr::Ident(Ident::new(format!("variable {name}").into(), DUMMY_SP, SyntaxContext::empty()))
}

/// Puts the variable where the old text has a read.
struct Reads(BTreeMap<(u32, u32), String>);

impl VisitMut for Reads {
    fn visit_mut_expr(&mut self, expr: &mut Expr) {
        let Span { lo, hi } = expr.span();
        match self.0.remove(&(lo.0, hi.0)) {
            Some(name) => *expr = variable(&name),
            None => expr.visit_mut_children_with(self),
        }
    }
}

/// Puts it where the new text has a call, and takes our objects from around theirs.
#[derive(Default)]
struct Calls {
    seen: usize,
}

impl VisitMut for Calls {
    fn visit_mut_expr(&mut self, expr: &mut Expr) {
        expr.visit_mut_children_with(self);
        let Expr::Call(call) = expr else { return };
        let Some(name) = call.callee.as_expr().and_then(|callee| callee.as_ident()) else { return };
        let Some(name) = name.sym.strip_prefix("__capy_") else { return };
        match (name.starts_with('$'), &mut call.args[..]) {
            (true, [argument]) => *expr = *argument.expr.clone(),
            (false, []) => {
                *expr = variable(name);
                self.seen += 1;
            }
            _ => {}
        }
    }
}
