//! Whether a function may run before a `var` beside it has its value.
//!
//! Owns a look at the whole file for names of functions: a hoisted function may be called above the declaration, by what
//! runs there or by functions that are called there. Names that are only handed out (`exports.f = f`, `() => f`) call
//! nothing: a program whose modules import each other in a circle may still do so, and that is not seen.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use swc_atoms::Atom;
use swc_common::Span;
use swc_ecma_ast::*;
use swc_ecma_visit::{Visit, VisitWith};

use super::test::unparenthesised;
use crate::syntax::range;

/// A function or a class; the first is the file.
struct Node {
    start: u32,
    end: u32,
    parent: usize,
    /// By what name it is called.
    name: Option<Atom>,
    /// It is there before anything beside it runs.
    hoisted: bool,
    /// What its body or its parameters declare.
    own: HashSet<Atom>,
}

/// Every function of a file, and every name that may call one.
pub(super) struct Early {
    nodes: Vec<Node>,
    /// In order of place: the name, where, and the function around it.
    names: Vec<(u32, Atom, usize)>,
    /// Of each function that was asked about: from where on a name may have been called in it.
    called: RefCell<HashMap<usize, HashMap<Atom, u32>>>,
}

impl Early {
    pub(super) fn of(program: &Program) -> Self {
        let (start, end) = (0, u32::MAX);
        let file = Node { start, end, parent: 0, name: None, hoisted: false, own: HashSet::new() };
        let mut walk = Walk { nodes: vec![file], names: Vec::new(), inside: 0, depth: 0, name: None };
        program.visit_with(&mut walk);
        let mut names = walk.names;
        names.sort_by_key(|(at, _, _)| *at);
        Self { nodes: walk.nodes, names, called: RefCell::default() }
    }

    /// Whether the function around `used` may run before the `var` at `declared`, which is no part of it.
    pub(super) fn may_run(&self, declared: u32, used: u32) -> bool {
        let home = self.innermost(declared);
        let Some(outer) = self.outermost(home, self.innermost(used)) else { return true };
        let node = &self.nodes[outer];
        if !node.hoisted && node.start > declared {
            return false;
        }
        let Some(name) = &node.name else { return true };
        let mut called = self.called.borrow_mut();
        let called = called.entry(home).or_insert_with(|| self.first_calls(home));
        called.get(name).is_some_and(|first| *first < declared)
    }

    fn innermost(&self, at: u32) -> usize {
        // They stand in the order in which they begin; the file is around all of them.
        let mut index = self.nodes.partition_point(|node| node.start <= at) - 1;
        while self.nodes[index].end <= at {
            index = self.nodes[index].parent;
        }
        index
    }

    /// The function right inside `home` that this one is or lies in.
    fn outermost(&self, home: usize, mut index: usize) -> Option<usize> {
        while index != 0 && self.nodes[index].parent != home {
            index = self.nodes[index].parent;
        }
        (index != 0).then_some(index)
    }

    /// The names that are used in `home`, and in the functions beside each other that are named there: where first. What
    /// stands in a function that is called counts from the call on.
    fn first_calls(&self, home: usize) -> HashMap<Atom, u32> {
        let beside: HashMap<&Atom, Vec<&Node>> = self.beside(home);
        let deferred = |inside: usize| {
            let outer = self.outermost(home, inside).map(|index| &self.nodes[index]);
            outer.is_some_and(|node| node.name.is_some())
        };
        let home_node = &self.nodes[home];
        let mut first = HashMap::new();
        let direct = self
            .within(home_node.start, home_node.end)
            .filter(|(_, name, inside)| !deferred(*inside) && self.reaches(home, name, *inside));
        // In order of place: who comes first calls first, and so do those that are called from there.
        for (at, name, _) in direct {
            let mut next = vec![name];
            while let Some(name) = next.pop() {
                if first.contains_key(name) {
                    continue;
                }
                first.insert(name.clone(), *at);
                for node in beside.get(name).into_iter().flatten() {
                    let inner = self.within(node.start, node.end);
                    let inner = inner.filter(|(_, name, inside)| self.reaches(home, name, *inside));
                    next.extend(inner.map(|(_, name, _)| name));
                }
            }
        }
        first
    }

    fn beside(&self, home: usize) -> HashMap<&Atom, Vec<&Node>> {
        let mut beside: HashMap<&Atom, Vec<&Node>> = HashMap::new();
        let inner = self.nodes.iter().enumerate().skip(1).filter(|(_, node)| node.parent == home);
        for (_, node) in inner {
            if let Some(name) = &node.name {
                beside.entry(name).or_default().push(node);
            }
        }
        beside
    }

