//! Inserts a statement that runs before everything else in a bundle.
//!
//! The statement stands after a hashbang, a byte order mark and directives; if possible at the end
//! of a line without code, so that no column moves.

use std::collections::HashSet;

use swc_atoms::Atom;
use swc_common::Spanned;
use swc_ecma_ast::*;
use swc_ecma_visit::{Visit, VisitWith};

use crate::replace::Edit;
use crate::syntax::{self, range};

/// Where a first statement can be inserted, and what the bundle declares and imports.
#[derive(Debug)]
pub(crate) struct InsertionPoint {
    /// Whether the bundle has imports or exports.
    pub(crate) is_module: bool,
    /// The modules that load before the bundle's own code runs.
    pub(crate) imports: Vec<String>,
    at: usize,
    after_bare_directive: bool,
    /// Names that the file declares outside its functions.
    pub(crate) taken: HashSet<Atom>,
}

impl InsertionPoint {
    /// `None` if the text does not parse or contains no code.
    pub(crate) fn of(body: &str) -> Option<Self> {
        let program = syntax::parse(body).ok()?;
        let items: Vec<Item<'_>> = match &program {
            Program::Module(module) => module.body.iter().map(Item::of).collect(),
            Program::Script(script) => script.body.iter().map(Item::Stmt).collect(),
        };
        let directives = items.iter().take_while(|item| item.is_directive()).count();
        let first = items.get(directives)?.start();
        let (before, after_bare_directive) = match directives.checked_sub(1) {
            Some(last) => {
                let end = items[last].end();
                (end, !body[..end].ends_with(';'))
            }
            None => (hashbang_end(body), false),
        };
        let gap = body.get(before..first)?;
        let at = end_of_a_line(gap).map_or(first, |at| before + at);
        let imports = items.iter().filter_map(Item::import).collect();
        let is_module = matches!(program, Program::Module(_));
        let mut bindings = Bindings::default();
        program.visit_with(&mut bindings);
        Some(Self { is_module, imports, at, after_bare_directive, taken: bindings.taken })
    }

    /// The edit that inserts a statement.
    pub(crate) fn insert(&self, statement: &str) -> Edit {
        let end = if self.after_bare_directive { ";" } else { "" };
        Edit { start: self.at, end: self.at, text: format!("{end}{statement}") }
    }
}

/// Collects the names that a file declares outside its functions.
#[derive(Default)]
struct Bindings {
    taken: HashSet<Atom>,
}

impl Bindings {
    fn take(&mut self, name: &Ident) {
        self.taken.insert(name.sym.clone());
    }
}

impl Visit for Bindings {
    fn visit_binding_ident(&mut self, name: &BindingIdent) {
        self.take(&name.id);
    }

    fn visit_assign_pat_prop(&mut self, prop: &AssignPatProp) {
        self.take(&prop.key.id);
    }

    fn visit_import_specifier(&mut self, import: &ImportSpecifier) {
        self.take(import.local());
    }

    fn visit_fn_decl(&mut self, function: &FnDecl) {
        self.take(&function.ident);
    }

    fn visit_class_decl(&mut self, class: &ClassDecl) {
        self.take(&class.ident);
    }

    fn visit_function(&mut self, _: &Function) {}
    fn visit_arrow_expr(&mut self, _: &ArrowExpr) {}
    fn visit_class(&mut self, _: &Class) {}
}

