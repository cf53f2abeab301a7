//! Modules of the workspace's crates and the references between them: every path that starts with
//! `crate`, `self`, `super` or a workspace crate, in an import, in code or in a macro's argument.
//! Tests are left out.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// A module's index in [`Sources::modules`].
pub(super) type ModuleId = usize;

/// A module, in a file of its own or inside of its parent's.
#[derive(Debug)]
pub(super) struct Module {
    /// The crate's name, as paths write it, and the modules below it: `["capy_cli", "push"]`.
    pub path: Vec<String>,
    /// The module's file, relative to the workspace's root.
    pub file: PathBuf,
    /// The modules directly in it, by name. Sorted, so that reports are.
    pub children: BTreeMap<String, ModuleId>,
    /// The names that `use` brings into it, each with the absolute path that it stands for.
    imports: HashMap<String, Vec<String>>,
}

/// A place where one module names another.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    pub from: ModuleId,
    pub to: ModuleId,
    pub line: usize,
}

/// All modules, and all references between two of them.
#[derive(Debug, Default)]
pub(super) struct Sources {
    pub modules: Vec<Module>,
    pub references: Vec<Reference>,
}

/// A path in the source, made absolute.
struct Written {
    from: ModuleId,
    path: Vec<String>,
    line: usize,
}

impl Sources {
    /// Reads crates, each given by its name, as paths write it, and its root file.
    ///
    /// # Errors
    /// If a file cannot be read, or is not Rust.
    pub(super) fn read(root: &Path, crates: &[(String, PathBuf)]) -> Result<Self> {
        let mut reader = Reader { root, crates, sources: Self::default(), written: Vec::new() };
        for (name, file) in crates {
            reader.file(vec![name.clone()], file)?;
        }
        let Reader { mut sources, written, .. } = reader;
        for Written { from, path, line } in written {
            let Some(to) = sources.resolve(&path) else { continue };
            if to != from {
                sources.references.push(Reference { from, to, line });
            }
        }
        Ok(sources)
    }

    /// The module that an absolute path leads into. Follows re-exports to the module of the
    /// definition.
    fn resolve(&self, path: &[String]) -> Option<ModuleId> {
        let mut path = path.to_vec();
        // The limit ends a cycle of re-exports.
        for _ in 0..16 {
            let (first, rest) = path.split_first()?;
            let mut at = self.modules.iter().position(|module| module.path == [first.as_str()])?;
            let mut depth = 0;
            while let Some(child) = rest.get(depth).and_then(|name| self.modules[at].children.get(name)) {
                at = *child;
                depth += 1;
            }
            let Some((name, after)) = rest[depth..].split_first() else { return Some(at) };
            let Some(import) = self.modules[at].imports.get(name) else { return Some(at) };
            // The import comes from outside of the workspace, so the path names the module that
            // re-exports it.
            if !self.modules.iter().any(|module| module.path[..] == import[..1]) {
                return Some(at);
            }
            path = [&import[..], after].concat();
        }
        None
    }

    /// Whether a module is the other one, or lies in it.
    pub(super) fn is_within(&self, inner: ModuleId, outer: ModuleId) -> bool {
        self.modules[inner].path.starts_with(&self.modules[outer].path)
    }
}

struct Reader<'a> {
    root: &'a Path,
    crates: &'a [(String, PathBuf)],
    sources: Sources,
    written: Vec<Written>,
}

impl Reader<'_> {
    fn file(&mut self, path: Vec<String>, file: &Path) -> Result<ModuleId> {
        let text = std::fs::read_to_string(self.root.join(file))
            .with_context(|| format!("{} cannot be read", file.display()))?;
        let syntax =
            syn::parse_file(&text).with_context(|| format!("{} is not read as Rust", file.display()))?;
        let folder = folder_of_children(file);
        self.module(path, file, &folder, &syntax.items)
    }

    fn module(
        &mut self,
        path: Vec<String>,
        file: &Path,
        folder: &Path,
        items: &[syn::Item],
    ) -> Result<ModuleId> {
        let id = self.sources.modules.len();
        self.sources.modules.push(Module {
            path,
            file: file.to_owned(),
            children: BTreeMap::new(),
            imports: HashMap::new(),
        });
        for item in items {
            let syn::Item::Mod(module) = item else { continue };
            if is_test(&module.attrs) {
                continue;
            }
            let name = module.ident.to_string();
            let path = [&self.sources.modules[id].path[..], std::slice::from_ref(&name)].concat();
            let child = match &module.content {
                Some((_, items)) => self.module(path, file, &folder.join(&name), items)?,
                None => {
                    let file = self.file_of(&name, folder, &module.attrs)?;
                    self.file(path, &file)?
                }
            };
            self.sources.modules[id].children.insert(name, child);
        }
        let mut names = Names { reader: self, module: id };
        for item in items {
            names.visit_item(item);
        }
        Ok(id)
    }

    fn file_of(&self, name: &str, folder: &Path, attributes: &[syn::Attribute]) -> Result<PathBuf> {
        if let Some(path) = attributes.iter().find_map(path_attribute) {
            // Such a path is relative to the file's folder. In a file with a folder of its own this
            // would be wrong, but none of ours has such a path there.
            return Ok(folder.join(path));
        }
        let candidates = [folder.join(format!("{name}.rs")), folder.join(name).join("mod.rs")];
        match candidates.iter().find(|candidate| self.root.join(candidate).is_file()) {
            Some(file) => Ok(file.clone()),
            None => bail!("neither {} nor {} exists", candidates[0].display(), candidates[1].display()),
        }
    }

    /// Makes a path absolute, if it starts with `crate`, `super`, `self` or a workspace crate.
    fn absolute(&self, module: ModuleId, segments: &[String]) -> Option<Vec<String>> {
        let of = &self.sources.modules[module].path;
        let (first, mut rest) = segments.split_first()?;
        let mut base = match first.as_str() {
            "crate" => of[..1].to_vec(),
            "self" => of.clone(),
            "super" => of[..of.len().checked_sub(1).filter(|left| *left > 0)?].to_vec(),
            name if self.crates.iter().any(|(known, _)| known == name) => vec![name.to_owned()],
            _ => return None,
        };
        while let Some((next, after)) = rest.split_first().filter(|(next, _)| *next == "super") {
            debug_assert_eq!(next, "super");
            base.pop().filter(|_| !base.is_empty())?;
            rest = after;
        }
        base.extend_from_slice(rest);
        Some(base)
    }
}

