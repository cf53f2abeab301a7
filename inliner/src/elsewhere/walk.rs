//! One walk over a file's syntax tree that collects assignments and calls: what every name,
//! property, parameter and return value is given, and what is called.
//!
//! Collects without judging, and drops values that can be neither a function nor an environment.

use rustc_hash::FxHashMap;
use swc_atoms::Atom;
use swc_common::Spanned;
use swc_ecma_ast::*;
use swc_ecma_visit::{Visit, VisitWith};

use super::value::{DEPTH, Entry, Piece, Value, key_of, operands, property_name};
use crate::reads::scope::{Opens, ScopeId, Scopes};
use crate::syntax::range;

/// Something that values are assigned to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Place {
    Name(Atom, ScopeId),
    /// All properties with this name, on any object.
    Key(Atom),
    Parameter(u32, usize),
    /// The return value of the function that begins at this offset.
    Returned(u32),
}

/// A function call, or a construction with `new`.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) callee: Value,
    pub(super) arguments: Vec<Value>,
    pub(super) at: u32,
}

/// A property that is assigned or deleted.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) object: Value,
    pub(super) key: Option<Atom>,
    pub(super) value: Value,
}

#[derive(Default)]
pub(super) struct Seen {
    pub(super) scopes: Scopes,
    /// Start and end offsets of functions and classes.
    pub(super) functions: FxHashMap<u32, u32>,
    pub(super) gives: Vec<(Place, Value)>,
    pub(super) calls: Vec<Made>,
    pub(super) written: Vec<Written>,
    /// Texts that are concatenated from values.
    pub(super) texts: Vec<Value>,
    /// Names that are operands of a `+` in which no operand is visibly a string.
    pub(super) added: Vec<Value>,
    /// Objects that spread another object's properties.
    pub(super) copies: Vec<Value>,
    /// Texts that contain `=`, such as `NAME=value node child.js`.
    pub(super) settings: Vec<Atom>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bind {
    Var,
    Here,
    Parameter,
    /// Bound elsewhere: a plain assignment.
    Not,
}

#[derive(Default)]
struct Walk {
    seen: Seen,
    scope: ScopeId,
    /// The enclosing function, and the enclosing class.
    function: u32,
    class: u32,
}

pub(super) fn walk(program: &Program) -> Seen {
    let mut walk = Walk::default();
    program.visit_children_with(&mut walk);
    walk.seen
}

impl Walk {
    fn scoped(&mut self, opens: Opens, body: impl FnOnce(&mut Self)) {
        self.scope = self.seen.scopes.open(self.scope, opens);
        body(self);
        self.scope = self.seen.scopes.parent(self.scope);
    }

    fn of(&self, expr: &Expr) -> Value {
        Value::of(expr, self.scope)
    }

    fn give(&mut self, to: Place, what: Value) {
        if is_carrying(&what) {
            self.seen.gives.push((to, what));
        }
    }

    fn give_key(&mut self, key: Atom, what: Value) {
        self.give(Place::Key(key), what);
    }

    fn bind(&mut self, name: &Atom, kind: Bind) {
        let scopes = &mut self.seen.scopes;
        match kind {
            Bind::Var => scopes.bind_var(self.scope, name),
            Bind::Here => scopes.bind(self.scope, name),
            Bind::Parameter => scopes.bind_parameter(self.scope, name),
            Bind::Not => {}
        }
    }

    fn name(&mut self, name: &Atom, kind: Bind, what: Value) {
        self.bind(name, kind);
        self.give(Place::Name(name.clone(), self.scope), what);
    }

