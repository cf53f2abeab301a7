//! One walk over a file's tree: scopes, bindings, and every occurrence of the tracked names.
//!
//! Owns the statements and declarations; expressions are in `value`. It collects and refuses to judge.

use std::collections::{BTreeSet, HashMap, HashSet};

use swc_atoms::Atom;
use swc_common::Spanned;
use swc_ecma_ast::*;
use swc_ecma_visit::{Visit, VisitWith};

use super::Wanted;
use super::calls::is_process_module;
use super::declare::Declared;
use super::flow::{Binding, Call, Escape, Mention, Sink, Use, Write};
use super::scope::{Opens, ScopeId, Scopes};
use crate::syntax::range;

/// Names to look for.
pub(super) type Tracked = HashSet<Atom>;

/// What a walk found.
#[derive(Default)]
pub(super) struct Facts {
    pub(super) scopes: Scopes,
    pub(super) uses: Vec<Use>,
    pub(super) writes: Vec<Write>,
    pub(super) mentions: Vec<Mention>,
    /// Bindings that an `import` of the process module makes, with the imported name.
    pub(super) imports: Vec<(Binding, Imported)>,
    /// Names that `export` hands to other files.
    pub(super) exported: Vec<(Atom, ScopeId, u32)>,
    /// `export … from "process"`.
    pub(super) reexported: Vec<u32>,
    /// How the tracked name that is written here is declared; assignments are not in it.
    pub(super) declared: HashMap<u32, Declared>,
    pub(super) calls: Vec<Call>,
    /// Where a direct `eval` is called.
    pub(super) evals: Vec<ScopeId>,
    /// Names that stand as `<name>.g.process`: a bundler's way to write `globalThis` in a module's factory.
    pub(super) factories: BTreeSet<Atom>,
}

/// What an import takes from the process module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Imported {
    /// The default export or the namespace: the process object, or something with the same properties.
    Process,
    Env,
}

pub(super) struct Walk<'a> {
    pub(super) tracked: &'a Tracked,
    /// Wanted names are looked for on the first walk only.
    pub(super) wanted: Option<&'a dyn Wanted>,
    pub(super) facts: Facts,
    pub(super) scope: ScopeId,
    pub(super) constructed: Option<u32>,
    pub(super) with_depth: u32,
}

/// Walks `program` once.
pub(super) fn walk(program: &Program, tracked: &Tracked, wanted: Option<&dyn Wanted>) -> Facts {
    let facts = Facts::default();
    let mut walk = Walk { tracked, wanted, facts, scope: 0, constructed: None, with_depth: 0 };
    program.visit_children_with(&mut walk);
    walk.facts
}

impl Walk<'_> {
    pub(super) fn scoped(&mut self, opens: Opens, body: impl FnOnce(&mut Self)) {
        self.scope = self.facts.scopes.open(self.scope, opens);
        body(self);
        self.scope = self.facts.scopes.parent(self.scope);
    }
}