enum Item<'p> {
    Stmt(&'p Stmt),
    Decl(&'p ModuleDecl),
}

impl<'p> Item<'p> {
    fn of(item: &'p ModuleItem) -> Self {
        match item {
            ModuleItem::Stmt(stmt) => Self::Stmt(stmt),
            ModuleItem::ModuleDecl(decl) => Self::Decl(decl),
        }
    }

    fn start(&self) -> usize {
        let span = match self {
            Self::Stmt(stmt) => stmt.span(),
            Self::Decl(decl) => decl.span(),
        };
        range(span).0 as usize
    }

    fn end(&self) -> usize {
        match self {
            Self::Stmt(stmt) => range(stmt.span()).1 as usize,
            Self::Decl(decl) => range(decl.span()).1 as usize,
        }
    }

    fn is_directive(&self) -> bool {
        matches!(self, Self::Stmt(Stmt::Expr(statement)) if matches!(&*statement.expr, Expr::Lit(Lit::Str(_))))
    }

    /// The module that this loads before the file's own code runs.
    fn import(&self) -> Option<String> {
        let source = match self {
            Self::Decl(ModuleDecl::Import(import)) => Some(&import.src),
            Self::Decl(ModuleDecl::ExportAll(export)) => Some(&export.src),
            Self::Decl(ModuleDecl::ExportNamed(export)) => export.src.as_ref(),
            _ => None,
        };
        source.map(|source| source.value.to_string_lossy().into_owned())
    }
}

fn hashbang_end(body: &str) -> usize {
    match body.strip_prefix("#!") {
        Some(_) => body.find('\n').map_or(body.len(), |end| end + 1),
        None => body.len() - body.trim_start_matches('\u{feff}').len(),
    }
}

/// Offset in blanks and comments where the code of a line ends: at a line end outside a comment,
/// or at a `//` comment before it.
fn end_of_a_line(gap: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(letter) = gap[at..].chars().next() {
        if matches!(letter, '\n' | '\r') || gap[at..].starts_with("//") {
            return Some(at);
        }
        at += match gap[at..].strip_prefix("/*") {
            Some(comment) => comment.find("*/")? + 4,
            None if letter.is_whitespace() || letter == '\u{feff}' => letter.len_utf8(),
            // An HTML-like comment.
            None => return None,
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_statement_comes_after_the_prologue() {
        for (input, expected) in [
            ("f()", "P;f()"),
            ("  f()", "  P;f()"),
            ("\u{feff}f()", "\u{feff}P;f()"),
            ("#!/usr/bin/env node\nf()", "#!/usr/bin/env node\nP;f()"),
            ("#!/bin/node\r\n\r\nf()", "#!/bin/node\r\nP;\r\nf()"),
            ("\"use strict\";f()", "\"use strict\";P;f()"),
            ("'use strict'\nf()", "'use strict';P;\nf()"),
            ("'use strict';\r\n'use client'; // c\r\nf()", "'use strict';\r\n'use client'; P;// c\r\nf()"),
            ("'use strict' /* a\n b */ f()", "'use strict' /* a\n b */ ;P;f()"),
            ("/*! licence\n */\nf()", "/*! licence\n */P;\nf()"),
            ("// a\n\nf()", "P;// a\n\nf()"),
            ("('a'); f()", "P;('a'); f()"),
            ("'a'.b; f()", "P;'a'.b; f()"),
            ("import a from 'b'; a()", "P;import a from 'b'; a()"),
            ("'use client';import a from 'b'", "'use client';P;import a from 'b'"),
            ("let a = 1;\nf(a)", "P;let a = 1;\nf(a)"),
        ] {
            let edit = InsertionPoint::of(input).unwrap().insert("P;");
            assert_eq!(crate::replace::apply(input, &[edit]).concat(), expected, "{input}");
            assert!(syntax::parse(&expected.replace("P;", "P();")).is_ok(), "{expected}");
        }
        for input in ["", "// only a comment", "'use strict'", "f("] {
            assert!(InsertionPoint::of(input).is_none(), "{input}");
        }
    }

    #[test]
    fn what_runs_before_a_module_is_known() {
        let imports = |text| InsertionPoint::of(text).unwrap().imports;
        assert_eq!(imports("f(); import './a'; export * from 'b'; export {c} from 'c'"), ["./a", "b", "c"]);
        assert!(imports("import('./a'); export const x = 1").is_empty());
    }
}