    /// Gives every name of a pattern the part of `what` that it takes.
    fn pattern(&mut self, pattern: &Pat, kind: Bind, what: Value) {
        match pattern {
            Pat::Ident(ident) => self.name(&ident.id.sym, kind, what),
            // An element counts as the whole array.
            Pat::Array(array) => {
                let what = simple(what);
                array.elems.iter().flatten().for_each(|item| self.pattern(item, kind, what.clone()));
            }
            Pat::Rest(rest) => self.pattern(&rest.arg, kind, what),
            Pat::Object(object) => self.object_pattern(object, kind, what),
            Pat::Assign(assign) => {
                let default = self.of(&assign.right);
                self.pattern(&assign.left, kind, Value::Either(vec![what, default]));
                assign.right.visit_with(self);
            }
            Pat::Expr(target) => {
                if let Expr::Member(member) = &**target
                    && let Some(key) = key_of(&member.prop)
                {
                    self.give_key(key, what);
                }
                target.visit_with(self);
            }
            Pat::Invalid(_) => {}
        }
    }

    fn object_pattern(&mut self, object: &ObjectPat, kind: Bind, what: Value) {
        let what = simple(what);
        let part = |key: Option<Atom>| Value::Property(Box::new(what.clone()), key);
        let mut taken = Vec::new();
        for prop in &object.props {
            match prop {
                ObjectPatProp::KeyValue(pair) => {
                    let key = property_name(&pair.key);
                    taken.extend(key.clone());
                    if let PropName::Computed(computed) = &pair.key {
                        computed.expr.visit_with(self);
                    }
                    self.pattern(&pair.value, kind, part(key));
                }
                ObjectPatProp::Assign(short) => {
                    let name = &short.key.id.sym;
                    taken.push(name.clone());
                    self.name(name, kind, part(Some(name.clone())));
                    if let Some(default) = &short.value {
                        let value = self.of(default);
                        self.give(Place::Name(name.clone(), self.scope), value);
                        default.visit_with(self);
                    }
                }
                ObjectPatProp::Rest(rest) => {
                    let what = Value::Rest(Box::new(what.clone()), std::mem::take(&mut taken));
                    self.pattern(&rest.arg, kind, what);
                }
            }
        }
    }

    fn parameters<'p>(&mut self, id: u32, parameters: impl Iterator<Item = &'p Pat>) {
        for (index, parameter) in parameters.enumerate() {
            self.pattern(parameter, Bind::Parameter, Value::Parameter(id, index));
        }
    }

    fn inside(&mut self, id: u32, body: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.function, id);
        self.scoped(Opens::Parameters, body);
        self.function = outer;
    }

    fn body(&mut self, statements: &[Stmt]) {
        self.scoped(Opens::Body, |walk| statements.iter().for_each(|statement| statement.visit_with(walk)));
    }

    fn made(&mut self, callee: Value, arguments: &[ExprOrSpread], at: u32) {
        let of = |argument: &ExprOrSpread| match argument.spread {
            Some(_) => Value::Unknown,
            None => Value::of(&argument.expr, self.scope),
        };
        let arguments: Vec<Value> = arguments.iter().map(of).collect();
        for (index, argument) in arguments.iter().enumerate() {
            // `tasks.map((task) => …)`: an inline callback's first parameter is given the
            // contents of the method's object.
            if let (Value::Property(object, _), Value::Function(id)) = (&callee, argument) {
                let object = simple((**object).clone());
                self.give(Place::Parameter(*id, 0), object);
            }
            if let Value::Function(id) = &callee {
                self.give(Place::Parameter(*id, index), argument.clone());
            }
        }
        // What is added to a collection counts as the collection.
        if let Value::Property(object, Some(key)) = &callee
            && matches!(&**key, "push" | "unshift" | "add" | "set")
        {
            let to = match &**object {
                Value::Name(name, scope) => Some(Place::Name(name.clone(), *scope)),
                Value::Property(_, Some(key)) => Some(Place::Key(key.clone())),
                _ => None,
            };
            if let Some(to) = to {
                arguments.iter().for_each(|argument| self.give(to.clone(), argument.clone()));
            }
        }
        self.seen.calls.push(Made { callee, arguments, at });
    }

    fn write(&mut self, member: &MemberExpr, value: Value) {
        let (object, key) = (self.of(&member.obj), key_of(&member.prop));
        if let Some(key) = &key {
            self.give_key(key.clone(), value.clone());
        }
        self.seen.written.push(Written { object, key, value });
    }

    fn import(&mut self, import: &ImportDecl) {
        let is_process =
            import.src.value.as_str().is_some_and(|name| matches!(name, "process" | "node:process"));
        let source = Value::Literal(import.src.value.as_str().unwrap_or_default().into());
        let module = Value::Call(Box::new(Value::Name("import".into(), 0)), vec![source]);
        let of = |key: &str| Value::Property(Box::new(module.clone()), Some(key.into()));
        for specifier in &import.specifiers {
            let (local, key) = match specifier {
                ImportSpecifier::Named(named) => {
                    let imported = named.imported.as_ref().map(|name| name.atom().into_owned());
                    (&named.local, imported.unwrap_or_else(|| named.local.sym.clone()))
                }
                ImportSpecifier::Default(default) => (&default.local, "default".into()),
                ImportSpecifier::Namespace(all) => {
                    self.name(&all.local.sym, Bind::Here, module.clone());
                    continue;
                }
            };
            let what = match (is_process, &*key) {
                (true, "default") => of("process"),
                (true, _) => Value::Property(Box::new(of("process")), Some(key)),
                (false, _) => of(&key),
            };
            self.name(&local.sym, Bind::Here, what);
        }
    }

    fn export(&mut self, name: &Ident) {
        self.give_key(name.sym.clone(), Value::Name(name.sym.clone(), self.scope));
    }
}