impl Visit for Walk<'_> {
    fn visit_expr(&mut self, expr: &Expr) {
        self.flow(expr, Sink::Escape(Escape::Value));
    }

    fn visit_expr_stmt(&mut self, statement: &ExprStmt) {
        self.flow(&statement.expr, Sink::Drop);
    }

    fn visit_prop(&mut self, prop: &Prop) {
        match prop {
            Prop::Shorthand(ident) => {
                self.mention(&ident.sym, ident.span);
                self.ident(ident, Vec::new(), Sink::Escape(Escape::Value));
            }
            Prop::KeyValue(pair) => {
                self.mention_key(&pair.key);
                pair.visit_children_with(self);
            }
            other => other.visit_children_with(self),
        }
    }

    fn visit_var_decl(&mut self, declaration: &VarDecl) {
        self.declare_vars(declaration, false);
    }

    fn visit_using_decl(&mut self, declaration: &UsingDecl) {
        for declarator in &declaration.decls {
            self.declarator(declarator, Declared::Here, true);
        }
    }

    fn visit_pat(&mut self, pattern: &Pat) {
        self.pattern(pattern, None);
    }

    fn visit_function(&mut self, function: &Function) {
        self.scoped(Opens::Parameters, |walk| {
            walk.parameters(function.params.iter().map(|parameter| &parameter.pat));
            walk.body(function.body.as_ref().map_or(&[], |body| &body.stmts));
        });
    }

    fn visit_fn_decl(&mut self, declaration: &FnDecl) {
        self.declare_function(&declaration.ident);
        declaration.function.visit_with(self);
    }

    fn visit_fn_expr(&mut self, expr: &FnExpr) {
        self.scoped(Opens::Block, |walk| {
            if let Some(ident) = &expr.ident {
                walk.declare_other(ident, Declared::Here);
            }
            expr.function.visit_with(walk);
        });
    }

    fn visit_arrow_expr(&mut self, arrow: &ArrowExpr) {
        self.scoped(Opens::Parameters, |walk| {
            walk.parameters(arrow.params.iter());
            match &*arrow.body {
                ArrowFunctionBody::FunctionBody(body) => walk.body(&body.stmts),
                ArrowFunctionBody::Expr(value) => walk.flow(value, Sink::Escape(Escape::Value)),
            }
        });
    }

    fn visit_constructor(&mut self, constructor: &Constructor) {
        constructor.key.visit_with(self);
        self.scoped(Opens::Parameters, |walk| {
            for parameter in &constructor.params {
                if let ParamOrTsParamProp::Param(parameter) = parameter {
                    walk.parameters(std::iter::once(&parameter.pat));
                }
            }
            walk.body(constructor.body.as_ref().map_or(&[], |body| &body.stmts));
        });
    }

    fn visit_static_block(&mut self, block: &StaticBlock) {
        self.body(&block.body.stmts);
    }

    fn visit_class_decl(&mut self, declaration: &ClassDecl) {
        self.declare_other(&declaration.ident, Declared::Here);
        declaration.class.visit_with(self);
    }

    fn visit_class_expr(&mut self, expr: &ClassExpr) {
        self.scoped(Opens::Block, |walk| {
            if let Some(ident) = &expr.ident {
                walk.declare_other(ident, Declared::Here);
            }
            expr.class.visit_with(walk);
        });
    }

    fn visit_block_stmt(&mut self, block: &BlockStmt) {
        self.scoped(Opens::Block, |walk| block.stmts.visit_with(walk));
    }

    fn visit_for_stmt(&mut self, statement: &ForStmt) {
        self.scoped(Opens::Block, |walk| {
            match &statement.init {
                Some(VarDeclOrExpr::Expr(init)) => walk.flow(init, Sink::Drop),
                other => other.visit_with(walk),
            }
            if let Some(test) = &statement.test {
                walk.flow(test, Sink::Drop);
            }
            if let Some(update) = &statement.update {
                walk.flow(update, Sink::Drop);
            }
            statement.body.visit_with(walk);
        });
    }

    fn visit_for_in_stmt(&mut self, statement: &ForInStmt) {
        self.scoped(Opens::Block, |walk| {
            walk.visit_for_head(&statement.left);
            walk.flow(&statement.right, Sink::Escape(Escape::Value));
            statement.body.visit_with(walk);
        });
    }

    fn visit_for_of_stmt(&mut self, statement: &ForOfStmt) {
        self.scoped(Opens::Block, |walk| {
            walk.visit_for_head(&statement.left);
            walk.flow(&statement.right, Sink::Escape(Escape::Value));
            statement.body.visit_with(walk);
        });
    }

    fn visit_for_head(&mut self, head: &ForHead) {
        match head {
            ForHead::VarDecl(declaration) => self.declare_vars(declaration, true),
            ForHead::UsingDecl(declaration) => self.visit_using_decl(declaration),
            ForHead::Pat(pattern) => self.pattern(pattern, None),
        }
    }

    fn visit_switch_stmt(&mut self, statement: &SwitchStmt) {
        self.flow(&statement.discriminant, Sink::Drop);
        self.scoped(Opens::Switch, |walk| statement.cases.visit_with(walk));
    }

    fn visit_if_stmt(&mut self, statement: &IfStmt) {
        self.flow(&statement.test, Sink::Drop);
        // A branch without braces may hold a `var`.
        self.scoped(Opens::Block, |walk| statement.cons.visit_with(walk));
        self.scoped(Opens::Block, |walk| statement.alt.visit_with(walk));
    }

    fn visit_while_stmt(&mut self, statement: &WhileStmt) {
        self.flow(&statement.test, Sink::Drop);
        self.scoped(Opens::Block, |walk| statement.body.visit_with(walk));
    }

    fn visit_do_while_stmt(&mut self, statement: &DoWhileStmt) {
        statement.body.visit_with(self);
        self.flow(&statement.test, Sink::Drop);
    }

    fn visit_catch_clause(&mut self, clause: &CatchClause) {
        self.scoped(Opens::Block, |walk| {
            clause.param.iter().for_each(|parameter| walk.pattern(parameter, Some(Declared::Here)));
            clause.body.visit_with(walk);
        });
    }

    fn visit_with_stmt(&mut self, statement: &WithStmt) {
        self.flow(&statement.obj, Sink::Escape(Escape::Value));
        self.with_depth += 1;
        statement.body.visit_with(self);
        self.with_depth -= 1;
    }

    fn visit_import_decl(&mut self, import: &ImportDecl) {
        let from_process = is_process_module(&import.src);
        for specifier in &import.specifiers {
            let local = specifier.local();
            self.declare_other(local, Declared::Here);
            if from_process {
                self.import_of_process(specifier, local);
            }
        }
    }

    fn visit_named_export(&mut self, export: &NamedExport) {
        if let Some(source) = &export.src {
            if is_process_module(source) {
                self.facts.reexported.push(range(export.span).0);
            }
            return;
        }
        for specifier in &export.specifiers {
            if let ExportSpecifier::Named(ExportNamedSpecifier {
                orig: ModuleExportName::Ident(ident), ..
            }) = specifier
            {
                self.export(ident);
            }
        }
    }

    fn visit_export_decl(&mut self, export: &ExportDecl) {
        export.decl.visit_with(self);
        if let Decl::Var(declaration) = &export.decl {
            for declarator in &declaration.decls {
                self.export_names(&declarator.name);
            }
        }
    }

    fn visit_export_all(&mut self, export: &ExportAll) {
        if is_process_module(&export.src) {
            self.facts.reexported.push(range(export.span).0);
        }
    }

    fn visit_export_default_decl(&mut self, export: &ExportDefaultDecl) {
        let ident = match &export.decl {
            DefaultDecl::Fn(function) => &function.ident,
            DefaultDecl::Class(class) => &class.ident,
            DefaultDecl::TsInterfaceDecl(_) => &None,
        };
        if let Some(ident) = ident {
            self.declare_other(ident, Declared::Here);
        }
        export.visit_children_with(self);
    }

    fn visit_call_expr(&mut self, call: &CallExpr) {
        call.callee.visit_with(self);
        self.note_eval(call);
        let callee = call.callee.as_expr().map(|callee| &**callee);
        self.arguments(callee, &call.args);
    }

    fn visit_opt_call(&mut self, call: &OptCall) {
        call.callee.visit_with(self);
        self.arguments(Some(&call.callee), &call.args);
    }

    // Labels are not references.
    fn visit_labeled_stmt(&mut self, statement: &LabeledStmt) {
        statement.body.visit_with(self);
    }
    fn visit_break_stmt(&mut self, _: &BreakStmt) {}
    fn visit_continue_stmt(&mut self, _: &ContinueStmt) {}

    fn visit_str(&mut self, string: &Str) {
        if let Some(text) = string.value.as_str() {
            self.mention(text, string.span());
        }
    }
}