/// The folder of a file's child modules: `a/` for `a.rs`, and the file's own folder for `mod.rs`
/// and the root of a crate.
fn folder_of_children(file: &Path) -> PathBuf {
    let folder = file.parent().unwrap_or(Path::new(""));
    match file.file_stem().and_then(|stem| stem.to_str()) {
        Some("lib" | "main" | "mod") | None => folder.to_owned(),
        Some(stem) => folder.join(stem),
    }
}

fn path_attribute(attribute: &syn::Attribute) -> Option<String> {
    let syn::Meta::NameValue(meta) = &attribute.meta else { return None };
    let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(path), .. }) = &meta.value else { return None };
    meta.path.is_ident("path").then(|| path.value())
}

/// Whether an item is compiled only for tests.
fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        if attribute.path().is_ident("test") {
            return true;
        }
        let syn::Meta::List(list) = &attribute.meta else { return false };
        attribute.path().is_ident("cfg") && asks_for_test(list.tokens.clone())
    })
}

/// Whether a `cfg` condition contains `test`, but not inside of `not(…)`.
fn asks_for_test(condition: TokenStream) -> bool {
    let mut negated = false;
    for token in condition {
        match token {
            TokenTree::Ident(name) if name == "test" => return true,
            TokenTree::Ident(name) => negated = name == "not",
            TokenTree::Group(group) if !negated && asks_for_test(group.stream()) => return true,
            _ => negated = false,
        }
    }
    false
}

/// Collects the paths that one module's items name.
struct Names<'a, 'b> {
    reader: &'a mut Reader<'b>,
    module: ModuleId,
}

impl Names<'_, '_> {
    fn name(&mut self, segments: &[String], line: usize) {
        if segments.len() < 2 {
            return;
        }
        if let Some(path) = self.reader.absolute(self.module, segments) {
            self.reader.written.push(Written { from: self.module, path, line });
        }
    }

    fn import(&mut self, before: &mut Vec<String>, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.import(before, &path.tree);
                before.pop();
            }
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(before, tree);
                }
            }
            syn::UseTree::Glob(glob) => self.name(&[before, &["*".to_owned()][..]].concat(), line(glob)),
            syn::UseTree::Name(name) => self.import_as(before, &name.ident, &name.ident),
            syn::UseTree::Rename(rename) => self.import_as(before, &rename.ident, &rename.rename),
        }
    }

    fn import_as(&mut self, before: &[String], what: &syn::Ident, name: &syn::Ident) {
        let mut path = before.to_vec();
        let mut name = name.to_string();
        if what == "self" {
            if name == "self" {
                name = path.last().cloned().unwrap_or_default();
            }
        } else {
            path.push(what.to_string());
        }
        self.name(&path, line(what));
        let module = &self.reader.sources.modules[self.module];
        let whole = match self.reader.absolute(self.module, &path) {
            Some(whole) => whole,
            // A path into a child module, or into a crate outside of the workspace.
            None if path.first().is_some_and(|first| module.children.contains_key(first)) => {
                [&module.path[..], &path].concat()
            }
            None => return,
        };
        self.reader.sources.modules[self.module].imports.insert(name, whole);
    }

    /// Finds paths in tokens that are not parsed, such as a macro's arguments.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        let mut at = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.name(&std::mem::take(&mut path), at);
                        at = line(&name);
                    }
                    path.push(name.to_string());
                    colons = 0;
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
                other => {
                    self.name(&std::mem::take(&mut path), at);
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.name(&path, at);
    }
}

fn line(spanned: &impl Spanned) -> usize {
    spanned.span().start().line
}

impl<'ast> Visit<'ast> for Names<'_, '_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        match item {
            // `Reader::module` reads child modules by themselves.
            syn::Item::Mod(_) => {}
            syn::Item::Use(item) if !is_test(&item.attrs) => self.import(&mut Vec::new(), &item.tree),
            item if is_test(attributes(item)) => {}
            item => visit::visit_item(self, item),
        }
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        if let syn::ImplItem::Fn(function) = item
            && is_test(&function.attrs)
        {
            return;
        }
        visit::visit_impl_item(self, item);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.name(&segments, line(path));
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.visit_path(&call.path);
        self.tokens(call.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
        }
    }

    /// `pub(in …)` says where an item is visible, not what it needs.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