/// Whether a value may be a function or an environment.
fn is_carrying(value: &Value) -> bool {
    match value {
        Value::Unknown | Value::Undefined => false,
        // A text that names the environment may be run as code.
        Value::Literal(text) => text.contains("env"),
        Value::Either(values) | Value::Array(values) => values.iter().any(is_carrying),
        _ => true,
    }
}

/// The value if it is small enough to be cloned many times, otherwise `Unknown`.
fn simple(value: Value) -> Value {
    match value {
        Value::Name(..) | Value::Parameter(..) | Value::Property(..) | Value::Rest(..) => value,
        Value::Array(ref elements) if elements.len() <= 8 => value,
        Value::Call(_, ref arguments) if arguments.len() <= 1 => value,
        Value::Either(ref values) if values.len() <= 2 => value,
        _ => Value::Unknown,
    }
}

impl Visit for Walk {
    fn visit_function(&mut self, function: &Function) {
        let (id, end) = range(function.span);
        self.seen.functions.insert(id, end);
        self.inside(id, |walk| {
            walk.parameters(id, function.params.iter().map(|parameter| &parameter.pat));
            walk.body(function.body.as_ref().map_or(&[], |body| &body.stmts));
        });
    }

    fn visit_arrow_expr(&mut self, arrow: &ArrowExpr) {
        let (id, end) = range(arrow.span);
        self.seen.functions.insert(id, end);
        self.inside(id, |walk| {
            walk.parameters(id, arrow.params.iter());
            match &*arrow.body {
                ArrowFunctionBody::FunctionBody(body) => walk.body(&body.stmts),
                ArrowFunctionBody::Expr(value) => {
                    let returned = walk.of(value);
                    walk.give(Place::Returned(id), returned);
                    value.visit_with(walk);
                }
            }
        });
    }

    fn visit_constructor(&mut self, constructor: &Constructor) {
        let class = self.class;
        self.inside(range(constructor.span).0, |walk| {
            let patterns = constructor.params.iter().filter_map(|parameter| match parameter {
                ParamOrTsParamProp::Param(parameter) => Some(&parameter.pat),
                ParamOrTsParamProp::TsParamProp(_) => None,
            });
            walk.parameters(class, patterns);
            walk.body(constructor.body.as_ref().map_or(&[], |body| &body.stmts));
        });
    }

