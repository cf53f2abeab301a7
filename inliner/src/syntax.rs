//! JavaScript text to a syntax tree.
//!
//! Owns the parser's settings and the shift between swc's positions and byte offsets. It refuses text that does
//! not parse, and never prints a tree back.

use swc_common::{BytePos, Span, Spanned};
use swc_ecma_ast::{EsVersion, Program};
use swc_ecma_parser::{EsSyntax, Parser, StringInput, Syntax, lexer::Lexer};

/// Where an input stops being JavaScript.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotJavaScript {
    /// Byte offset of the first thing that could not be understood.
    pub(crate) at: u32,
}

/// Offsets are bytes from the start of the file; swc counts from one.
pub(crate) fn range(span: Span) -> (u32, u32) {
    (span.lo.0.saturating_sub(1), span.hi.0.saturating_sub(1))
}

/// Parses a bundle: a module if it has imports or exports, else a script or CommonJS.
pub(crate) fn parse(text: &str) -> Result<Program, NotJavaScript> {
    let end = u32::try_from(text.len()).ok().filter(|len| *len < u32::MAX - 1);
    let end = end.ok_or(NotJavaScript { at: 0 })?;
    let input = StringInput::new(text, BytePos(1), BytePos(1 + end));
    let lexer = Lexer::new(Syntax::Es(dialect()), EsVersion::EsNext, input, None);
    let mut parser = Parser::new_from(lexer);
    let fault = |span: Span| NotJavaScript { at: range(span).0.min(end) };
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
