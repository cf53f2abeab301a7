//! Imports and exports: what a file takes from others and hands to them.
//!
//! Owns the module syntax. What comes from the process module is known; what comes from other files is what they are known
//! to hand on, and it refuses to guess the rest.

use swc_atoms::Atom;
use swc_common::Spanned;
use swc_ecma_ast::*;

use super::calls::is_process_module;
use super::declare::Declared;
use super::flow::Export;
use super::walk::Walk;
use crate::syntax::range;

impl Walk<'_> {
    pub(super) fn import(&mut self, import: &ImportDecl) {
        let source = import.src.value.as_str().unwrap_or_default();
        for specifier in &import.specifiers {
            let local = specifier.local();
            self.declare_other(local, Declared::Here);
            match source {
                "process" | "node:process" => self.import_of_process(specifier, local),
                "module" | "node:module" => self.import_of_module(specifier, local),
                _ => self.import_of_file(source, specifier, local),
            }
        }
    }

    fn import_of_file(&mut self, source: &str, specifier: &ImportSpecifier, local: &Ident) {
        let shared = match specifier {
            ImportSpecifier::Default(_) => self.others.exported(source, "default"),
            ImportSpecifier::Named(named) => {
                let name = named.imported.as_ref().map_or(local.sym.clone(), |name| name.atom().into_owned());
                self.others.exported(source, &name)
            }
            ImportSpecifier::Namespace(_) => None,
        };
        if let Some(shared) = shared {
            let binding = self.binding(local);
            self.facts.linked.push((binding, shared));
        }
    }

    pub(super) fn named_export(&mut self, export: &NamedExport) {
        let named = export.specifiers.iter().filter_map(|specifier| specifier.as_named());
        for (from, to) in named.map(|named| (&named.orig, named.exported.as_ref().unwrap_or(&named.orig))) {
            let to = to.atom().into_owned();
            match (&export.src, from) {
                (Some(source), from) => {
                    let source = source.value.as_str().unwrap_or_default();
                    let shared = self.others.exported(source, &from.atom());
                    self.facts.forwarded.extend(shared.map(|shared| (to.clone(), shared)));
                    self.facts.export_names.insert(to);
                }
                (None, ModuleExportName::Ident(ident)) => self.export(ident, &to),
                (None, ModuleExportName::Str(_)) => {}
            }
        }
        if export.src.as_ref().is_some_and(|source| is_process_module(source)) {
            self.facts.reexported.push(range(export.span).0);
        }
    }

    pub(super) fn export_all(&mut self, export: &ExportAll) {
        if is_process_module(&export.src) {
            self.facts.reexported.push(range(export.span()).0);
        }
        let source = export.src.value.as_str().unwrap_or_default();
        let all = self.others.all(source).into_iter().filter(|(name, _)| name != "default");
        self.facts.stars.extend(all.map(|(name, shared)| (Atom::from(name), shared)));
    }

    pub(super) fn exported_declaration(&mut self, declaration: &Decl) {
        match declaration {
            Decl::Var(declaration) => {
                declaration.decls.iter().for_each(|declarator| self.export_names(&declarator.name));
            }
            Decl::Fn(function) => self.export(&function.ident, &function.ident.sym),
            Decl::Class(class) => self.export(&class.ident, &class.ident.sym),
            _ => {}
        }
    }

    pub(super) fn export(&mut self, ident: &Ident, name: &Atom) {
        self.facts.export_names.insert(name.clone());
        if self.is_tracked(&ident.sym) {
            let (local, at) = (ident.sym.clone(), range(ident.span).0);
            self.facts.exported.push(Export { local, scope: self.scope, at, name: name.clone() });
        }
    }
}