    fn visit_fn_decl(&mut self, declaration: &FnDecl) {
        self.bind(&declaration.ident.sym, Bind::Var);
        let function = Value::Function(range(declaration.function.span).0);
        self.name(&declaration.ident.sym, Bind::Here, function);
        declaration.function.visit_with(self);
    }

    fn visit_fn_expr(&mut self, expr: &FnExpr) {
        self.scoped(Opens::Block, |walk| {
            if let Some(ident) = &expr.ident {
                walk.name(&ident.sym, Bind::Here, Value::Function(range(expr.function.span).0));
            }
            expr.function.visit_with(walk);
        });
    }

    fn visit_class(&mut self, class: &Class) {
        let (id, end) = range(class.span);
        self.seen.functions.insert(id, end);
        let outer = std::mem::replace(&mut self.class, id);
        class.visit_children_with(self);
        self.class = outer;
    }

    fn visit_class_decl(&mut self, declaration: &ClassDecl) {
        self.name(&declaration.ident.sym, Bind::Here, Value::Function(range(declaration.class.span).0));
        declaration.class.visit_with(self);
    }

    fn visit_class_expr(&mut self, expr: &ClassExpr) {
        self.scoped(Opens::Block, |walk| {
            if let Some(ident) = &expr.ident {
                walk.name(&ident.sym, Bind::Here, Value::Function(range(expr.class.span).0));
            }
            expr.class.visit_with(walk);
        });
    }

    fn visit_class_member(&mut self, member: &ClassMember) {
        let given = match member {
            ClassMember::Method(method) => {
                property_name(&method.key).map(|key| (key, Value::Function(range(method.function.span).0)))
            }
            ClassMember::PrivateMethod(method) => {
                let key = Atom::from(format!("#{}", method.key.name));
                Some((key, Value::Function(range(method.function.span).0)))
            }
            ClassMember::ClassProp(prop) => {
                let value = prop.value.as_ref().map(|value| self.of(value));
                property_name(&prop.key).zip(value)
            }
            ClassMember::PrivateProp(prop) => {
                let value = prop.value.as_ref().map(|value| self.of(value));
                value.map(|value| (Atom::from(format!("#{}", prop.key.name)), value))
            }
            _ => None,
        };
        if let Some((key, value)) = given {
            self.give_key(key, value);
        }
        member.visit_children_with(self);
    }

    fn visit_block_stmt(&mut self, block: &BlockStmt) {
        self.scoped(Opens::Block, |walk| block.visit_children_with(walk));
    }

    fn visit_for_stmt(&mut self, statement: &ForStmt) {
        self.scoped(Opens::Block, |walk| statement.visit_children_with(walk));
    }

    fn visit_for_in_stmt(&mut self, statement: &ForInStmt) {
        self.scoped(Opens::Block, |walk| {
            walk.head(&statement.left, Value::Unknown);
            statement.right.visit_with(walk);
            statement.body.visit_with(walk);
        });
    }

    fn visit_for_of_stmt(&mut self, statement: &ForOfStmt) {
        self.scoped(Opens::Block, |walk| {
            let what = walk.of(&statement.right);
            walk.head(&statement.left, what);
            statement.right.visit_with(walk);
            statement.body.visit_with(walk);
        });
    }

    fn visit_switch_stmt(&mut self, statement: &SwitchStmt) {
        self.scoped(Opens::Switch, |walk| statement.visit_children_with(walk));
    }

    fn visit_catch_clause(&mut self, clause: &CatchClause) {
        self.scoped(Opens::Block, |walk| {
            clause.param.iter().for_each(|parameter| walk.pattern(parameter, Bind::Here, Value::Unknown));
            clause.body.visit_with(walk);
        });
    }