    fn within(&self, start: u32, end: u32) -> impl Iterator<Item = &(u32, Atom, usize)> {
        let from = self.names.partition_point(|(at, _, _)| *at < start);
        self.names[from..].iter().take_while(move |(at, _, _)| *at < end)
    }

    /// Whether a name that is used in `inside` is not one of a function between that and `home`.
    fn reaches(&self, home: usize, name: &Atom, mut inside: usize) -> bool {
        while inside != home && inside != 0 {
            if self.nodes[inside].own.contains(name) {
                return false;
            }
            inside = self.nodes[inside].parent;
        }
        true
    }
}

struct Walk {
    nodes: Vec<Node>,
    names: Vec<(u32, Atom, usize)>,
    inside: usize,
    /// Blocks inside the function.
    depth: u32,
    /// The name that the function which is visited next has for those beside it.
    name: Option<Atom>,
}

impl Walk {
    fn node(&mut self, span: Span, hoisted: bool, body: impl FnOnce(&mut Self)) {
        let (start, end) = range(span);
        let name = self.name.take();
        let node = Node { start, end, parent: self.inside, name, hoisted, own: HashSet::new() };
        let (inside, depth) = (self.inside, std::mem::take(&mut self.depth));
        self.inside = self.nodes.len();
        self.nodes.push(node);
        body(self);
        (self.inside, self.depth) = (inside, depth);
    }

    fn own(&mut self, name: &Atom) {
        self.nodes[self.inside].own.insert(name.clone());
    }

    fn owns(&mut self, pattern: &Pat) {
        match pattern {
            Pat::Ident(ident) => self.own(&ident.id.sym),
            Pat::Array(array) => array.elems.iter().flatten().for_each(|item| self.owns(item)),
            Pat::Rest(rest) => self.owns(&rest.arg),
            Pat::Assign(assign) => self.owns(&assign.left),
            Pat::Object(object) => object.props.iter().for_each(|prop| match prop {
                ObjectPatProp::KeyValue(pair) => self.owns(&pair.value),
                ObjectPatProp::Assign(short) => self.own(&short.key.id.sym),
                ObjectPatProp::Rest(rest) => self.owns(&rest.arg),
            }),
            Pat::Expr(_) | Pat::Invalid(_) => {}
        }
    }

    /// A value that is called by this name, if it is a function or an object of them.
    fn named(&mut self, name: &Atom, value: &Expr) {
        match unparenthesised(value) {
            Expr::Fn(_) | Expr::Arrow(_) | Expr::Class(_) => {
                self.name = Some(name.clone());
                value.visit_with(self);
                self.name = None;
            }
            Expr::Object(object) => object.props.iter().for_each(|prop| match prop {
                PropOrSpread::Prop(prop) => match &**prop {
                    Prop::KeyValue(pair) => {
                        pair.key.visit_with(self);
                        self.named(name, &pair.value);
                    }
                    Prop::Method(method) => {
                        method.key.visit_with(self);
                        self.name = Some(name.clone());
                        method.function.visit_with(self);
                        self.name = None;
                    }
                    other => other.visit_with(self),
                },
                PropOrSpread::Spread(spread) => spread.visit_with(self),
            }),
            _ => value.visit_with(self),
        }
    }

    /// What is handed out without a call: nothing is used of it.
    fn handed_out(&mut self, value: &Expr) {
        match unparenthesised(value) {
            Expr::Ident(_) => {}
            Expr::Object(object) => object.props.iter().for_each(|prop| match prop {
                PropOrSpread::Prop(prop) => match &**prop {
                    Prop::Shorthand(_) => {}
                    Prop::KeyValue(pair) => self.handed_out(&pair.value),
                    other => other.visit_with(self),
                },
                PropOrSpread::Spread(spread) => spread.visit_with(self),
            }),
            _ => value.visit_with(self),
        }
    }
}

impl Visit for Walk {
    fn visit_ident(&mut self, ident: &Ident) {
        self.names.push((range(ident.span).0, ident.sym.clone(), self.inside));
    }

    fn visit_binding_ident(&mut self, _: &BindingIdent) {}

    fn visit_fn_decl(&mut self, declaration: &FnDecl) {
        let name = declaration.ident.sym.clone();
        if self.depth == 0 {
            self.own(&name);
        }
        self.node_of(&declaration.function, Some(name), true);
    }

