//! Parses JavaScript into a syntax tree.
//!
//! Holds the parser's settings, and converts swc's positions to byte offsets. Rejects text that does
//! not parse, and text whose tree would be too deep for the stack (`depth`).

mod depth;

use swc_common::{BytePos, Span, Spanned};
use swc_ecma_ast::{EsVersion, Program};
use swc_ecma_parser::{EsSyntax, Parser, StringInput, Syntax, lexer::Lexer};

use crate::finding::Reason;

/// Why a text has no tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoTree {
    /// Byte offset where parsing failed.
    pub(crate) at: u32,
    pub(crate) reason: Reason,
}

/// The byte offsets of a span; swc counts positions from one.
pub(crate) fn range(span: Span) -> (u32, u32) {
    (span.lo.0.saturating_sub(1), span.hi.0.saturating_sub(1))
}

/// Parses a bundle: a module if it has imports or exports, else a script or CommonJS.
pub(crate) fn parse(text: &str) -> Result<Program, NoTree> {
    let end = u32::try_from(text.len()).ok().filter(|len| *len < u32::MAX - 1);
    let end = end.ok_or(NoTree { at: 0, reason: Reason::NotJavaScript })?;
    depth::check(text).map_err(|fault| match fault {
        depth::Fault::TooDeep(at) => NoTree { at: at as u32, reason: Reason::NestedTooDeeply },
        depth::Fault::Unclear(at) => NoTree { at: at as u32, reason: Reason::NotUnderstood },
    })?;
    let input = StringInput::new(text, BytePos(1), BytePos(1 + end));
    let lexer = Lexer::new(Syntax::Es(dialect()), EsVersion::EsNext, input, None);
    let mut parser = Parser::new_from(lexer);
    let fault = |span: Span| NoTree { at: range(span).0.min(end), reason: Reason::NotJavaScript };
    let program = parser.parse_program().map_err(|error| fault(error.span()))?;
    match parser.take_errors().first() {
        Some(error) => Err(fault(error.span())),
        None => Ok(program),
    }
}

fn dialect() -> EsSyntax {
    EsSyntax {
        import_attributes: true,
        allow_return_outside_function: true,
        explicit_resource_management: true,
        ..EsSyntax::default()
    }
}