    fn visit_var_decl(&mut self, declaration: &VarDecl) {
        let kind = if declaration.kind == VarDeclKind::Var { Bind::Var } else { Bind::Here };
        for declarator in &declaration.decls {
            let what = declarator.init.as_ref().map_or(Value::Unknown, |init| self.of(init));
            self.pattern(&declarator.name, kind, what);
            declarator.init.visit_with(self);
        }
    }

    fn visit_assign_expr(&mut self, assign: &AssignExpr) {
        let value = self.of(&assign.right);
        match &assign.left {
            AssignTarget::Simple(SimpleAssignTarget::Ident(ident)) => {
                self.name(&ident.id.sym, Bind::Not, value)
            }
            AssignTarget::Simple(SimpleAssignTarget::Member(member)) => {
                self.write(member, value);
                member.visit_children_with(self);
            }
            AssignTarget::Simple(other) => other.visit_with(self),
            AssignTarget::Pat(AssignTargetPat::Object(object)) => {
                self.object_pattern(object, Bind::Not, value)
            }
            AssignTarget::Pat(AssignTargetPat::Array(array)) => {
                array.elems.iter().flatten().for_each(|item| self.pattern(item, Bind::Not, Value::Unknown));
            }
            AssignTarget::Pat(AssignTargetPat::Invalid(_)) => {}
        }
        assign.right.visit_with(self);
    }

    fn visit_unary_expr(&mut self, unary: &UnaryExpr) {
        if let (UnaryOp::Delete, Expr::Member(member)) = (unary.op, &*unary.arg) {
            self.write(member, Value::Undefined);
        }
        unary.visit_children_with(self);
    }

    fn visit_return_stmt(&mut self, statement: &ReturnStmt) {
        if let Some(value) = &statement.arg {
            let returned = self.of(value);
            self.give(Place::Returned(self.function), returned);
            value.visit_with(self);
        }
    }

    fn visit_object_lit(&mut self, object: &ObjectLit) {
        for prop in object.props.iter().filter_map(PropOrSpread::as_prop) {
            let given = match &**prop {
                Prop::Shorthand(ident) => {
                    Some((ident.sym.clone(), Value::Name(ident.sym.clone(), self.scope)))
                }
                Prop::KeyValue(pair) => property_name(&pair.key).map(|key| (key, self.of(&pair.value))),
                Prop::Method(method) => property_name(&method.key)
                    .map(|key| (key, Value::Function(range(method.function.span).0))),
                _ => None,
            };
            if let Some((key, value)) = given {
                self.give_key(key, value);
            }
        }
        if object.props.iter().any(PropOrSpread::is_spread) {
            let copy = Value::object(object, self.scope, DEPTH);
            self.seen.copies.push(copy);
        }
        object.visit_children_with(self);
    }

    fn visit_call_expr(&mut self, call: &CallExpr) {
        let callee = match &call.callee {
            Callee::Expr(callee) => self.of(callee),
            Callee::Import(_) => Value::Name("import".into(), 0),
            Callee::Super(_) => Value::Unknown,
        };
        self.made(callee, &call.args, range(call.span).0);
        call.visit_children_with(self);
    }

    fn visit_opt_call(&mut self, call: &OptCall) {
        let callee = self.of(&call.callee);
        self.made(callee, &call.args, range(call.span).0);
        call.visit_children_with(self);
    }

    fn visit_new_expr(&mut self, new: &NewExpr) {
        let callee = self.of(&new.callee);
        self.made(callee, new.args.as_deref().unwrap_or_default(), range(new.span).0);
        new.visit_children_with(self);
    }

    fn visit_bin_expr(&mut self, binary: &BinExpr) {
        if binary.op != BinaryOp::Add {
            return binary.visit_children_with(self);
        }
        let Value::Text(pieces) = Value::sum(binary, self.scope, DEPTH) else { return };
        let is_text = |piece: &Piece| matches!(piece, Piece::Literal(_) | Piece::Of(Value::Text(_)));
        if pieces.iter().any(is_text) {
            self.seen.texts.push(Value::Text(pieces));
        } else {
            self.seen.added.extend(pieces.into_iter().filter_map(|piece| match piece {
                Piece::Of(value @ Value::Name(..)) => Some(value),
                _ => None,
            }));
        }
        operands(binary).into_iter().for_each(|operand| operand.visit_with(self));
    }