    fn visit_function(&mut self, function: &Function) {
        let name = self.name.take();
        self.node_of(function, name, false);
    }

    fn visit_fn_expr(&mut self, expr: &FnExpr) {
        if only_name(expr.function.body.as_ref().map_or(&[][..], |body| &body.stmts)) {
            return;
        }
        expr.function.visit_with(self);
    }

    fn visit_arrow_expr(&mut self, arrow: &ArrowExpr) {
        let is_getter = match &*arrow.body {
            ArrowFunctionBody::Expr(value) => unparenthesised(value).is_ident(),
            ArrowFunctionBody::FunctionBody(body) => only_name(&body.stmts),
        };
        if is_getter && arrow.params.is_empty() {
            return;
        }
        self.node(arrow.span, false, |walk| {
            arrow.params.iter().for_each(|parameter| walk.owns(parameter));
            arrow.params.visit_with(walk);
            match &*arrow.body {
                ArrowFunctionBody::FunctionBody(body) => body.stmts.visit_with(walk),
                ArrowFunctionBody::Expr(value) => value.visit_with(walk),
            }
        });
    }

    fn visit_constructor(&mut self, constructor: &Constructor) {
        self.node(constructor.span, false, |walk| constructor.visit_children_with(walk));
    }

    fn visit_class_decl(&mut self, declaration: &ClassDecl) {
        self.name = Some(declaration.ident.sym.clone());
        declaration.class.visit_with(self);
        self.name = None;
    }

    fn visit_class(&mut self, class: &Class) {
        self.node(class.span, false, |walk| class.visit_children_with(walk));
    }

    fn visit_class_expr(&mut self, expr: &ClassExpr) {
        expr.class.visit_with(self);
    }

    fn visit_block_stmt(&mut self, block: &BlockStmt) {
        self.depth += 1;
        block.visit_children_with(self);
        self.depth -= 1;
    }

    fn visit_switch_stmt(&mut self, statement: &SwitchStmt) {
        self.depth += 1;
        statement.visit_children_with(self);
        self.depth -= 1;
    }

    fn visit_var_decl(&mut self, declaration: &VarDecl) {
        for declarator in &declaration.decls {
            if declaration.kind == VarDeclKind::Var || self.depth == 0 {
                self.owns(&declarator.name);
            }
            declarator.name.visit_with(self);
            match (&declarator.name, &declarator.init) {
                (Pat::Ident(ident), Some(init)) => self.named(&ident.id.sym.clone(), init),
                (_, init) => init.visit_with(self),
            }
        }
    }

    fn visit_assign_expr(&mut self, assign: &AssignExpr) {
        let of_module =
            assign.left.as_simple().and_then(SimpleAssignTarget::as_member).is_some_and(is_export);
        if of_module && assign.op == AssignOp::Assign {
            return self.handed_out(&assign.right);
        }
        assign.visit_children_with(self);
    }

    fn visit_expr(&mut self, expr: &Expr) {
        // Only what is named right here has the name.
        if !matches!(expr, Expr::Fn(_) | Expr::Arrow(_) | Expr::Class(_) | Expr::Paren(_)) {
            self.name = None;
        }
        expr.visit_children_with(self);
    }

    fn visit_named_export(&mut self, _: &NamedExport) {}

    fn visit_member_prop(&mut self, prop: &MemberProp) {
        if let MemberProp::Computed(key) = prop {
            key.visit_with(self);
        }
    }
}

impl Walk {
    fn node_of(&mut self, function: &Function, name: Option<Atom>, hoisted: bool) {
        self.name = name;
        self.node(function.span, hoisted, |walk| {
            function.params.iter().for_each(|parameter| walk.owns(&parameter.pat));
            function.params.visit_with(walk);
            if let Some(body) = &function.body {
                body.stmts.visit_with(walk);
            }
        });
    }
}

/// `return f`: a getter.
fn only_name(statements: &[Stmt]) -> bool {
    matches!(statements, [Stmt::Return(only)] if only.arg.as_ref().is_some_and(|value| unparenthesised(value).is_ident()))
}

/// `exports.f`, `module.exports`, `module.exports.f`.
fn is_export(member: &MemberExpr) -> bool {
    match unparenthesised(&member.obj) {
        Expr::Ident(object) => matches!(&*object.sym, "exports" | "module"),
        Expr::Member(inner) => is_export(inner),
        _ => false,
    }
}
