//! One walk over a file's tree: scopes, bindings, and every occurrence of the tracked names.
//!
//! Owns the statements and declarations; expressions are in `value`. It collects and refuses to judge.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap, FxHashSet};
use swc_atoms::Atom;
use swc_common::Spanned;
use swc_ecma_ast::*;
use swc_ecma_visit::{Visit, VisitWith};

use super::declare::Declared;
use super::facts::{Facts, Tracked};
use super::flow::{Escape, Module, Outcome, Sink, Use};
use super::modules::{Factory, only_expression};
use super::scope::{Opens, ScopeId};
use super::{Others, Wanted};
use crate::syntax::range;

pub(super) struct Walk<'a> {
    pub(super) tracked: &'a Tracked,
    /// Wanted names are looked for on the first walk only.
    pub(super) wanted: Option<&'a dyn Wanted>,
    pub(super) facts: Facts,
    pub(super) scope: ScopeId,
    pub(super) constructed: Option<u32>,
    /// The target that is visited next gets nothing that the environment would not have there.
    pub(super) harmless: bool,
    pub(super) with_depth: u32,
    /// How many uses were seen so far.
    pub(super) occurrences: usize,
    /// Places at which a name holds what it was assigned right before, and the use that was found there.
    pub(super) captures: FxHashMap<u32, Option<Use>>,
    pub(super) others: &'a dyn Others,
    /// Bundlers' modules that hand on the process module.
    pub(super) modules: &'a BTreeSet<Module>,
    /// Their ids.
    pub(super) module_ids: FxHashSet<&'a Atom>,
    /// The function that is visited next is a module's.
    pub(super) next: Option<Factory>,
    /// The module whose only statement is visited, and its name for `module`.
    pub(super) inside: Option<(Module, Atom)>,
}

/// Walks `program` once.
pub(super) fn walk(
    program: &Program,
    tracked: &Tracked,
    modules: &BTreeSet<Module>,
    others: &dyn Others,
    wanted: Option<&dyn Wanted>,
) -> Facts {
    let mut walk = Walk {
        tracked,
        wanted,
        facts: Facts { is_module: program.is_module(), ..Facts::default() },
        scope: 0,
        constructed: None,
        harmless: false,
        with_depth: 0,
        occurrences: 0,
        captures: FxHashMap::default(),
        others,
        modules,
        module_ids: modules.iter().map(|module| &module.id).collect(),
        next: None,
        inside: None,
    };
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

    fn visit_array_lit(&mut self, array: &ArrayLit) {
        self.module_list(array);
    }

    fn visit_object_lit(&mut self, object: &ObjectLit) {
        self.module_table(object);
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
            let statements = function.body.as_ref().map_or(&[][..], |body| &body.stmts);
            let parameter = |index: usize| function.params.get(index).map(|parameter| &parameter.pat);
            let outer = walk.enter(parameter, only_expression(statements));
            walk.parameters(function.params.iter().map(|parameter| &parameter.pat));
            walk.body(statements);
            walk.inside = outer;
        });
    }

    fn visit_fn_decl(&mut self, declaration: &FnDecl) {
        self.declare_function(&declaration.ident);
        self.note_function(&declaration.ident, &declaration.function);
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
            let only = match &*arrow.body {
                ArrowFunctionBody::FunctionBody(body) => only_expression(&body.stmts),
                ArrowFunctionBody::Expr(value) => Some(&**value),
            };
            let outer = walk.enter(|index| arrow.params.get(index), only);
            walk.parameters(arrow.params.iter());
            match &*arrow.body {
                ArrowFunctionBody::FunctionBody(body) => walk.body(&body.stmts),
                ArrowFunctionBody::Expr(value) => walk.flow(value, Sink::Escape(Escape::Value)),
            }
            walk.inside = outer;
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
            statement.test.iter().for_each(|test| walk.flow(test, Sink::Drop));
            statement.update.iter().for_each(|update| walk.flow(update, Sink::Drop));
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
        let branches = std::iter::once(&statement.cons).chain(&statement.alt);
        branches.for_each(|branch| self.scoped(Opens::Block, |walk| branch.visit_with(walk)));
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
        self.import(import);
    }

    fn visit_named_export(&mut self, export: &NamedExport) {
        self.named_export(export);
    }

    fn visit_export_decl(&mut self, export: &ExportDecl) {
        export.decl.visit_with(self);
        self.exported_declaration(&export.decl);
    }

    fn visit_export_all(&mut self, export: &ExportAll) {
        self.export_all(export);
    }

    fn visit_export_default_expr(&mut self, export: &ExportDefaultExpr) {
        self.flow(&export.expr, Sink::Exported);
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
        self.call(call, Vec::new(), Sink::Escape(Escape::Value));
    }

    fn visit_opt_call(&mut self, call: &OptCall) {
        let sink = Sink::Escape(Escape::Value);
        let outcome = Outcome { steps: Vec::new(), sink, node: range(call.span), pure: false };
        self.called(&call.callee, &call.args, outcome);
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