    fn visit_tpl(&mut self, template: &Tpl) {
        let text = Value::template(template, self.scope, DEPTH);
        self.seen.texts.push(text);
        for text in template.quasis.iter().filter_map(|quasi| quasi.cooked.as_ref()?.as_str()) {
            self.setting(text);
        }
        template.exprs.visit_with(self);
    }

    fn visit_tagged_tpl(&mut self, tagged: &TaggedTpl) {
        tagged.tag.visit_with(self);
        tagged
            .tpl
            .quasis
            .iter()
            .filter_map(|quasi| quasi.cooked.as_ref()?.as_str())
            .for_each(|text| self.setting(text));
        tagged.tpl.exprs.visit_with(self);
    }

    fn visit_str(&mut self, text: &Str) {
        text.value.as_str().into_iter().for_each(|text| self.setting(text));
    }

    fn visit_import_decl(&mut self, import: &ImportDecl) {
        self.import(import);
    }

    fn visit_named_export(&mut self, export: &NamedExport) {
        for specifier in &export.specifiers {
            let ExportSpecifier::Named(named) = specifier else { continue };
            let ModuleExportName::Ident(local) = &named.orig else { continue };
            let name =
                named.exported.as_ref().map_or_else(|| local.sym.clone(), |name| name.atom().into_owned());
            if export.src.is_none() {
                self.give_key(name, Value::Name(local.sym.clone(), self.scope));
            }
        }
    }

    fn visit_export_decl(&mut self, export: &ExportDecl) {
        export.decl.visit_with(self);
        match &export.decl {
            Decl::Fn(function) => self.export(&function.ident),
            Decl::Class(class) => self.export(&class.ident),
            Decl::Var(variables) => {
                let names = variables.decls.iter().filter_map(|one| one.name.as_ident());
                names.for_each(|name| self.export(&name.id));
            }
            _ => {}
        }
    }

    fn visit_export_default_expr(&mut self, export: &ExportDefaultExpr) {
        let value = self.of(&export.expr);
        self.give_key("default".into(), value);
        export.visit_children_with(self);
    }

    fn visit_export_default_decl(&mut self, export: &ExportDefaultDecl) {
        let (ident, span) = match &export.decl {
            DefaultDecl::Fn(function) => (&function.ident, function.function.span),
            DefaultDecl::Class(class) => (&class.ident, class.class.span),
            DefaultDecl::TsInterfaceDecl(other) => (&None, other.span()),
        };
        let value = Value::Function(range(span).0);
        if let Some(ident) = ident {
            self.name(&ident.sym, Bind::Here, value.clone());
        }
        self.give_key("default".into(), value);
        export.visit_children_with(self);
    }
}

impl Walk {
    fn head(&mut self, head: &ForHead, what: Value) {
        match head {
            ForHead::VarDecl(declaration) => {
                let kind = if declaration.kind == VarDeclKind::Var { Bind::Var } else { Bind::Here };
                declaration.decls.iter().for_each(|one| self.pattern(&one.name, kind, simple(what.clone())));
            }
            ForHead::UsingDecl(declaration) => declaration.visit_with(self),
            ForHead::Pat(pattern) => self.pattern(pattern, Bind::Not, what),
        }
    }

    fn setting(&mut self, text: &str) {
        if text.contains('=') {
            self.seen.settings.push(text.into());
        }
    }
}

/// The entries of an object literal.
pub(super) fn entries(value: &Value) -> &[Entry] {
    match value {
        Value::Object(entries) => entries,
        _ => &[],
    }
}
